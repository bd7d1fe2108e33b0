/** The controls of one layer: a text or a logo, its look and its place. */

import { toHex } from "../order/colours.js";
import { fill, html, styled } from "../page/dom.js";
import { radios } from "../page/radios.js";
import { placeGrid, placeWords, slide } from "./controls.js";
import { pictureOf } from "./picture.js";

/** Fonts that come with Backdrop. */
const FONTS = {
  source_sans_pro: "Source Sans",
  source_serif_pro: "Source Serif",
  manrope: "Manrope",
  amatic_sc: "Amatic, as by hand",
  fredoka_one: "Fredoka, round",
};
const OWN = "own";
const BOLD = 700;
/** The API's defaults, which a layer leaves out. */
export const USUAL = {
  ...{ font: "source_sans_pro", weight: 400, size: 5, color: "auto", to: "canvas", anchor: "top_left", x: 0, y: 0 },
  ...{ margin: 5, over_product: false, alt: "" },
};
const TO = [
  ["canvas", "The picture"],
  ["product", "The product"],
];
const BESIDE = [
  ["above", "Above it"],
  ["below", "Below it"],
  ["left_of", "Left of it"],
  ["right_of", "Right of it"],
];
const MOST_TEXT = 500;
const MOST_SIZE = { text: 40, logo: 100 };

export const isLogo = (layer) => "logo" in layer;

/** Return a layer without the keys that have the API's default. */
export const given = (layer) =>
  Object.fromEntries(Object.entries(layer).filter(([name, value]) => value !== USUAL[name]));

/** Return a layer in words: "New, top left". */
export function layerWords(layer) {
  const what = isLogo(layer) ? (layer.alt ?? pictureOf(layer.logo)?.name ?? "Logo") : layer.text.replace(/\s+/g, " ");
  return what.length > 24 ? `${what.slice(0, 24)} …` : what || "Empty text";
}

/**
 * Return a layer's controls: {element, show(layer, palette, report)}.
 *
 * `id` makes their names unique, `put(layer)` gets the changed layer. `report`: the layer in the last preview, or null.
 */
