/** Sends a request for a picture so that it counts once, however often the line breaks. */

import { ask, requestKey } from "./api.js";
import { UNMOVED } from "./draft.js";
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
 *   gallery and as a file; `placement`: of the product, null as the service has it; `options`: of the draft; `preview`: a free look
 */
export async function submitted(body, { seed = null, name = null, placement = null, options = {}, preview = false } = {}) {
  const reference = name?.replace(/\p{Cc}/gu, " ").slice(0, LONGEST_NAME) || null;
  const query = asked({ seed, placement, options, preview, reference });
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
export function asked({ seed = null, placement = null, options = {}, preview = false, reference = null }) {
  const query = new URLSearchParams(options);
  if (seed !== null) query.set("seed", seed);
  for (const [name, value] of Object.entries(placement ?? {})) {
    if (value !== UNMOVED[name]) query.set(name, value);
  }
  if (preview) query.set("preview", "true");
  if (reference) query.set("reference", reference);
  return query;
}

function forget(sent) {
  const { [sent]: _, ...others } = kept(PENDING) ?? {};
  keep(PENDING, others);
}
