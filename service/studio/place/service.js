/** Where the service would put the product. */

import { ask } from "../api.js";
import { AS_SCENE } from "../draft.js";
import { SUBMIT, asked } from "../submit.js";

/**
 * Return where preset, scene and brand put the product of the draft's photo, {box, anchor, edges}; null: nowhere.
 *
 * The photo has to be cut out. A `look` at it knows best how its product stands; null: there is none. Of a scene that
 * the channel forbids, where it would be on white. `source` and `scene` are asked about instead of the draft's. Throws
 * Refusal.
 */
export async function plannedPlace(draft, look, signal, { source = draft.source, scene } = {}) {
  const placement = { ...draft.placement, ...source.placement, ...(source.stance && { stance: source.stance }) };
  // Another scene may not have the surfaces that the draft has colours for.
  const query = asked({ placement, dressing: scene ? AS_SCENE : draft.dressing(source) });
  query.set("dry_run", "true");
  const body = draft.body(look ? { render: look.job.render.public_id } : source);
  if (scene ?? draft.forbidden) body.scene_type = scene ?? "white";
  const { place } = await ask(`${SUBMIT}?${query}`, { method: "POST", body, signal });
  return place;
}
