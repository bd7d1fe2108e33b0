/** Orders pictures. A retry after a lost connection, and an order of a picture that exists, are not charged again. */

import { ask, requestKey } from "./api.js";
import { say } from "../page/dom.js";
import { over } from "./events.js";
import { AS_SCENE, UNMOVED, showsScene } from "../order/options.js";
import { keep, kept } from "./session.js";

export const SUBMIT = "/v1/background-swap-with-spec";
const PENDING = "backdrop-pending";
/** This tab's orders, job by picture; and the number of entries to keep. */
const MADE = "backdrop-made";
const MOST_MADE = 100;
/** The API's limit of `reference`, in characters. */
const LONGEST_NAME = 200;

/** Return `order` for a button: a double click orders once, and the element `failed` shows the Refusal. */
export function ordering(studio, failed) {
  let busy = false;
  return async (body, options) => {
    if (busy) return;
    busy = true;
    failed.textContent = "";
    try {
      await order(studio, body, options);
    } catch (error) {
      failed.textContent =
        error.code === "insufficient_credits"
          ? "You have too few credits for this. Ask the person who set up Backdrop for more."
          : error.message;
      busy = false; // stays set after success: a click before the next view would order again
    }
  };
}

/** Order a picture, unless this tab has ordered it before, and open its page. Throws Refusal. */
export async function order(studio, body, options) {
  const before = await existing(studio, body, options);
  const id = before ?? (await submitted(body, options)).job_id;
  say(before ? "You have ordered this picture before." : "Accepted. Your picture is being made.");
  if (!before) {
    const picture = pictureOf(studio, body, options);
    const made = Object.entries({ ...kept(MADE), ...(picture && { [picture]: id }) });
    keep(MADE, Object.fromEntries(made.slice(-MOST_MADE)));
    studio.ordered();
  }
  studio.go(`jobs/${id}`);
}

/** Return this tab's job for the same picture, if the picture exists or is being made; null: none. Throws Refusal. */
export async function existing(studio, body, options) {
  const id = kept(MADE)?.[pictureOf(studio, body, options)];
  if (!id) return null;
  const job = await ask(`/v1/jobs/${id}`).catch((error) => (error.status === 404 ? null : Promise.reject(error)));
  const there = job && (over(job) ? job.status === "SUCCESS" && job.render : true); // it may have failed, or be deleted
  return there ? id : null;
}

/** Return what decides a picture's pixels, as a string; null: the service will draw a seed. */
function pictureOf({ draft, catalogue, looks }, body, { seed, placement, options }) {
  const brand = draft.brands.find(({ name }) => name === body.pilot_brand);
  const preset = catalogue.output_presets.find(({ name }) => name === body.output_preset);
  const bare = ["white", "transparent"].includes(preset?.background) || body.scene_type === "white";
  // Without a scene, a seed changes nothing.
  const drawn = bare || !showsScene(options.background) ? 0 : (seed ?? brand?.seed ?? null);
  return drawn === null ? null : JSON.stringify([body, String(asked({ seed: drawn, placement, options })), brand, looks.mends]);
}

/**
 * Send a request with an idempotency key that a retry repeats. Returns the answer; throws Refusal.
 *
 * @param {object} whole the body; null leaves a field out
 * @param {object} options `seed`: null for a new one; `name`: the photo's, for the gallery and file names; `placement`
 *   of the product and the draft's `options`: null for the service's defaults; `preview`: a free preview
 */
export async function submitted(whole, { name, ...options } = {}) {
  // The API takes an absent brand, not an empty one.
  const body = Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== null));
  const reference = name?.replace(/\p{Cc}/gu, " ").slice(0, LONGEST_NAME) || null;
  const query = asked({ ...options, reference });
  return posted(query.size ? `${SUBMIT}?${query}` : SUBMIT, body);
}

/** Send an order with an idempotency key that a retry repeats, also after a reload. Throws Refusal. */
export async function posted(path, body) {
  const sent = JSON.stringify([path, body]);
  const { [sent]: known, ...others } = kept(PENDING) ?? {};
  const key = known ?? requestKey();
  keep(PENDING, { ...others, [sent]: key });
  // Without a final answer, a retry must send the same key. After a refusal nothing was charged.
  const refused = (error) => (error.passing || forget(sent), Promise.reject(error));
  const accepted = await ask(path, { method: "POST", body, headers: { "Idempotency-Key": key } }).catch(refused);
  forget(sent);
  return accepted;
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
