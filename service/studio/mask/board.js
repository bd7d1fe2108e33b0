/** Edits one mask: brush, strokes, undo. Fires `change`. */

import { History } from "./history.js";
import { around, Mask } from "./mask.js";
import { Painter } from "./painter.js";
import { Stroke } from "./stroke.js";
import { Viewport } from "./viewport.js";

/** Milliseconds of a frame for drawing; the rest of a fast stroke follows in the next frame. */
const BUDGET = 12;
/** Longest piece of a stroke, in radii. */
const PIECE = 1.5;

export class Board extends EventTarget {
  /** `value`: 0 to 255, null: does not paint; `size`: radius in CSS pixels at any zoom. */
  brush = { value: 0, size: 24, follows: true };
  #levels;
  #stroke = null;
  /** Points that are not drawn yet, and the last of them. */
  #points = [];
  #last = null;
  /** End of the last stroke; null: none. */
  #ended = null;
  #frame = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {object[]} levels the photo's pyramid
   * @param {{width, height, data}} picture the mask's grey bytes
   */
  constructor(canvas, levels, picture) {
    super();
    this.#levels = levels;
    this.mask = new Mask(picture);
    this.history = new History(this.mask);
    this.viewport = new Viewport(picture.width, picture.height);
    this.painter = new Painter(canvas, levels, this.mask, this.viewport);
  }

  /** The brush's radius in pixels of the photo. */
  get radius() {
    return Math.max(0.75, this.brush.size / this.viewport.zoom);
  }

  get paints() {
    return this.brush.value !== null;
  }

  get drawing() {
    return this.#stroke !== null;
  }

  /** Begin a stroke at a point of the photo; `joined`: with a line from the end of the last stroke. */
  begin(x, y, joined = false) {
    this.end();
    const { value, follows } = this.brush;
    this.#last = null;
    this.#stroke = new Stroke(this.mask, this.#levels, { value, follows, radius: this.radius });
    if (joined && this.#ended) this.to(...this.#ended);
    this.to(x, y);
  }

  /** Continue the stroke; drawn in the next frame. */
  to(x, y) {
    if (!this.#stroke) return;
    const [x0, y0] = this.#last ?? [x, y];
    const pieces = Math.max(1, Math.ceil(Math.hypot(x - x0, y - y0) / (PIECE * this.radius)));
    for (let i = 1; i <= pieces; i++) this.#points.push([x0 + ((x - x0) * i) / pieces, y0 + ((y - y0) * i) / pieces]);
    this.#last = [x, y];
    this.#frame ||= requestAnimationFrame(() => this.#draw(BUDGET));
  }

  /** End the stroke and make it undoable. */
  end() {
    if (!this.#stroke) return;
    this.#draw(Infinity);
    const area = this.#stroke.end();
    if (area) this.painter.changed(area);
    this.history.add(this.#stroke.before);
    this.#stroke = null;
    this.#ended = this.#last;
    this.dispatchEvent(new Event("change"));
  }

  /** Revert the stroke without an entry in the history. */
  cancel() {
    this.#points = [];
    const area = this.#stroke?.cancel();
    this.#stroke = null;
    if (area) this.painter.changed(area);
  }

  /** Return whether there was anything to undo. */
  undo() {
    return this.#moved(this.history.undo());
  }

  redo() {
    return this.#moved(this.history.redo());
  }

  /** Replace the mask's bytes; can be undone. */
  replace(data) {
    this.end();
    const before = new Map();
    let area = null;
    for (const index of this.mask.tilesOf(this.mask.whole)) {
      const tile = this.mask.tile(index);
      const copy = this.mask.copied(index);
      let altered = false;
      for (let y = tile.top; y < tile.bottom; y++) {
        for (let at = y * this.mask.width + tile.left; at < y * this.mask.width + tile.right; at++) {
          if (this.mask.data[at] === data[at]) continue;
          this.mask.data[at] = data[at];
          altered = true;
        }
      }
      if (!altered) continue;
      before.set(index, copy);
      area = around(area, tile);
    }
    if (!area) return;
    this.mask.refresh(area);
    this.history.add(before);
    this.painter.changed(area);
    this.dispatchEvent(new Event("change"));
  }

  close() {
    cancelAnimationFrame(this.#frame);
    this.painter.close();
  }

  #draw(budget) {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const until = performance.now() + budget;
    let area = null;
    while (this.#points.length && performance.now() < until) {
      area = around(area, this.#stroke.to(...this.#points.shift()));
    }
    if (area) this.painter.changed(area);
    this.painter.draw();
    if (this.#points.length) this.#frame = requestAnimationFrame(() => this.#draw(budget));
  }

  #moved(area) {
    if (!area) return false;
    this.painter.changed(area);
    this.dispatchEvent(new Event("change"));
    return true;
  }
}
