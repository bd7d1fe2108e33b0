/** A free look at one photo of the tray: what is ordered then is what was looked at. */

import { ask } from "../api.js";
import { follow } from "../events.js";
import { submitted } from "../submit.js";
import { REMEDIES } from "../words.js";

/**
 * Make a look at a photo as the draft asks, and return it: {body, seed, render}. Throws Refusal, or an Error that says
 * why there is none.
 */
export async function singleLook(item, draft, signal) {
  const body = askedFor(item, draft);
  const { name, placement } = item;
  const asks = { seed: draft.seed, name, placement, dressing: draft.dressing(item), preview: true };
  const { job_id: id } = await submitted(draft.body(item), asks);
  await follow(id, () => {}, { signal });
  signal.throwIfAborted();
  const { error, render, seed: drawn } = await ask(`/v1/jobs/${id}`, { signal });
  if (!render) throw new Error(error ? `${error.message} ${REMEDIES[error.code] ?? ""}` : "This preview has expired.");
  const { public_id, width, height } = render;
  return { body, seed: drawn, render: { public_id, width, height } };
}

/** Return the look that a photo of the tray has at what the draft asks, or null: another scene is another picture. */
export const lookOf = (item, draft) => (item.look?.body === askedFor(item, draft) ? item.look : null);

const askedFor = (item, draft) => JSON.stringify([draft.body(item), draft.dressing(item)]);
