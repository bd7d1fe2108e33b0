/** Sends a request for a picture so that it counts once, however often the line breaks. */

import { ask, requestKey } from "./api.js";
import { AS_SCENE, UNMOVED } from "./draft.js";
import { keep, kept } from "./session.js";

export const SUBMIT = "/v1/background-swap-with-spec";
const PENDING = "backdrop-pending";
/** The longest `reference` that the service takes. */
const LONGEST_NAME = 200;

/**
 * Send a request once, however often the line breaks. Returns the answer; throws Refusal.
 *
 * @param {object} body
 * @param {object} options `seed`: null for a new one; `name`: the photo's, by which its picture is called in the
 *   gallery and as a file; `placement`: of the product, `dressing`: of its scene, null as the service has it;
 *   `preview`: a free look
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
    // Without an answer, or with an unsure one, the same key is sent again; a refusal charged nothing.
    if (!error.passing) forget(sent);
    throw error;
  }
}

/** Return what is asked beside the body, as a query; what is as usual is left out. */
export function asked({ seed = null, placement, dressing, preview, reference }) {
  const query = new URLSearchParams();
  if (seed !== null) query.set("seed", seed);
  const usual = { ...UNMOVED, ...AS_SCENE };
  for (const [name, value] of Object.entries({ ...placement, ...dressing })) {
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
