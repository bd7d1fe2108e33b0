/** The API's cut-outs: create, read, and change their masks. */

import { ask, requestKey, Refusal, send } from "../calls/api.js";
import { follow, over } from "../calls/events.js";
import { Part } from "../page/part.js";

/** The window that mends a cut-out by brush. */
export const EDITOR = new Part("cutout/editor.js");

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

/** Send the answers to all pieces that are `answered`. Returns the cut-out. */
export function answerPieces(id, pieces) {
  const ids = (kept) => pieces.filter((one) => one.answered && one.kept === kept).map((one) => one.id);
  return ask(`${CUTOUTS}/${id}/pieces`, { method: "PUT", body: { keep: ids(true), drop: ids(false) } });
}

/** Keep or drop one doubtful piece of a cut-out; earlier answers stay. Returns the cut-out. */
export const answerPiece = ({ public_id, pieces }, id, kept) =>
  answerPieces(public_id, pieces.map((one) => (one.id === id ? { ...one, kept, answered: true } : one)));

/** Confidence from which the usual limits accept a picture on a scene (`publishable` in the pipeline). */
const SURE = 0.96;

/**
 * Tell the service that the owner finds a cut-out right, so that the order's limits count it as sure. Returns the
 * cut-out. `png`: its mask, null if this page may not read it.
 */
export async function approved(view, png) {
  const open = view.pieces.some(({ answered }) => !answered);
  if (view.cut_by === "mended" || (!open && view.confidence >= SURE)) return view;
  // An answer redraws its piece, which in a changed mask may be the owner's own.
  if (open && view.cut_by === "network") {
    return answerPieces(view.public_id, view.pieces.map((one) => ({ ...one, answered: true })));
  }
  return png ? putMask(view.public_id, png) : view;
}

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
