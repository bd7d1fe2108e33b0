/** Up to six colours for the background; the first has the largest area. */

import { coloursAsked } from "./brands.js";
import { fill, html, icon, say, styled } from "../page/dom.js";
import { MOST_COLOURS } from "./draft.js";
import { coloursOf, hexOf, inOklab } from "./palette.js";
import { surfacesOf } from "./surfaces.js";

export const EXAMPLES = "light blue, #e8c7b8";

export function colourChoice(studio, order, signal) {
  const { draft, catalogue } = studio;
  const value = html`<span class="choice-value"></span>`;
  const peek = html`<span class="peek swatches"></span>`;
  const rows = html`<ol class="colours"></ol>`;
  const found = html`<div class="found"></div>`;
  const { text, error, ...field } = addingField("colour-text", "Add a colour", push);
  const logo = html`<input type="file" id="logo" class="unseen" accept="image/*" onchange=${fromLogo} />`;
  const takeFromPhoto = () => offer(draft.source.preview, "your photo");
  const fromPhoto = html`<button class="button small" onclick=${takeFromPhoto}>Take from my photo</button>`;
  const surfaces = surfacesOf(studio, order, signal);
  /** The surface control of each colour. */
  let places = [];
  let listed = "";
  let refused = "";
  const shows = ["colours", "colors_on", "scene_type", "brand", "source"];
  draft.addEventListener("change", ({ detail }) => shows.some((name) => name in detail) && show(), { signal });
  order.addEventListener("answered", () => {
    const about = ["dominant_colors", "colors_on"].map((field) => order.refusal?.about(field) ?? "").join(" ").trim();
    if (about !== refused) error.textContent = refused = about;
    show();
  });
  show();
  return html`
    <details class="choice" name="choice" data-choice="colours">
      <summary>${peek}<span class="choice-name">Colours</span>${value}</summary>
      <div class="choice-body">
        ${rows}
        ${field.rows}
        <div class="row">${fromPhoto}${logo}<label class="button small" for="logo">Take from a logo …</label></div>
        ${found}
        <p class="hint">The first colour gets the largest area. Without a choice, the scene uses its own.</p>
      </div>
    </details>`;

  function show(focused = null) {
    const { colours } = draft;
    const shown = coloursAsked(studio);
    const own = catalogue.scene_types.find((item) => item.name === draft.scene_type)?.palette ?? [];
    const none = shown.length ? "The brand's" : "Scene's colours";
    value.textContent = colours.length ? `${colours.length} of ${MOST_COLOURS}` : none;
    fromPhoto.disabled = !draft.source?.preview;
    fill(peek, (shown.length ? shown : own).slice(0, MOST_COLOURS).map(swatch));
    // Rows stay while the colours are the same: a replaced row would lose the focus.
    if (listed !== JSON.stringify([shown, colours.length])) {
      listed = JSON.stringify([shown, colours.length]);
      places = shown.map(surfaces.goesOn);
      fill(rows, shown.map(colours.length ? row : given));
    }
    surfaces.show(shown);
    for (const place of places) place.show();
    field.show(colours);
    if (focused) rows.querySelector(focused)?.focus();
  }

  /** Return a row for a colour of the brand, which can be changed on the brands page only. */
  function given(colour, i) {
    const words = html`<span class="text plain hint">${colour}</span>`;
    return html`<li class="colour">${swatch(colour)}${words}${places[i].element}</li>`;
  }

  function row(colour, i) {
    const count = draft.colours.length;
    const change = (to) => {
      const on = Object.entries(draft.colors_on).map(([name, one]) => [name, one === colour ? to : one]);
      draft.change({ colours: draft.colours.with(i, to), colors_on: Object.fromEntries(on) });
    };
    const move = (by) => {
      const colours = draft.colours.toSpliced(i, 1).toSpliced(i + by, 0, colour);
      draft.change({ colours });
      show(`li:nth-child(${i + by + 1}) .move:not(:disabled)`);
      say(`${colour} is now number ${i + by + 1} of ${count}.`);
    };
    const button = (name, words, onclick, disabled = false) => html`
      <button class="quiet round ${name === "cross" ? "" : "move"}" aria-label=${words} title=${words}
        onclick=${onclick} disabled=${disabled}>${icon(name)}</button>`;
    const write = ({ target }) => {
      const hex = toHex(target.value);
      error.textContent = hex ? "" : unknownColour(target.value);
      if (hex) change(hex);
      else target.value = colour;
    };
    const remove = () => {
      draft.change({ colours: draft.colours.toSpliced(i, 1) });
      (rows.querySelectorAll("li input[type=text]")[Math.min(i, count - 2)] ?? text).focus();
    };
    return html`
      <li class="colour">
        <input type="color" value=${colour} aria-label="Colour ${i + 1}"
          onchange=${({ target }) => change(target.value)} />
        <input class="text" type="text" value=${colour} aria-label="Colour ${i + 1} as text" spellcheck="false"
          onchange=${write} />
        ${button("arrow_up", `More of ${colour}`, () => move(-1), i === 0)}
        ${button("arrow_down", `Less of ${colour}`, () => move(1), i === count - 1)}
        ${button("cross", `Remove ${colour}`, remove)}
        ${places[i].element}
      </li>`;
  }

  function push(...more) {
    const fresh = more.filter((one) => !draft.colours.includes(one));
    draft.change({ colours: [...draft.colours, ...fresh].slice(0, MOST_COLOURS) });
  }

  async function fromLogo() {
    const [file] = logo.files;
    if (!file) return;
    const address = URL.createObjectURL(file);
    await offer(address, file.name);
    URL.revokeObjectURL(address);
    logo.value = "";
  }

  async function offer(address, name) {
    error.textContent = "";
    const image = Object.assign(new Image(), { crossOrigin: "anonymous", src: address });
    let colours;
    try {
      await image.decode();
      colours = coloursOf(image, MOST_COLOURS);
    } catch {
      error.textContent = `This page can't read the colours of ${name}. Add them by hand.`;
      return;
    }
    const all = () => (draft.change({ colours }), found.replaceChildren());
    const chip = (colour) => html`
      <button class="chip" aria-label="Add ${colour}" title=${colour} onclick=${() => push(colour)}>
        ${swatch(colour)}
      </button>`;
    fill(
      found,
      html`<p class="label">Found in ${name}</p>`,
      html`<div class="row">${colours.map(chip)}<button class="button small" onclick=${all}>Take all</button></div>`,
    );
    say(`${colours.length} colours found in ${name}.`);
  }
}

