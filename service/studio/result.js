/** A finished picture: to look at, to download, and to go on from. */

import { fill, h, say } from "./dom.js";
import { named, spoken } from "./names.js";
import { presetCards } from "./presets.js";
import { reportCard } from "./report.js";
import { fileName, saveOne } from "./saving.js";
import { beforeAfter } from "./slider.js";
import { startFrom } from "./stage.js";
import { submitted } from "./submit.js";
import { FORMATS, credits, size, titled, weight } from "./words.js";

/** Show a finished picture beside its report, and what can be made next. */
export function succeed(work) {
  const {
    studio,
    job: { render },
    asked,
    stage,
    panel,
  } = work;
  const preset = titled(studio.catalogue.output_presets, render.output_preset);
  stage.replaceChildren(beforeAfter(render, asked?.source ?? null));
  const failed = h("p", { class: "error", role: "alert" });
  fill(
    panel,
    h("h1", { tabindex: "-1" }, named(work)),
    h(
      "p",
      { class: "lead" },
      asked && render.reference ? [spoken(studio.catalogue, asked.request, asked.dressing), h("br")] : null,
      preset,
      h("br"),
      h(
        "span",
        { class: "hint" },
        `${size(render.width, render.height)}  ·  ${FORMATS[render.format] ?? render.format}  ·  ${weight(render.bytes)}`,
      ),
    ),
    render.preview ? h("p", { class: "notice" }, "A free look: small, marked, and kept for an hour.") : downloadLink(),
    asked && !render.preview ? furtherPictures(work, failed) : null,
    failed,
    reportCard(render, work.job),
  );
  say("Your picture is ready.");

  function downloadLink() {
    return h(
      "a",
      {
        class: "button primary wide",
        id: "download",
        href: render.url,
        download: fileName(render),
        onclick: (event) => (event.preventDefault(), download(render, failed)),
      },
      "Download",
    );
  }
}

async function download(render, failed) {
  failed.textContent = "";
  try {
    await saveOne(render);
  } catch (error) {
    failed.textContent = error.message;
  }
}

/** What can be made next from the same photo. */
function furtherPictures(work, failed) {
  const {
    studio,
    job: { render },
    asked,
  } = work;
  const { output_presets } = studio.catalogue;
  const cost = output_presets.find((item) => item.name === render.output_preset)?.credits ?? 0;
  const white = asked.request.scene_type === "white";
  const off = (preset) =>
    !preset.scene_allowed && !white ? "Takes no scene, so nothing of this background would be left." : null;
  const make = h(
    "button",
    { class: "button wide", id: "make-place", disabled: true, onclick: () => elsewhere() },
    "Choose a sales channel",
  );
  let place = null;
  let busy = false;
  /** Drawn once: a second try, after no answer came, is the same request and paid once. */
  let nextSeed = null;
  const others = output_presets.filter((item) => item.name !== render.output_preset);
  const { element: cards } = presetCards(
    studio,
    others,
    "other_preset",
    (name) => {
      place = others.find((item) => item.name === name);
      make.disabled = false;
      make.textContent = `Make it for ${credits(place.credits)}`;
    },
    off,
  );
  return h(
    "div",
    { class: "further" },
    h(
      "div",
      { class: "row" },
      h("button", { class: "button", id: "another", onclick: another }, `Another version · ${credits(cost)}`),
      h("button", { class: "button", onclick: change }, "Change something"),
    ),
    h(
      "details",
      { class: "choice" },
      h("summary", {}, h("span", { class: "choice-name" }, "Same background, other sales channel")),
      h("div", { class: "choice-body" }, cards, make),
    ),
  );

  function from() {
    const { source_image_s3_key: _, ...body } = asked.request;
    return { ...body, source_render_public_id: render.public_id };
  }

  function another() {
    nextSeed ??= crypto.getRandomValues(new Uint32Array(1))[0] >>> 1; // named, since a brand may have pinned its own
    return order(from(), nextSeed);
  }

  function elsewhere() {
    return order({ ...from(), output_preset: place.name }, render.report.provenance.kept_seed ?? render.seed);
  }

  async function order(body, seed) {
    if (busy) return; // a double click is one order
    busy = true;
    failed.textContent = "";
    try {
      const { job_id } = await submitted(tidy(body), {
        seed,
        name: render.reference,
        placement: asked.placement,
        dressing: asked.dressing,
      });
      say("Accepted. Your picture is being made.");
      studio.ordered();
      studio.go(`jobs/${job_id}`);
    } catch (error) {
      failed.textContent =
        error.code === "insufficient_credits"
          ? "You have too few credits for this. Ask the person who set up Backdrop for more."
          : error.message;
      busy = false; // not where it was accepted: a click before the next view comes would be a second order
    }
  }

  function change() {
    studio.draft.from(asked);
    studio.draft.change({ seed: null });
    startFrom(studio, render, asked.placement);
  }
}

/** Leave out what was left out: an empty brand is none. */
const tidy = (body) => Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
