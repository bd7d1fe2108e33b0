/** Cut-outs as the service has them: asked for, read, and given a mask. */

import { ask, requestKey, Refusal, send } from "../api.js";
import { follow, over } from "../events.js";

const CUTOUTS = "/v1/cutouts";
/** Seconds that the service may take before the page asks for itself. */
const WAIT = 25;

/**
 * Cut out a photo, {key} or {render}, and return the cut-out when its job is over, whatever became of it.
 *
 * `subject`: where its product is, [x, y] as shares of the photo; the photo has that product from then on. Without, the
 * same photo gets its first cut-out again, mended or not, unless it is to be tried `again`. Throws Refusal; an
 * AbortError where the signal says so.
 */
export async function cutOut({ key, render }, { signal, again = false, subject }) {
  const body = { ...(render ? { source_render_public_id: render } : { source_image_s3_key: key }), subject };
  const known = again || subject ? requestKey() : `cutout-${render ?? key}`;
  const headers = { Prefer: `return=representation, wait=${WAIT}`, "Idempotency-Key": known };
  const accepted = await ask(CUTOUTS, { method: "POST", body, headers, signal, within: 2000 * WAIT });
  if (over(accepted) && accepted.public_id) return accepted;
  await follow(accepted.job_id, () => {}, { signal });
  signal.throwIfAborted();
  return cutout(accepted.job_id, signal);
}

/** Return a cut-out with addresses that are good for a while. */
export const cutout = (id, signal) => ask(`${CUTOUTS}/${id}`, { signal });

/** Keep these of the things that were found, by their ids. Returns the cut-out. */
export const keepSubjects = (id, keep) => ask(`${CUTOUTS}/${id}/subjects`, { method: "PUT", body: { keep } });

/** Go back to what the network found. Returns the cut-out. */
export const withdrawMask = (id) => ask(`${CUTOUTS}/${id}/mask`, { method: "DELETE" });

/** Give it a mask, a PNG of the photo's size. Returns the cut-out; throws Refusal. */
export async function putMask(id, png) {
  return (await send(`${CUTOUTS}/${id}/mask`, { method: "PUT", body: png })).json();
}

/** Return the bytes that lie at a signed address. Throws Refusal where they can't be read from here. */
export async function fetched(url, signal) {
  const answer = await fetch(url, { signal }).catch((error) => {
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (answer?.ok) return answer.blob();
  throw new Refusal(answer?.status ?? 0, "unreadable", "The storage does not let this page read the picture.");
}

/** Return the address of the photo behind a cut-out, good for a while. */
export async function photoOf({ job_id }, signal) {
  const { source } = await ask(`/v1/jobs/${job_id}/request`, { signal });
  if (source) return source.url;
  throw new Refusal(404, "gone", "The photo has expired. Drop it again.");
}
