/** The page of a picture that could not be made. */

import { fill, html, say } from "../page/dom.js";
import { UNMOVED, dressedLike, optionsOf } from "../order/options.js";
import { unshowable } from "../calls/photo.js";
import { waysOut } from "../place/ways_out.js";
import { beforeAfter } from "../page/slider.js";
import { ordering } from "../calls/submit.js";
import { REMEDIES, credits, limitWords } from "../page/words.js";

/** Errors that only another photo can avoid. */
const PHOTO_AT_FAULT = /^image_|no_subject|subject_not_found|source_gone/;
/** Missed limits for which the stance or a better cut-out may help, and the one for which only another photo does. */
const OF_STANCE = /^warnings\.(placement_unsure|scene_unsuited)$/;
const OF_CUTOUT = /^(publishable|cutout_confidence|warnings\.)/;
const OF_PHOTO = /^enlargement$/;

/** Show why there is no picture, what to do, and the refund. */
export function fail(work) {
  const { studio, job, asked, stage, panel, signal } = work;
  const { render } = job;
  const judged = job.error?.code === "not_accepted" ? (render?.report.acceptance ?? null) : null; // a deleted preview has no report
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
  fill(stage, judged ? beforeAfter(render, asked?.source ?? null, signal) : html`<div class="stage-place">${print}</div>`);

  const refund = html`<p class="refund"><strong>${credits(job.credits_refunded)}</strong> refunded.</p>`;
  const other = () => (asked ? back({ source: null, placement: UNMOVED }) : studio.go(""));
  const same = asked && !PHOTO_AT_FAULT.test(error.code) && !(placeless && !moved);
  const another = [asked ? "Another photo, same settings" : "To the studio", other];
  const again = [placeless ? "Put the product back" : "Try again", () => back()];
  const ways = judged && asked ? afterRefusal(judged) : [...(same ? [again] : []), another];
  const plain = html`
    <p>${stopped ? "You cancelled." : error.message}</p>
    ${!placeless && html`<p>${REMEDIES[error.code] ?? REMEDIES.internal_error}</p>`}`;
  const wrong = html`<p class="error" role="alert"></p>`;
  const order = ordering(studio, wrong);
  const failed = judged ? "This picture missed its limits" : "This picture could not be made";
  fill(
    panel,
    html`
      <h1 tabindex="-1">${stopped ? "You cancelled this picture" : failed}</h1>
      <div class="notice ${stopped ? "" : "bad"}" role="alert" data-code=${error.code}>${judged ? missedList(judged) : plain}</div>
      ${refund}
      ${placeless && !moved && waysOf()}
      ${judged && html`<p class="hint">You see a small preview with a watermark. It stays free.</p>`}
      <div class="row">
        ${ways.map(([words, go], i) => html`<button class="button ${i ? "" : "primary"}" onclick=${go}>${words}</button>`)}
      </div>
      ${wrong}`,
  );
  studio
    .counted()
    .then((balance) => refund.append(` You have ${credits(balance)}.`))
    .catch(() => {});
  say(stopped ? "Stopped." : `${failed}. The credits are refunded.`);

  /** Return the ways on from a refused picture: what its missed limits need first, and the same picture without limits. */
  function afterRefusal({ missed }) {
    const any = (kind) => missed.some(({ limit }) => kind.test(limit));
    const next = any(OF_STANCE) ? "Say how it stands" : any(OF_CUTOUT) ? "Check the cut-out" : "Choose another scene";
    const change = [next, () => back({ seed: null })];
    const seed = render.report.provenance.kept_seed ?? render.seed;
    const options = { ...optionsOf(asked), accept: "none", ...dressedLike(render) };
    const whole = [
      `Make it without limits · ${credits(job.credits_cost)}`,
      () => order(asked.request, { seed, name: job.reference, placement: asked.placement, options }),
    ];
    return any(OF_PHOTO) ? [another, whole, change] : [change, whole, another];
  }

  /** Return the ways out: another stance or another scene, each one click away from a new order. */
  function waysOf() {
    const draft = studio.draft.like(asked);
    const ways = waysOut({ ...studio, draft }, source, {
      stand: (chosen) => back({ placement: { ...UNMOVED, ...asked.placement, stance: chosen } }),
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
export const sourceOf = ({ source_image_s3_key: key, source_render_public_id: render }) => (key ? { key } : { render });

/** Return the missed limits in words, and what helps. */
function missedList({ missed, tries = [] }) {
  const line = (miss) => {
    const [fault, remedy] = limitWords(miss);
    return html`<li data-limit=${miss.limit}><strong>${fault}</strong> ${remedy}</li>`;
  };
  const made = tries.length > 1 ? `Backdrop made ${tries.length} pictures, and none of them passed.` : "Backdrop made the picture, and it did not pass.";
  return html`<p>${made}</p><ul class="doubts">${missed.map(line)}</ul>`;
}
