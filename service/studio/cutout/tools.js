/** The buttons of the mending: tools, brush, view. */

import { h, icon } from "../dom.js";
import { KEYS } from "./keyboard.js";

/** Each tool's name and its words. */
const TOOLS = [
  ["erase", "Erase"],
  ["keep", "Bring back"],
  ["pick", "Pick things"],
  ["move", "Move"],
];
const ABOUT = {
  erase: "Draw over what does not belong to the product.",
  keep: "Draw over what is missing.",
  pick: "Click a thing to leave it out, or to take it in again.",
  move: "Drag the photo. The wheel and two fingers zoom.",
};

/**
 * Return the bar with tools and brush: {element, choose(name), show()}.
 *
 * @param editor what the buttons do: its `board`, `state` {tool, look, backdrop}, and methods of their names
 */
export function toolBar(editor, subjects) {
  const { board, state } = editor;
  const radios = TOOLS.filter(([name]) => name !== "pick" || subjects > 1).map(([name, words]) => [
    name,
    words,
    h("input", { type: "radio", name: "tool", value: name, onchange: () => editor.choose(name) }),
  ]);
  const range = (id, words, least, most, onInput) => {
    const input = h("input", { type: "range", id, min: least, max: most, oninput: () => onInput(Number(input.value)) });
    return [input, h("div", { class: "mend-slider" }, h("label", { for: id }, words), input)];
  };
  const [size, sizeRow] = range("brush-size", "Brush size", 0, 100, (value) => editor.resizeBrush(sizeOf(value)));
  const [hardness, hardnessRow] = range("brush-hardness", "Hardness", 0, 100, (value) => editor.harden(value / 100));
  const follows = h("input", { type: "checkbox", onchange: () => editor.follow() });
  const backdrops = [
    ["squares", "Squares"],
    ["scene", "Scene’s colour"],
  ].map(([name, words]) => [
    name,
    words,
    h("input", { type: "radio", name: "backdrop", value: name, onchange: () => editor.lieOn(name) }),
  ]);
  const about = h("p", { class: "hint mend-about" });
  const element = h(
    "div",
    { class: "mend-tools" },
    h("fieldset", { class: "mend-set" }, h("legend", { class: "unseen" }, "Tool"), radios.map(segment)),
    about,
    h("div", { class: "mend-brush" }, sizeRow, hardnessRow),
    h("label", { class: "mend-check" }, follows, "Follow the photo’s edges"),
    h("fieldset", { class: "mend-set" }, h("legend", { class: "unseen" }, "Shown on"), backdrops.map(segment)),
    h(
      "details",
      { class: "mend-keys" },
      h("summary", {}, "By keyboard"),
      h("dl", {}, KEYS.map(([key, does]) => h("div", {}, h("dt", {}, key), h("dd", {}, does)))),
    ),
  );
  return { element, show };

  function show() {
    for (const [name, , input] of radios) input.checked = name === state.tool;
    for (const [name, , input] of backdrops) input.checked = name === state.backdrop;
    const paints = state.tool === "erase" || state.tool === "keep";
    about.textContent = ABOUT[state.tool];
    for (const input of [size, hardness, follows]) input.disabled = !paints;
    size.value = valueOf(board.brush.size);
    size.setAttribute("aria-valuetext", `${Math.round(2 * board.brush.size)} pixels of the screen`);
    hardness.value = Math.round(100 * board.brush.hardness);
    follows.checked = board.brush.follows;
  }
}

/** Return what is said when a tool is taken up. */
export const toolWords = (name) => `${TOOLS.find(([one]) => one === name)[1]}. ${ABOUT[name]}`;

/** Return whether this editor has such a tool. */
export const hasTool = (name, subjects) => name !== "pick" || subjects > 1;

/** Radii of the brush in CSS pixels: each step of the slider is the same factor. */
const [SMALLEST, LARGEST] = [2, 160];
const sizeOf = (value) => SMALLEST * (LARGEST / SMALLEST) ** (value / 100);
const valueOf = (size) => Math.round((100 * Math.log(size / SMALLEST)) / Math.log(LARGEST / SMALLEST));
export const limitedSize = (size) => Math.min(LARGEST, Math.max(SMALLEST, size));

function segment([, words, input]) {
  return h("label", { class: "segment" }, input, h("span", {}, words));
}

/** Return the bar on top: {element, show()}. */
export function topBar(editor) {
  const { board, state } = editor;
  const round = (name, words, onclick) =>
    h("button", { class: "quiet round", "aria-label": words, title: words, onclick }, icon(name));
  const undo = round("undo", "Undo", () => editor.undo());
  const redo = round("redo", "Redo", () => editor.redo());
  const compare = h("button", { class: "button small", onclick: () => editor.compare() }, "Compare");
  const whole = () => board.viewport.fit();
  const zoom = h("button", { class: "quiet mend-zoom", title: "Show the whole photo", onclick: whole });
  const save = h("button", { class: "button small primary", onclick: () => editor.save() }, "Save");
  const element = h(
    "div",
    { class: "mend-top" },
    h("h2", { id: "mend-title", class: "mend-title" }, "Mend the cut-out"),
    h(
      "div",
      { class: "mend-group" },
      undo,
      redo,
      h("button", { class: "button small", onclick: () => editor.startOver() }, "Start over"),
      compare,
    ),
    h(
      "div",
      { class: "mend-group" },
      round("dash", "Zoom out", () => board.viewport.zoomBy(1 / 1.5)),
      zoom,
      round("plus", "Zoom in", () => board.viewport.zoomBy(1.5)),
    ),
    h(
      "div",
      { class: "mend-group mend-end" },
      h("button", { class: "button small", onclick: () => editor.leave() }, "Cancel"),
      save,
    ),
  );
  return { element, show };

  function show() {
    undo.disabled = !board.history.canUndo;
    redo.disabled = !board.history.canRedo;
    compare.setAttribute("aria-pressed", String(state.comparing));
    save.disabled = state.busy;
    zoom.textContent = `${Math.round(100 * board.viewport.zoom * devicePixelRatio)} %`;
    zoom.setAttribute("aria-label", `Zoom ${zoom.textContent}. Show the whole photo`);
  }
}
