/** The brush's outline on the board. After a keyboard step, it announces what is under the brush. */

import { html, styled } from "../page/dom.js";

/** Milliseconds between the last step and the announcement. */
const PAUSE = 500;
/** Diameter in CSS pixels for tools that do not paint. */
const POINT = 12;

export class Cursor {
  element = html`<span class="mend-cursor" aria-hidden="true" hidden></span>`;
  #board;
  #say;
  #timer;

  constructor(board, say) {
    this.#board = board;
    this.#say = say;
    board.viewport.addEventListener("change", () => this.hide());
  }

  /** Show it at a point of the window; `paints`: in the brush's size. */
  show(x, y, { paints, keyboard }) {
    const size = paints ? 2 * this.#board.brush.size : POINT;
    styled(this.element, { "--x": `${x}px`, "--y": `${y}px`, "--size": `${size}px` });
    this.element.hidden = !paints && !keyboard;
    this.element.dataset.by = keyboard ? "keyboard" : "mouse";
    clearTimeout(this.#timer);
    if (keyboard) this.#timer = setTimeout(() => this.#describe(...this.#board.viewport.toPhoto(x, y)), PAUSE);
  }

  hide() {
    this.element.hidden = true;
  }

  close() {
    clearTimeout(this.#timer);
  }

  #describe(x, y) {
    const { width, height, data } = this.#board.mask;
    const value = data[Math.min(height - 1, Math.floor(y)) * width + Math.min(width - 1, Math.floor(x))];
    const what = value > 200 ? "Kept" : value < 55 ? "Left out" : "Half-transparent";
    const share = (at, whole) => `${Math.round((100 * at) / whole)} %`;
    this.#say(`${what}; ${share(x, width)} from the left, ${share(y, height)} from the top.`);
  }
}
