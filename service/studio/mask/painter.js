/** Draws the photo through its mask on a canvas: all of it when the view changes, otherwise the changed part. */

import { contour, dimming, drawContour } from "./left_out.js";
import { around } from "./mask.js";

/** Most pixels of the canvas; on a larger screen, pixels are coarser. */
const MOST_PIXELS = 2_600_000;
/** Zoom from which the photo's pixels are shown as squares. */
const SQUARES = 4;
/** Pixels around a change whose outline must be redrawn: half of the line's width. */
const LINE = 3;

export class Painter {
  /** "cut": through the mask; "ghost": on the dimmed photo, with its outline; "photo": the photo alone. */
  #look = "cut";
  #canvas;
  #context;
  #scratch = new OffscreenCanvas(1, 1);
  #pixels = null;
  #levels;
  #mask;
  #viewport;
  #density = 1;
  #dirty = null;
  #all = true;
  #frame = 0;
  #dim;
  /** The pyramid level to draw from, and the scratch canvas's position in it. */
  #from = { level: 0, left: 0, top: 0 };

  constructor(canvas, levels, mask, viewport) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#levels = levels;
    this.#mask = mask;
    this.#viewport = viewport;
    this.#dim = dimming(levels.at(-1).data, mask.levels.at(-1).data);
    viewport.addEventListener("change", () => this.redraw());
  }

  set look(name) {
    if (this.#look === name) return;
    this.#look = name;
    this.redraw();
  }

  /** Resize the canvas, in CSS pixels. */
  resize(width, height) {
    this.#density = Math.min(devicePixelRatio, 2, Math.sqrt(MOST_PIXELS / (width * height)));
    this.#canvas.width = Math.max(1, Math.round(width * this.#density));
    this.#canvas.height = Math.max(1, Math.round(height * this.#density));
    this.redraw();
  }

  /** Draw everything in the next frame. */
  redraw() {
    this.#all = true;
    this.#ask();
  }

  /** Draw a rectangle of the photo in the next frame. */
  changed(area) {
    this.#dirty = around(this.#dirty, area);
    this.#ask();
  }

  /** Draw now instead of in the next frame. */
  draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (this.#all) this.#drawAll();
    else if (this.#dirty) this.#drawPart(this.#dirty);
    this.#all = false;
    this.#dirty = null;
  }

  close() {
    cancelAnimationFrame(this.#frame);
    this.#frame = -1;
  }

  #ask() {
    this.#frame ||= requestAnimationFrame(() => this.draw());
  }

  get #scale() {
    return this.#viewport.zoom * this.#density;
  }

  #drawAll() {
    const scale = this.#scale;
    const level = Math.min(this.#levels.length - 1, Math.max(0, Math.round(Math.log2(1 / scale))));
    const { width, height } = this.#levels[level];
    const size = 2 ** level * scale;
    const [x, y] = [this.#viewport.left * this.#density, this.#viewport.top * this.#density];
    const left = Math.max(0, Math.floor(-x / size));
    const top = Math.max(0, Math.floor(-y / size));
    const right = Math.min(width, Math.ceil((this.#canvas.width - x) / size) + 1);
    const bottom = Math.min(height, Math.ceil((this.#canvas.height - y) / size) + 1);
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (left >= right || top >= bottom) return;
    const [w, h] = [right - left, bottom - top];
    if (this.#pixels?.width !== w || this.#pixels?.height !== h) {
      this.#scratch.width = w;
      this.#scratch.height = h;
      this.#pixels = new ImageData(w, h);
    }
    this.#from = { level, left, top };
    this.#compose({ left, top, right, bottom });
    this.#lay(0, 0, w, h);
    this.#drawOutline({ left, top, right, bottom });
  }

  #drawPart(area) {
    const { level, left, top } = this.#from;
    if (!this.#pixels) return;
    const [w, h] = [this.#pixels.width, this.#pixels.height];
    const cut = {
      left: Math.max(left, (area.left >> level) - 1),
      top: Math.max(top, (area.top >> level) - 1),
      right: Math.min(left + w, (area.right >> level) + 2),
      bottom: Math.min(top + h, (area.bottom >> level) + 2),
    };
    if (cut.left >= cut.right || cut.top >= cut.bottom) return;
    this.#compose(cut);
    const size = 2 ** level * this.#scale;
    const [x, y] = this.#origin(size);
    const context = this.#context;
    context.save();
    context.beginPath();
    const clip = [
      Math.floor(x + (cut.left - left) * size),
      Math.floor(y + (cut.top - top) * size),
      Math.ceil((cut.right - cut.left) * size) + 1,
      Math.ceil((cut.bottom - cut.top) * size) + 1,
    ];
    context.rect(...clip);
    context.clip();
    context.clearRect(...clip);
    // Smoothing reads beyond the rectangle: include two more pixels.
    const [a, b] = [Math.max(0, cut.left - left - 2), Math.max(0, cut.top - top - 2)];
    this.#lay(a, b, Math.min(w, cut.right - left + 2) - a, Math.min(h, cut.bottom - top + 2) - b);
    const grown = Math.ceil(LINE * Math.max(1, this.#density / size));
    this.#drawOutline({
      left: Math.max(left, cut.left - grown),
      top: Math.max(top, cut.top - grown),
      right: Math.min(left + w, cut.right + grown),
      bottom: Math.min(top + h, cut.bottom + grown),
    });
    context.restore();
  }

  #origin(size) {
    const { left, top } = this.#from;
    return [this.#viewport.left * this.#density + left * size, this.#viewport.top * this.#density + top * size];
  }

  /** Fill a rectangle of the scratch canvas, in pixels of the level. */
  #compose({ left, top, right, bottom }) {
    const { level, left: x0, top: y0 } = this.#from;
    const { width, data: photo } = this.#levels[level];
    const mask = this.#mask.levels[level].data;
    const drawn = {
      cut: (pixel, m) => (pixel & 0xffffff) | (m << 24),
      ghost: this.#dim,
      photo: (pixel) => pixel,
    }[this.#look];
    const out = new Uint32Array(this.#pixels.data.buffer);
    for (let y = top; y < bottom; y++) {
      let to = (y - y0) * this.#pixels.width + left - x0;
      for (let x = left, at = y * width + left; x < right; x++, at++, to++) {
        out[to] = drawn(photo[at], mask[at]);
      }
    }
    this.#scratch
      .getContext("2d")
      .putImageData(this.#pixels, 0, 0, left - x0, top - y0, right - left, bottom - top);
  }

  #lay(x, y, width, height) {
    const size = 2 ** this.#from.level * this.#scale;
    const [left, top] = this.#origin(size);
    this.#context.imageSmoothingEnabled = this.#scale < SQUARES;
    const to = [left + x * size, top + y * size, width * size, height * size];
    this.#context.drawImage(this.#scratch, x, y, width, height, ...to);
  }

  #drawOutline(area) {
    if (this.#look !== "ghost") return;
    const size = 2 ** this.#from.level * this.#scale;
    const context = this.#context;
    context.save();
    context.setTransform(size, 0, 0, size, this.#viewport.left * this.#density, this.#viewport.top * this.#density);
    drawContour(context, contour(this.#mask.levels[this.#from.level], area), this.#density / size);
    context.restore();
  }
}
