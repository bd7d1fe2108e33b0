/** The editor's controls: tools, brush, view. */

import { html, icon } from "../page/dom.js";
import { slide } from "../more/controls.js";
import { radios } from "../page/radios.js";
import { KEYS } from "./keyboard.js";

/** [name, title, help] of each tool. */
const TOOLS = [
  ["erase", "Erase", "Draw over parts that do not belong to the product."],
  ["keep", "Bring back", "Draw over missing parts."],
  ["glass", "Glass", "Draw over glass: the scene shows through it."],
  ["move", "Move", "Drag the photo. The wheel and two fingers zoom."],
];
const LOOKS = [
  ["ghost", "Left out"],
  ["cut", "Checkerboard"],
  ["photo", "Photo"],
];
/** Least and most opacity of glass in percent. Backdrop does not measure pixels below half opacity as the product. */
export const OPACITY = [60, 90];
/** Radii of the brush in CSS pixels; the slider is logarithmic. */
const [SMALLEST, LARGEST] = [2, 160];
const sizeOf = (value) => SMALLEST * (LARGEST / SMALLEST) ** (value / 100);
const valueOf = (size) => Math.round((100 * Math.log(size / SMALLEST)) / Math.log(LARGEST / SMALLEST));
export const limitedSize = (size) => Math.min(LARGEST, Math.max(SMALLEST, size));

/** Return the announcement for a tool. */
export const toolWords = (name) => TOOLS.find(([one]) => one === name).slice(1).join(". ");

/**
 * Return the bar with tools and brush: {element, show()}.
 *
 * @param editor has `board`, `state` {tool, look, opacity}, and the methods that the buttons call
 */
export function toolBar(editor) {
  const { board, state } = editor;
  const resize = (value) => editor.resizeBrush(sizeOf(value));
  const size = slide("brush-size", "Brush size", { min: 0, max: 100, step: 1 }, resize);
  const [min, max] = OPACITY;
  const opacity = slide("brush-opacity", "Opacity", { min, max, step: 5 }, (value) => editor.thicken(value));
  const tools = radios("tool", "Tool", TOOLS, (name) => editor.choose(name), "mend-set");
  const looks = radios("look", "Shown", LOOKS, (name) => editor.showAs(name), "mend-set");
  const element = html`
    <div class="mend-tools">
      ${tools.element}
      <p class="hint mend-about"></p>
      ${size.element} ${opacity.element}
      <label class="check"><input type="checkbox" onchange=${() => editor.follow()} />Snap to edges</label>
      ${looks.element}
      <details class="mend-keys">
        <summary>By keyboard</summary>
        <dl>${KEYS.map(([key, does]) => html`<div><dt>${key}</dt><dd>${does}</dd></div>`)}</dl>
      </details>
    </div>`;
  const find = (what) => element.querySelector(what);
  const follows = find("[type=checkbox]");
  return { element, show };

  function show() {
    tools.show(state.tool);
    looks.show(state.look);
    find(".mend-about").textContent = TOOLS.find(([name]) => name === state.tool)[2];
    for (const input of [size.input, follows]) input.disabled = !board.paints;
    opacity.element.hidden = state.tool !== "glass";
    const pixels = Math.round(2 * board.brush.size);
    size.show(valueOf(board.brush.size), `${pixels} px`, `${pixels} pixels of the screen`);
    opacity.show(state.opacity, `${state.opacity} %`);
    follows.checked = board.brush.follows;
  }
}

/** Return the top bar: {element, show()}. */
export function topBar(editor) {
  const { board, state } = editor;
  const { viewport } = board;
  const round = (name, words, does) => html`
    <button class="quiet round" aria-label=${words} title=${words} onclick=${does}>${icon(name)}</button>`;
  const small = (words, does, more) => html`<button class="button small" onclick=${does} ...${more}>${words}</button>`;
  const undo = round("undo", "Undo", () => editor.undo());
  const redo = round("redo", "Redo", () => editor.redo());
  const level = html`<output class="mend-zoom" aria-label="Zoom" aria-live="off"></output>`;
  const whole = small("Fit", () => viewport.fit(), { title: "Show the whole photo" });
  const actual = small("1:1", () => viewport.showPixels(), { title: "100 %: the photo's own pixels" });
  const save = html`<button class="button small primary" onclick=${() => editor.save()}>Save</button>`;
  const element = html`
    <div class="mend-top">
      <h2 id="mend-title" class="mend-title">Mend the cut-out</h2>
      <div class="mend-group">${undo}${redo}</div>
      <div class="mend-group">
        ${round("dash", "Zoom out", () => viewport.zoomBy(1 / 1.5))}${level}
        ${round("plus", "Zoom in", () => viewport.zoomBy(1.5))}${whole}${actual}
      </div>
      <div class="mend-group mend-end">${small("Cancel", () => editor.leave())}${save}</div>
    </div>`;
  return { element, show };

  function show() {
    undo.disabled = !board.history.canUndo;
    redo.disabled = !board.history.canRedo;
    save.disabled = state.busy;
    const zoom = viewport.zoom * devicePixelRatio;
    level.textContent = `${Math.round(100 * zoom)} %`;
    whole.setAttribute("aria-pressed", String(viewport.whole));
    actual.setAttribute("aria-pressed", String(Math.abs(zoom - 1) < 0.005));
  }
}
