/** The choice of text and logos: up to eight layers, which the service draws in the free preview. */

import { ask } from "../calls/api.js";
import { coloursAsked } from "../order/brands.js";
import { attempt } from "../page/confirm.js";
import { fill, html, icon, mark, say } from "../page/dom.js";
import { liveFigure } from "../looks/live.js";
import { fieldsOf } from "../order/options.js";
import { counted } from "../page/words.js";
import { choice } from "./controls.js";
import { coveredBy, layLayers } from "./lay.js";
import { isLogo, layerFields, layerMark, layerVerdict, layerWords, whereWords } from "./layer.js";
import { pictureField } from "./picture.js";
import { sketch } from "./sketch.js";

const MOST = 8;
const FIRST = { text: "New", anchor: "top_left" };
const LOGO_SIZE = 12;
/** What the last preview says, in short. */
const READS = { pass: "easy to read", warn: "look at it", fail: "check it" };

/** Return the layers in words. */
export function textWords({ layers }) {
  const logos = layers.filter(isLogo).length;
  const texts = layers.length - logos;
  return [texts && counted(texts, "text"), logos && counted(logos, "logo")].filter(Boolean).join(", ") || "None";
}

export function textChoice(context) {
  const { studio, order, live, signal } = context;
  const { draft, looks, catalogue } = studio;
  const layers = () => draft.lettering.layers;
  const change = (next) => draft.change({ lettering: { layers: next } });
  const list = html`<ol class="layers"></ol>`;
  const add = html`<button class="button" id="add-text" onclick=${addText}>Add a text</button>`;
  const logo = pictureField({
    id: "layer-logo",
    title: "Add a logo …",
    hint: "SVG or PNG. You can also drop it here, or paste.",
    vector: true,
    heard: (key) => push({ logo: key, size: LOGO_SIZE, anchor: "bottom_right" }),
    signal,
  });
  const full = html`<p class="hint">${MOST} texts and logos are the most.</p>`;
  const brand = html`<div class="part brand-template"></div>`;
  const { element: sheet, product } = sketch(context);
  const seen = layLayers(sheet, product, draft, signal, marks);
  const zone = html`<p class="hint">The app's controls cover the hatched areas.</p>`;
  const places = html`<div class="part">${sheet}<p class="hint">Drag a text or logo to move it.</p>${zone}</div>`;
  let rows = [];
  let built = "";
  looks.addEventListener("change", show, { signal });
  order.addEventListener("answered", faults);
  return choice(context, {
    field: "lettering",
    title: "Text and logos",
    fields: ["layers"],
    words: textWords,
    usual: "Remove all",
    body: [liveFigure({ looks, draft }, live, signal), places, list, html`<div class="row">${add}</div>`, logo, full, brand],
    show,
  });

  /** Below the controls of a story's app. */
  function addText() {
    const [covered] = coveredBy(draft.preset);
    push(covered ? { ...FIRST, y: Math.round(100 * covered) } : FIRST);
  }

  function push(layer) {
    change([...layers(), layer]);
    const last = rows.at(-1);
    last.fold.open = true;
    const words = last.element.querySelector("textarea, input");
    words.focus();
    words.select(); // typing replaces it
  }

  function show() {
    const now = layers();
    const kinds = now.map((layer) => (isLogo(layer) ? layer.logo : "text")).join();
    if (kinds !== built) {
      built = kinds;
      const open = rows.findIndex(({ fold }) => fold.open);
      rows = now.map((layer, i) => row(i, isLogo(layer)));
      if (rows[open]) rows[open].fold.open = true;
      fill(list, rows.map(({ element }) => element));
    }
    const scene = catalogue.scene_types.find(({ name }) => name === draft.scene_type)?.palette ?? [];
    const asked = coloursAsked(studio);
    now.forEach((layer, i) => rows[i].show(layer, asked.length ? asked : scene));
    marks();
    list.hidden = places.hidden = !now.length;
    zone.hidden = !coveredBy(draft.preset)[0];
    add.disabled = now.length >= MOST;
    logo.hidden = now.length >= MOST;
    full.hidden = now.length < MOST;
    brandParts();
  }

  /** Show what the last preview and the sketch say about each layer. */
  function marks() {
    const reports = looks.chosen?.job.render.layers ?? [];
    const now = layers();
    rows.forEach(({ mark: marked }, i) => now[i] && marked(now[i], layerVerdict(reports[i], seen.covered(i))));
  }

  function row(i, isOne) {
    const { element: fields, show: showFields } = layerFields(`layer-${i}`, isOne, (layer) => change(layers().with(i, layer)));
    const picture = html`<span class="layer-picture"></span>`;
    const name = html`<span class="layer-name"></span>`;
    const where = html`<span class="hint"></span>`;
    const verdict = html`<p class="layer-verdict" role="status" hidden></p>`;
    const fold = html`
      <details name="layer">
        <summary>${picture}<span>${name}${where}</span></summary>
        <div class="layer-fields">${verdict}${fields}</div>
      </details>`;
    const remove = () => {
      built = "";
      change(layers().toSpliced(i, 1));
      (rows[Math.min(i, rows.length - 1)]?.element.querySelector("summary") ?? add).focus();
    };
    const cross = html`<button class="quiet round" title="Remove" onclick=${remove}>${icon("cross")}</button>`;
    const element = html`<li>${fold}${cross}</li>`;
    return { element, fold, show: refresh, mark: judged };

    function refresh(layer, palette) {
      const called = layerWords(layer);
      showFields(layer, palette);
      fill(picture, layerMark(layer));
      name.textContent = called;
      cross.setAttribute("aria-label", `Remove: ${called}`);
    }

    function judged(layer, said) {
      where.textContent = [whereWords(layer), said && READS[said.status]].filter(Boolean).join(", ");
      verdict.hidden = !said;
      if (said && verdict.dataset.words !== said.words) {
        verdict.dataset.words = said.words;
        fill(verdict, mark(said.status), html`<span>${said.words}</span>`);
      }
    }
  }

  /** Unfold the first layer that the service refuses. */
  function faults() {
    const at = order.refusal?.fields.flatMap(({ loc }) => loc).map((one) => /^layers\[(\d+)\]/.exec(one)?.[1]).find(Boolean);
    if (at && rows[at]) rows[at].fold.open = true;
  }

  /** Show what the chosen brand keeps, and save the layers there. */
  function brandParts() {
    const own = studio.brands.find(({ name }) => name === draft.brand);
    const kept = own ? fieldsOf(own.options ?? {}).lettering.layers : [];
    const now = layers();
    brand.hidden = !own || (!kept.length && !now.length);
    if (brand.hidden) return;
    const same = JSON.stringify(kept) === JSON.stringify(now);
    const key = JSON.stringify([own.name, kept.length, now.length, same]);
    if (brand.dataset.of === key) return; // a pressed button keeps its focus
    brand.dataset.of = key;
    const error = html`<p class="error" role="alert"></p>`;
    const load = html`<button class="button small" onclick=${() => change(kept)}>Use those of ${own.name}</button>`;
    const save = html`<button class="button small" onclick=${() => store(own.name, layers(), error)}>Keep these for ${own.name}</button>`;
    fill(
      brand,
      same ? html`<p class="hint">These are the texts and logos of ${own.name}.</p>` : html`<div class="row">${kept.length > 0 && load}${now.length > 0 && save}</div>`,
      error,
    );
  }

  async function store(brandName, now, error) {
    const { name, palette, style_words, seed_policy, seed, default_preset, options } = studio.brands.find(
      (one) => one.name === brandName,
    );
    const body = { palette, style_words, seed_policy, default_preset, options: { ...options, layers: now } };
    if (seed_policy === "pinned" && seed !== null) body.seed = seed;
    await attempt(error, `${name} keeps these texts and logos.`, async () => {
      const saved = await ask(`/v1/brands/${encodeURIComponent(name)}`, { method: "PUT", body });
      studio.brands = draft.brands = studio.brands.map((one) => (one.name === name ? saved : one));
      show();
    });
  }
}
