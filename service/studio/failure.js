/** A picture that could not be made. */

import { fill, h, say } from "./dom.js";
import { unshowable } from "./photo.js";
import { REMEDIES, credits } from "./words.js";

/** Show why there is no picture, what can be done, and that the credits are back. */
export function fail(work) {
  const { studio, job, asked, stage, panel } = work;
  const error = job.error ?? { code: "internal_error", message: "It ended without a picture." };
  const stopped = error.code === "cancelled";
  const url = unshowable(asked?.source?.content_type) ? null : asked?.source?.url;
  stage.replaceChildren(
    h(
      "div",
      { class: "stage-place" },
      url
        ? h(
            "figure",
            { class: "print failed" },
            h("img", {
              class: "photo",
              src: url,
              alt: "The photo of this picture",
              onerror: (event) => event.target.closest("figure").classList.add("blank"),
            }),
          )
        : h("figure", { class: "print failed blank" }),
    ),
  );
  const photoAtFault = /^image_|no_subject|subject_not_found|no_honest_placement|source_gone/.test(error.code);
  fill(
    panel,
    h("h1", { tabindex: "-1" }, stopped ? "You stopped this picture" : "This picture could not be made"),
    h(
      "div",
      { class: `notice ${stopped ? "" : "bad"}`, role: "alert", "data-code": error.code },
      h("p", {}, error.message),
      h("p", {}, REMEDIES[error.code] ?? REMEDIES.internal_error),
    ),
    h("p", { class: "refund", id: "refund" }, h("strong", {}, credits(job.credits_refunded)), " came back."),
    h(
      "div",
      { class: "row" },
      photoAtFault || !asked ? null : h("button", { class: "button primary", onclick: () => back(true) }, "Try again"),
      h(
        "button",
        { class: photoAtFault ? "button primary" : "button", onclick: () => back(!asked) },
        asked ? "Another photo, same settings" : "To the studio",
      ),
    ),
  );
  studio
    .counted()
    .then((balance) => {
      panel
        .querySelector("#refund")
        .replaceChildren(
          h("strong", {}, credits(job.credits_refunded)),
          ` came back. You have ${credits(balance)} again.`,
        );
    })
    .catch(() => {});
  say(stopped ? "Stopped." : "This picture could not be made. The credits are back.");

  function back(samePhoto) {
    studio.several.clear();
    if (asked) studio.draft.from(asked);
    const key = asked?.request.source_image_s3_key;
    if (!samePhoto) studio.draft.change({ source: null, seed: null });
    else if (key)
      studio.draft.change({
        source: {
          key,
          name: job.reference ?? "your photo",
          reference: job.reference,
          preview: url ?? null,
          width: null,
          height: null,
          bytes: null,
        },
        ...kept(),
      });
    else if (asked)
      studio.draft.change({
        source: {
          render: asked.request.source_render_public_id,
          name: "the photo of an earlier picture",
          preview: url ?? null,
          width: null,
          height: null,
          bytes: null,
        },
        ...kept(),
      });
    studio.go("");
  }

  /** Place and background as they were, but for a place that was at fault. */
  function kept() {
    const looked = studio.looks.items.some(({ seed }) => seed === asked.seed);
    const placement = error.code === "no_honest_placement" ? {} : { placement: asked.placement };
    return { ...placement, ...(looked ? { seed: asked.seed } : {}) };
  }
}
