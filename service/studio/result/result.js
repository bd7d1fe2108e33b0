/** The page of a finished picture: view, download, and next steps. */

import { compareChoice } from "./compare.js";
import { edges } from "./edges.js";
import { sourceOf } from "./failure.js";
import { attempt } from "../page/confirm.js";
import { fill, html, say } from "../page/dom.js";
import { named, spoken } from "../page/names.js";
import { dressedLike, optionsOf } from "../order/options.js";
import { presetCards } from "../order/presets.js";
import { reportCard, verdict } from "./report.js";
import { fileName, saveOne } from "../calls/saving.js";
import { beforeAfter } from "../page/slider.js";
import { startFrom } from "../stage/stage.js";
import { existing, ordering } from "../calls/submit.js";
import { FORMATS, credits, size, titled, weight } from "../page/words.js";

/** Show a finished picture with its report and the next steps. */
export function succeed(work) {
  const { studio, job, asked, stage, panel, signal } = work;
  const { render } = job;
  const { catalogue } = studio;
  const alone = beforeAfter(render, asked?.source ?? null, signal);
  fill(stage, alone);
  const failed = html`<p class="error" role="alert"></p>`;
  const download = (event) => (event.preventDefault(), attempt(failed, "", () => saveOne(render)));
  const facts = [size(render.width, render.height), FORMATS[render.format] ?? render.format, weight(render.bytes)];
  const compared = (figure) => {
    fill(stage, figure ?? alone);
    if (stage.getBoundingClientRect().top < 0) stage.scrollIntoView({ block: "start" });
  };
  const look = (x, y) => {
    compared(null);
    alone.dispatchEvent(new CustomEvent("look", { detail: [x, y] }));
  };
  const [href, name] = [render.url, fileName(render)];
  const link = html`
    <a class="button primary wide" id="download" href=${href} download=${name} onclick=${download}>Download</a>`;
  fill(
    panel,
    html`
      <h1 tabindex="-1">${named(work)}</h1>
      <p class="lead">
        ${asked && render.reference && [spoken(catalogue, job, asked), html`<br />`]}
        ${titled(catalogue.output_presets, render.output_preset)}<br />
        <span class="hint">${facts.join("  ·  ")}</span>
      </p>
      ${verdict(render)}
      ${!render.preview && edges(render, asked && sourceOf(asked.request), look, signal)}
      ${render.preview ? html`<p class="notice">This free preview is small and has a watermark. It is kept for an hour.</p>` : link}
      <div class="further">
        ${asked && !render.preview && furtherPictures(work, failed)}${failed}
        ${compareChoice(studio, render, compared, signal)}
      </div>
      ${reportCard(render, coloursOf(studio, asked))}`,
  );
  say("Your picture is ready.");
}

/** Return the colours that the person chose, without those of a brand. */
function coloursOf({ brands }, asked) {
  const { dominant_colors: all = [], pilot_brand: brand } = asked?.request ?? {};
  const given = brands.find(({ name }) => name === brand)?.palette ?? [];
  return all.filter((colour) => !given.includes(colour));
}

/** Return the buttons for further pictures from the same photo. */
function furtherPictures({ studio, job: { render }, asked }, failed) {
  const { output_presets } = studio.catalogue;
  const cost = output_presets.find((item) => item.name === render.output_preset)?.credits ?? 0;
  const white = asked.request.scene_type === "white";
  const off = (preset) =>
    !preset.scene_allowed && !white ? "Takes no scene, so this background can't be used." : null;
  const make = html`
    <button class="button wide" id="make-place" disabled onclick=${() => order(...elsewhere())}>Choose a sales channel</button>`;
  let place = null;
  const order = ordering(studio, failed);
  /** Kept for a retry, so that the request stays the same and is charged once. */
  let nextSeed = null;
  const others = output_presets.filter((item) => item.name !== render.output_preset);
  const chosen = async (name) => {
    const mine = (place = others.find((item) => item.name === name));
    make.disabled = false;
    make.textContent = `Make it for ${credits(place.credits)}`;
    const there = await existing(studio, ...elsewhere()).catch((error) => console.info(error));
    if (there && mine === place) make.textContent = "Open this picture";
  };
  const { element: cards } = presetCards(studio, others, "other_preset", chosen, off);
  return html`
    <div class="row">
      <button class="button" id="another" onclick=${another}>${`Another version · ${credits(cost)}`}</button>
      <button class="button" onclick=${change}>Change something</button>
      <button class="button" onclick=${next}>Next photo</button>
    </div>
    <details class="choice">
      <summary><span class="choice-name">Same background, other sales channel</span></summary>
      <div class="choice-body">${cards}${make}</div>
    </details>`;

  /** Return the body and the options of another picture of this photo. */
  function like(seed, changes = {}, dressing = {}) {
    const source = { source_image_s3_key: null, source_render_public_id: render.public_id };
    const options = { ...optionsOf(asked, studio.draft.acceptance), ...dressing };
    return [{ ...asked.request, ...source, ...changes }, { seed, name: render.reference, placement: asked.placement, options }];
  }

  function another() {
    nextSeed ??= crypto.getRandomValues(new Uint32Array(1))[0] >>> 1; // sent always: a brand may have its own seed
    return order(...like(nextSeed));
  }

  function elsewhere() {
    const seed = render.report.provenance.kept_seed ?? render.seed;
    return like(seed, { output_preset: place.name }, dressedLike(render));
  }

  /** Start the next photo with the same choices, without those of this photo. */
  function next() {
    const { several, draft } = studio;
    const { acceptance } = draft; // the order's own limits were for this picture
    several.clear();
    draft.from(asked);
    draft.change({ source: null, acceptance, ...draft.ended });
    studio.go("");
  }

  function change() {
    studio.draft.from(asked);
    startFrom(studio, render, asked.placement);
  }
}