export const swatch = (colour) => styled(html`<span class="swatch"></span>`, { "--colour": colour });

/** Return the field that adds a colour, picked or written: {rows, text, error, show(colours)}. `push` gets each one. */
export function addingField(id, label, push) {
  const enter = (event) => event.key === "Enter" && (event.preventDefault(), write());
  const text = html`
    <input id=${id} class="text" type="text" placeholder=${EXAMPLES} autocomplete="off" spellcheck="false"
      aria-describedby="${id}-error" onkeydown=${enter} />`;
  const add = html`<button class="button" type="button" onclick=${write}>Add</button>`;
  const pick = html`
    <input type="color" value="#c9a58f" aria-label="Pick a colour to add" title="Pick a colour to add"
      onchange=${() => push(pick.value)} />`;
  const error = html`<p class="error" id="${id}-error" role="alert"></p>`;
  const rows = [html`<label class="label" for=${id}>${label}</label>`, html`<div class="row">${pick}${text}${add}</div>`, error];
  return { rows, text, error, show };

  function show({ length }) {
    text.disabled = add.disabled = pick.disabled = length >= MOST_COLOURS;
    text.placeholder = text.disabled ? "Six at most" : EXAMPLES;
  }

  function write() {
    const given = text.value.trim();
    if (!given) return;
    const hex = toHex(given);
    error.textContent = hex ? "" : unknownColour(given);
    text.toggleAttribute("aria-invalid", !hex);
    if (!hex) return;
    push(hex);
    text.value = "";
    text.focus();
  }
}

/** Names that people use and CSS lacks. CSS's own darkgray is lighter than its gray. */
const NAMES = {
  blush: "#e8b9b3", burgundy: "#6d1f2f", charcoal: "#36393d", cream: "#f5ecd7", darkgray: "#545454",
  darkgrey: "#545454", emerald: "#1f7a55", mint: "#b5e3cf", mustard: "#d4a017", navy: "#000080", offwhite: "#f7f4ec",
  peach: "#ffdab9", rust: "#a8502f", sage: "#9caf88", sand: "#d8c3a0", taupe: "#8b7d70", terracotta: "#c4694b",
};
/** Words before a name: the OKLab colour that is mixed in, and its share. */
const SHADES = {
  light: [[1, 0, 0], 0.5],
  pale: [[1, 0, 0], 0.65],
  dark: [[0, 0, 0], 0.4],
  deep: [[0, 0, 0], 0.3],
  warm: [[0.75, 0.06, 0.13], 0.15],
  cool: [[0.6, -0.03, -0.12], 0.15],
};

/** Return a colour in CSS or in words, such as dark green or navy blue, as #rrggbb; null if it is none or not opaque. */
export function toHex(text) {
  const words = text.toLowerCase().match(/[a-z]+/g) ?? [];
  const [first, ...rest] = words;
  const named = cssHex(text) ?? NAMES[words.join("")];
  if (named || !/^[a-z\s-]+$/i.test(text) || !rest.length) return named ?? null;
  const joined = cssHex(words.join(""));
  if (joined) return joined;
  if (NAMES[first] && cssHex(rest.join(""))) return NAMES[first];
  const base = SHADES[first] && toHex(rest.join(" "));
  if (!base) return null;
  const [towards, share] = SHADES[first];
  return inOklab(base, (lab) => lab.map((value, axis) => value + share * (towards[axis] - value)));
}

export const unknownColour = (given) => `Unknown colour “${given}”. Write one such as dark green, ivory, or #rrggbb.`;

function cssHex(text) {
  const given = text.trim();
  const none = /^(currentcolor|inherit|initial|unset|revert|revert-layer|transparent)$|var\(/i;
  if (!CSS.supports("color", given) || none.test(given)) return null;
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = given;
  context.fillRect(0, 0, 1, 1);
  const [r, g, b, alpha] = context.getImageData(0, 0, 1, 1).data;
  return alpha === 255 ? hexOf([r, g, b]) : null;
}
