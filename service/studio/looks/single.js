/** A free preview of one photo of the tray; an order then makes the same picture. */

import { ask } from "../calls/api.js";
import { follow } from "../calls/events.js";
import { submitted } from "../calls/submit.js";
import { REMEDIES } from "../page/words.js";

/**
 * Make a preview of a photo with the draft's choices and return {body, seed, render}. Throws Refusal, or an Error that
 * says why there is none.
 */
export async function singleLook(item, draft, signal) {
  const body = askedFor(item, draft);
  const { name, placement } = item;
  const asks = { seed: draft.seed, name, placement, options: draft.options(item), preview: true };
  const { job_id: id } = await submitted(draft.body(item), asks);
  await follow(id, () => {}, { signal });
  signal.throwIfAborted();
  const { error, render, seed: drawn } = await ask(`/v1/jobs/${id}`, { signal });
  if (!render) throw new Error(error ? `${error.message} ${REMEDIES[error.code] ?? ""}` : "This preview has expired.");
  const { public_id, width, height } = render;
  return { body, seed: drawn, render: { public_id, width, height } };
}

/** Return a photo's preview if it fits the draft's current choices, or null. */
export const lookOf = (item, draft) => (item.look?.body === askedFor(item, draft) ? item.look : null);

const askedFor = (item, draft) => JSON.stringify([draft.body(item), draft.options(item)]);
