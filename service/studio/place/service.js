/** Where the service would put the product. */

import { ask } from "../api.js";
import { SUBMIT, asked } from "../submit.js";

/**
 * Return where preset, scene and brand put the product of the draft's photo, {box, anchor, edges}; null: nowhere.
 *
 * The photo has to be cut out. Of a scene that the channel forbids, where it would be on white. Throws Refusal.
 */
export async function plannedPlace(draft, signal) {
  const query = asked({ placement: draft.placement });
  query.set("dry_run", "true");
  const body = draft.forbidden ? { ...draft.body(), scene_type: "white" } : draft.body();
  const { place } = await ask(`${SUBMIT}?${query}`, { method: "POST", body, signal });
  return place;
}
