/** Asks the service for the product's placement. */

import { ask } from "../calls/api.js";
import { SUBMIT, asked } from "../calls/submit.js";

/**
 * Return the default placement of a photo, {box, anchor, edges}; null: the product does not fit.
 *
 * The photo, `source`, must be cut out. `scene` replaces the draft's. If the channel forbids the scene, the placement is
 * on white. Throws Refusal.
 */
export async function plannedPlace(draft, source, signal, scene) {
  const placement = { ...draft.placement, ...source.placement, ...(source.stance && { stance: source.stance }) };
  // Another scene may lack the surfaces that the draft has colours for.
  const query = asked({ placement, options: draft.options(scene ? { ...source, scene } : source) });
  query.set("dry_run", "true");
  const body = draft.body(source);
  if (scene ?? draft.forbidden) body.scene_type = scene ?? "white";
  const { place } = await ask(`${SUBMIT}?${query}`, { method: "POST", body, signal });
  return place;
}
