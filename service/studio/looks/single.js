/** A free look at one photo of the tray: what is ordered then is what was looked at. */

import { ask } from "../api.js";
import { follow } from "../events.js";
import { submitted } from "../submit.js";
import { REMEDIES } from "../words.js";

/**
 * Make a look at a request, and return it: {body, seed, render}. Throws Refusal, or an Error that says why there is
 * none.
 *
 * @param {object} body the request
 * @param {object} options `seed`: null for one of the service's choice; `name`: the photo's; `signal`
 */
export async function singleLook(body, { seed, name, signal }) {
  const { job_id: id } = await submitted(body, { seed, name, preview: true });
  await follow(id, () => {}, { signal });
  signal.throwIfAborted();
  const { error, render, seed: drawn } = await ask(`/v1/jobs/${id}`, { signal });
  if (!render) throw new Error(error ? `${error.message} ${REMEDIES[error.code] ?? ""}` : "This look is gone.");
  const { public_id, width, height } = render;
  return { body: JSON.stringify(body), seed: drawn, render: { public_id, width, height } };
}

/** Return the look at a request that a photo of the tray has, or null: another scene is another picture. */
export const lookOf = ({ look }, body) => (look?.body === JSON.stringify(body) ? look : null);
