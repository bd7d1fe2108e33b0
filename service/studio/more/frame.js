/** The choice of the frame: margins, where the product is, and room for copy. */

import { html } from "../page/dom.js";
import { radios } from "../page/radios.js";
import { choice, placeGrid, placeWords } from "./controls.js";
import { marginsOf, sketch } from "./sketch.js";

const SIDES = ["top", "right", "bottom", "left"];
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
  const inputs = SIDES.map((side) => html`
    <input id="margin-${side}" class="text" type="number" min="0" max="100" step="any" inputmode="decimal"
      onchange=${write} />`);
  const field = (side, i) => html`
    <div class="margin-${side}">
      <label for="margin-${side}">${side.replace(/^./, (first) => first.toUpperCase())}</label>${inputs[i]}
    </div>`;
  const grid = placeGrid("align", "Place of the product", (align) => change({ align }));
  const put = (copy_space) => {
    const against = draft.frame.align.split("_").includes(copy_space);
    change({ copy_space, ...(against ? { align: "preset" } : {}) });
  };
  const rooms = radios("copy_space", "Room for your text", ROOMS, put);
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
          <p class="label">Margins in percent</p>
          <div class="margins">${SIDES.map(field)}</div>
          <p class="hint">Free space around the product. An empty field keeps the channel's own.</p>
        </div>`,
      grid.element,
      html`<div class="part">${rooms.element}<p class="hint">The product stays out of it, and the scene keeps it calm.</p></div>`,
    ],
    show,
  });

  function write() {
    const own = sidesOf(draft.preset.margins);
    const given = inputs.map((input) => (input.value.trim() === "" ? null : Math.abs(Number(input.value))));
    const lengths = given.map((value, i) => `${Number((value ?? own[i]).toFixed(3))}%`);
    change({ margins: given.every((value) => value === null) ? "" : lengths.join(" ") });
  }

  function show() {
    const { margins, align, copy_space: copy } = draft.frame;
    const shares = marginsOf(margins, draft.preset); // an earlier order may have pixels
    for (const [i, input] of inputs.entries()) {
      input.placeholder = String(sidesOf(draft.preset.margins)[i]);
      if (document.activeElement !== input) input.value = shares ? sidesOf(shares)[i] : "";
    }
    grid.show(align, (place) => place.split("_").includes(copy));
    rooms.show(copy);
  }
}

/** Return shares [left, top, right, bottom] as percent in the order of SIDES. */
const sidesOf = ([left, top, right, bottom]) => [top, right, bottom, left].map((share) => Number((100 * share).toFixed(3)));
