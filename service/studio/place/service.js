/** Where the service would put the product. */

import { ask } from "../api.js";
import { SUBMIT, asked } from "../submit.js";

/**
 * Return where preset, scene and brand put the product of the draft's photo, {box, anchor, edges}; null: nowhere.
 *
 * The photo has to be cut out. A `look` at it knows best how its product stands; null: there is none. Of a scene that the channel forbids, where it would be on white. Throws Refusal.
 */
export async function plannedPlace(draft, look, signal) {
  const query = asked({ placement: draft.placement, dressing: draft.dressing() });
  query.set("dry_run", "true");
  const asks = draft.body(look ? { render: look.job.render.public_id } : draft.source);
  const body = draft.forbidden ? { ...asks, scene_type: "white" } : asks;
  const { place } = await ask(`${SUBMIT}?${query}`, { method: "POST", body, signal });
  return place;
}
