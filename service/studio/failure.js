/** The page of a picture that could not be made. */

import { fill, html, say } from "./dom.js";
import { UNMOVED } from "./options.js";
import { unshowable } from "./photo.js";
import { waysOut } from "./place/ways_out.js";
import { REMEDIES, credits } from "./words.js";

/** Errors that only another photo can avoid. */
const PHOTO_AT_FAULT = /^image_|no_subject|subject_not_found|source_gone/;

/** Show why there is no picture, what to do, and the refund. */
export function fail(work) {
  const { studio, job, asked, stage, panel, signal } = work;
  const error = job.error ?? { code: "internal_error", message: "The job ended without a picture." };
  const stopped = error.code === "cancelled";
  const placeless = error.code === "no_honest_placement" && asked !== null;
  const url = unshowable(asked?.source?.content_type) ? null : asked?.source?.url;
  const source = asked && sourceOf(asked.request);
  const { stance, ...where } = { ...UNMOVED, ...asked?.placement };
  const moved = Object.entries(where).some(([name, value]) => value !== UNMOVED[name]);
  const blank = ({ target }) => target.closest("figure").classList.add("blank");
  const photo = url && html`<img class="photo" src=${url} alt="The photo of this picture" onerror=${blank} />`;
  const print = html`<figure class="print failed ${url ? "" : "blank"}">${photo}</figure>`;
  fill(stage, html`<div class="stage-place">${print}</div>`);

  const refund = html`<p class="refund"><strong>${credits(job.credits_refunded)}</strong> refunded.</p>`;
  const other = () => (asked ? back({ source: null, seed: null, placement: UNMOVED }) : studio.go(""));
  const same = asked && !PHOTO_AT_FAULT.test(error.code) && !(placeless && !moved);
  const again = placeless ? "Put the product back" : "Try again";
  fill(
    panel,
    html`
      <h1 tabindex="-1">${stopped ? "You cancelled this picture" : "This picture could not be made"}</h1>
      <div class="notice ${stopped ? "" : "bad"}" role="alert" data-code=${error.code}>
        <p>${stopped ? "You cancelled." : error.message}</p>
        ${!placeless && html`<p>${REMEDIES[error.code] ?? REMEDIES.internal_error}</p>`}
      </div>
      ${refund}
      ${placeless && !moved && waysOf()}
      <div class="row">
        ${same && html`<button class="button primary" onclick=${() => back()}>${again}</button>`}
        <button class="button ${same ? "" : "primary"}" onclick=${other}>
          ${asked ? "Another photo, same settings" : "To the studio"}
        </button>
      </div>`,
  );
  studio
    .counted()
    .then((balance) => refund.append(` You have ${credits(balance)}.`))
    .catch(() => {});
  say(stopped ? "Stopped." : "This picture could not be made. The credits are refunded.");

  /** Return the ways out: another stance or another scene, each one click away from a new order. */
  function waysOf() {
    const draft = studio.draft.like(asked);
    const ways = waysOut({ ...studio, draft }, source, {
      stand: (chosen) => back({ placement: { ...UNMOVED, stance: chosen } }),
      dress: (scene_type) => back({ scene_type }),
      signal,
    });
    ways.show(stance);
    return ways.element;
  }

  /** Return to the studio with the same request and these changes. Drops a placement that caused the failure. */
  function back(changes = {}) {
    const looked = studio.looks.items.some(({ seed }) => seed === asked.seed);
    const placement = placeless ? { ...UNMOVED, stance } : { ...UNMOVED, ...asked.placement };
    const photo = {
      ...{ ...source, reference: job.reference, preview: url ?? null, width: null, height: null, bytes: null },
      name: job.reference ?? (source.key ? "your photo" : "the photo of an earlier picture"),
    };
    studio.several.clear();
    studio.draft.from(asked);
    studio.draft.change({ source: photo, placement, ...(looked ? { seed: asked.seed } : {}), ...changes });
    studio.go("");
  }
}

/** Return the photo of a request, {key} or {render}. */
const sourceOf = ({ source_image_s3_key: key, source_render_public_id: render }) => (key ? { key } : { render });