export function layerFields(id, logo, put) {
  let layer = {};
  const change = (changes) => {
    const whole = { ...layer, ...changes };
    put(given(whole));
  };
  const field = (name, words, control) => html`<div class="field"><label for="${id}-${name}">${words}</label>${control}</div>`;
  const text = html`
    <textarea id="${id}-text" class="text" rows="2" maxlength=${MOST_TEXT} oninput=${() => change({ text: text.value })}></textarea>`;
  const alt = html`
    <input id="${id}-alt" class="text" maxlength="200" placeholder="Backdrop, our brand"
      oninput=${() => change({ alt: alt.value.trim() })} />`;
  const font = html`<select id="${id}-font" class="text" onchange=${() => change({ font: font.value })}></select>`;
  const bold = html`
    <input type="checkbox" id="${id}-bold" onchange=${() => change({ weight: bold.checked ? BOLD : USUAL.weight })} />`;
  const most = MOST_SIZE[logo ? "logo" : "text"];
  const size = slide(`${id}-size`, "Size", { min: 1, max: most, step: 0.5 }, (value) => change({ size: value }));
  const colour = html`<select id="${id}-colour" class="text" onchange=${coloured}></select>`;
  const own = html`
    <input type="color" aria-label="Own colour of the text" onchange=${() => change({ color: own.value })} />`;
  const refers = radios(`${id}-to`, "Place it on", TO, (to) =>
    change({ to, anchor: to === "product" ? "above" : USUAL.anchor, x: 0, y: 0 }),
  );
  const grid = placeGrid(`${id}-anchor`, "Place", (anchor) => change({ anchor, x: 0, y: 0 }));
  const beside = radios(`${id}-beside`, "Beside it", BESIDE, (anchor) => change({ anchor, x: 0, y: 0 }));
  const over = html`
    <input type="checkbox" id="${id}-over" onchange=${() => change({ over_product: over.checked })} />`;
  const element = html`
    <div class="layer-parts">
      ${logo ? field("alt", "What the logo says", alt) : field("text", "Text", text)}
      ${!logo && html`
        <div class="field-row">
          ${field("font", "Font", font)}<label class="check" for="${id}-bold">${bold}<span>Bold</span></label>
        </div>`}
      ${size.element}
      ${!logo && html`<div class="field-row">${field("colour", "Colour", colour)}${own}</div>`}
      ${refers.element}
      ${grid.element}${beside.element}
      <label class="check" for="${id}-over">${over}<span>It may cover the product</span></label>
    </div>`;
  let listed = "";
  return { element, show };

  function coloured() {
    change({ color: colour.value === OWN ? toHex(own.value) : colour.value });
    own.hidden = colour.value !== OWN;
  }

  function show(now, palette) {
    layer = now;
    const get = (name) => layer[name] ?? USUAL[name];
    const put = (input, value) => document.activeElement !== input && input.value !== String(value) && (input.value = value);
    size.show(get("size"), `${get("size")} %`, `${get("size")} % of the height`);
    refers.show(get("to"));
    grid.show(get("anchor"));
    beside.show(get("anchor"));
    beside.element.hidden = get("to") !== "product";
    over.checked = get("over_product");
    if (logo) return put(alt, get("alt"));
    put(text, layer.text);
    bold.checked = get("weight") >= 600;
    const color = get("color");
    const known = color === "auto" || color.startsWith("palette:");
    own.hidden = known;
    if (!known) own.value = toHex(color) ?? "#000000";
    const fonts = Object.entries({ ...FONTS, ...(FONTS[get("font")] ? {} : { [get("font")]: get("font") }) });
    const words = palette.map((one, i) => [`palette:${i + 1}`, `Colour ${i + 1} of the picture, ${one}`]);
    const colours = [["auto", "Automatic, easy to read"], ...words, [OWN, "Another colour"]];
    if (listed !== JSON.stringify([fonts, colours])) {
      listed = JSON.stringify([fonts, colours]);
      const option = ([value, title]) => html`<option value=${value}>${title}</option>`;
      fill(font, fonts.map(option));
      fill(colour, colours.map(option));
    }
    font.value = get("font");
    colour.value = known ? color : OWN;
    if (colour.selectedIndex < 0) colour.value = "auto"; // the palette has fewer colours now; the service says so
  }
}

/** Return what the last preview says about a layer: {status, words}; null: nothing. */
export function layerVerdict(report, covered) {
  if (covered) return { status: "warn", words: "The app's controls cover this part. Move it out of the hatched area." };
  if (!report) return null;
  const { drawn, contrast, passes, moved, scale } = report;
  if (!drawn) return { status: "fail", words: "There was no room for it beside the product. Make it smaller, or move it." };
  const notes = [moved && "It was moved off the product.", scale < 1 && "It was made smaller to fit."].filter(Boolean);
  if (!contrast) return notes.length ? { status: "warn", words: notes.join(" ") } : null;
  const legible = passes ? "Easy to read." : "Hard to read. Use the automatic colour, or another place.";
  return { status: passes ? (notes.length ? "warn" : "pass") : "fail", words: [legible, ...notes].join(" ") };
}

/** Return a small picture of a layer. */
export function layerMark(layer) {
  const picture = isLogo(layer) ? pictureOf(layer.logo)?.preview : null;
  if (picture) return styled(html`<img class="layer-mark" src=${picture} alt="" />`, {});
  return html`<span class="layer-mark" aria-hidden="true">${isLogo(layer) ? "◆" : "T"}</span>`;
}

/** Return a layer's place in words. */
export function whereWords({ to = "canvas", anchor = USUAL.anchor }) {
  const beside = Object.fromEntries(BESIDE)[anchor];
  if (beside) return beside.toLowerCase().replace("it", "the product");
  return to === "product" ? `${placeWords(anchor)} of the product` : placeWords(anchor);
}
