/** The API's cut-outs: create, read, and change their masks. */

import { ask, requestKey, Refusal, send } from "../calls/api.js";
import { follow, over } from "../calls/events.js";

const CUTOUTS = "/v1/cutouts";
/** Seconds that the service may hold the request before the page polls. */
const WAIT = 25;

/**
 * Cut out a photo, {key} or {render}, and return the cut-out when its job has ended, failed or not.
 *
 * `subject`: the position of the product, [x, y] or a box, as shares of the photo; it stays the photo's product.
 * Without it, the service returns the photo's first cut-out, unless `again` is set. Throws Refusal, or AbortError if
 * `signal` is aborted.
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

/** Return a cut-out with new signed URLs. */
export const cutout = (id, signal) => ask(`${CUTOUTS}/${id}`, { signal });

/** Keep only the things with these ids. Returns the cut-out. */
export const keepSubjects = (id, keep) => ask(`${CUTOUTS}/${id}/subjects`, { method: "PUT", body: { keep } });

/** Restore the network's mask. Returns the cut-out. */
export const withdrawMask = (id) => ask(`${CUTOUTS}/${id}/mask`, { method: "DELETE" });

/** Upload a mask, a PNG of the photo's size. Returns the cut-out; throws Refusal. */
export async function putMask(id, png) {
  return (await send(`${CUTOUTS}/${id}/mask`, { method: "PUT", body: png })).json();
}

/** Return the bytes behind a signed URL. Throws Refusal if this page may not read them. */
export async function fetched(url, signal) {
  const answer = await fetch(url, { signal }).catch((error) => {
    if (error.name === "AbortError") throw error;
    return null;
  });
  if (answer?.ok) return answer.blob();
  throw new Refusal(answer?.status ?? 0, "unreadable", "The storage does not let this page read the picture.");
}

/** Return a signed URL of a cut-out's photo. */
export async function photoOf({ job_id }, signal) {
  const { source } = await ask(`/v1/jobs/${job_id}/request`, { signal });
  if (source) return source.url;
  throw new Refusal(404, "gone", "The photo has expired. Drop it again.");
}
