/** The choice of the frame: margins, where the product is, and room for copy. */

import { html } from "../page/dom.js";
import { choice, placeGrid, placeWords, radios } from "./controls.js";
import { lengthsOf } from "./margins.js";
import { sketch } from "./sketch.js";

const SIDES = ["top", "right", "bottom", "left"];
const UNITS = [
  ["%", "Percent"],
  ["px", "Pixels"],
];
const ROOMS = [
  ["none", "None"],
  ["left", "Left"],
  ["right", "Right"],
  ["top", "Top"],
];

/** Return the chosen frame in words. */
export function frameWords({ margins, align, copy_space: copy }) {
  const parts = [margins && "own margins", align !== "preset" && placeWords(align), copy !== "none" && `room for your text ${copy}`];
  return parts.filter(Boolean).join(", ").replace(/^./, (first) => first.toUpperCase()) || "As the channel";
}

export function frameChoice(context) {
  const { draft } = context.studio;
  const change = (changes) => draft.change({ frame: { ...draft.frame, ...changes } });
  let unit = "%";
  const inputs = SIDES.map((side) => html`
    <input id="margin-${side}" class="text" type="number" min="0" max="9999" step="any" inputmode="decimal"
      onchange=${write} />`);
  const field = (side, i) => html`
    <div class="margin-${side}">
      <label for="margin-${side}">${side.replace(/^./, (first) => first.toUpperCase())}</label>${inputs[i]}
    </div>`;
  const units = radios("margin-unit", "Margins in", UNITS, (name) => {
    const lengths = lengthsOf(draft.frame.margins);
    unit = name;
    if (lengths) change({ margins: lengths.map((one, i) => `${inUnit(one, i)}${name}`).join(" ") });
    else show();
  });
  const grid = placeGrid("align", "Place of the product", (align) => change({ align }));
  const put = (copy_space) => {
    const against = draft.frame.align.split("_").includes(copy_space);
    change({ copy_space, ...(against ? { align: "preset" } : {}) });
  };
  const rooms = radios("copy_space", "Room for your text", ROOMS, put);
  const usual = html`<button class="link" onclick=${() => change({ align: "preset" })}>As the channel</button>`;
  const seen = sketch(context);
  return choice(context, {
    field: "frame",
    title: "Frame",
    fields: ["margins", "align", "copy_space"],
    words: frameWords,
    usual: "As the channel again",
    body: [
      html`<div class="narrow-only">${seen.element}</div>`,
      html`
        <div class="part">
          ${units.element}
          <div class="margins">${SIDES.map(field)}</div>
          <p class="hint">Free space around the product. An empty field keeps the channel's own.</p>
        </div>`,
      html`<div class="part">${grid.element}${usual}</div>`,
      html`<div class="part">${rooms.element}<p class="hint">The product stays out of it, and the scene keeps it calm.</p></div>`,
    ],
    show,
  });

  /** Return the channel's own margin of a side in the chosen unit. */
  function own(i) {
    const { preset } = draft;
    const share = preset.margins[[1, 2, 3, 0][i]];
    const side = i % 2 ? preset.width : preset.height;
    return unit === "%" || !side ? Number((100 * share).toFixed(1)) : Math.round(share * side);
  }

  function write() {
    const given = inputs.map((input) => (input.value.trim() === "" ? null : Math.abs(Number(input.value))));
    const lengths = given.map((value, i) => `${Number((value ?? own(i)).toFixed(3))}${unit}`);
    change({ margins: given.every((value) => value === null) ? "" : lengths.join(" ") });
  }

  function show() {
    const { margins, align, copy_space: copy } = draft.frame;
    const lengths = lengthsOf(margins);
    if (lengths) [, unit] = lengths[0];
    units.show(unit);
    for (const [i, input] of inputs.entries()) {
      input.placeholder = String(own(i));
      if (document.activeElement !== input) input.value = lengths ? inUnit(lengths[i], i) : "";
    }
    grid.show(align, (place) => place.split("_").includes(copy));
    rooms.show(copy);
    usual.hidden = align === "preset";
  }

  /** Return a length in the unit that is shown, since an earlier order may mix both. */
  function inUnit([number, from], i) {
    const { width, height } = draft.preset;
    const side = (i % 2 ? width : height) ?? 1000;
    if (from === unit) return number;
    return unit === "%" ? Number(((100 * number) / side).toFixed(1)) : Math.round((number * side) / 100);
  }
}
