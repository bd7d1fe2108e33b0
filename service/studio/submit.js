/** Sends a request for a picture, so that a retry after a lost connection is not charged twice. */

import { ask, requestKey } from "./api.js";
import { AS_SCENE, UNMOVED } from "./options.js";
import { keep, kept } from "./session.js";

export const SUBMIT = "/v1/background-swap-with-spec";
const PENDING = "backdrop-pending";
/** The API's limit of `reference`, in characters. */
const LONGEST_NAME = 200;

/**
 * Send a request with an idempotency key that a retry repeats. Returns the answer; throws Refusal.
 *
 * @param {object} body
 * @param {object} options `seed`: null for a new one; `name`: the photo's, for the gallery and file names; `placement`
 *   of the product and the draft's `options`: null for the service's defaults; `preview`: a free preview
 */
export async function submitted(body, { name, ...options } = {}) {
  const reference = name?.replace(/\p{Cc}/gu, " ").slice(0, LONGEST_NAME) || null;
  const query = asked({ ...options, reference });
  const sent = JSON.stringify([body, query.toString()]);
  const key = kept(PENDING)?.[sent] ?? requestKey();
  keep(PENDING, { ...kept(PENDING), [sent]: key });
  try {
    const path = query.size ? `${SUBMIT}?${query}` : SUBMIT;
    const accepted = await ask(path, { method: "POST", body, headers: { "Idempotency-Key": key } });
    forget(sent);
    return accepted;
  } catch (error) {
    // Without a final answer, a retry must send the same key. After a refusal nothing was charged.
    if (!error.passing) forget(sent);
    throw error;
  }
}

/** Return the query of a request, without parameters that have their default. */
export function asked({ seed = null, placement, options, preview, reference }) {
  const query = new URLSearchParams();
  if (seed !== null) query.set("seed", seed);
  const usual = { ...UNMOVED, ...AS_SCENE };
  for (const [name, value] of Object.entries({ ...placement, ...options })) {
    if (value !== usual[name]) query.set(name, value);
  }
  if (preview) query.set("preview", "true");
  if (reference) query.set("reference", reference);
  return query;
}

function forget(sent) {
  const { [sent]: _, ...others } = kept(PENDING) ?? {};
  keep(PENDING, others);
}
