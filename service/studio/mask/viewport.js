/** The visible part of the photo: zoom and pan. Fires `change`. */

/** Largest zoom, in screen pixels for one of the photo. */
const LARGEST = 16;
/** Smallest zoom, as a share of the zoom that fits the whole photo. */
const SMALLEST = 0.5;
/** CSS pixels of the photo that always stay visible. */
const IN_SIGHT = 48;
/** Share of the window that stays free around a fitted photo. */
const MARGIN = 0.04;

export class Viewport extends EventTarget {
  /** CSS pixels for one pixel of the photo. */
  zoom = 1;
  /** Position of the photo's upper left corner in the window, in CSS pixels. */
  left = 0;
  top = 0;
  #fitted = true;

  #margin;
  #tight;

  /** `tight`: the fitted photo fills the window, is never smaller, and its edges stay outside. */
  constructor(width, height, { tight = false } = {}) {
    super();
    this.#tight = tight;
    this.#margin = tight ? 0 : MARGIN;
    this.photo = { width, height };
    this.window = { width: 1, height: 1 };
  }

  /** Set the window's size. A fitted photo stays fitted. */
  resize(width, height) {
    const [x, y] = this.toPhoto(this.window.width / 2, this.window.height / 2);
    this.window = { width, height };
    if (this.#fitted) this.fit();
    else this.#set(this.zoom, width / 2 - x * this.zoom, height / 2 - y * this.zoom);
  }

  get #fit() {
    const { width, height } = this.photo;
    return (1 - this.#margin) * Math.min(this.window.width / width, this.window.height / height);
  }

  /** Whether the whole photo is visible. */
  get whole() {
    return this.zoom <= this.#fit * 1.001;
  }

  get #smallest() {
    return this.#fit * (this.#tight ? 1 : SMALLEST);
  }

  /** Show the whole photo. */
  fit() {
    this.show({ left: 0, top: 0, ...this.photo }, 0);
    this.#fitted = true;
    this.dispatchEvent(new Event("change"));
  }

  /** Show a rectangle of the photo with a share of its size around it; never smaller than `fit`. */
  show({ left, top, width, height }, around = 1) {
    const grown = (1 - this.#margin) / (1 + 2 * around);
    const zoom = grown * Math.min(this.window.width / width, this.window.height / height);
    const limited = Math.min(LARGEST, Math.max(this.#fit, zoom));
    const [x, y] = [left + width / 2, top + height / 2];
    this.#set(limited, this.window.width / 2 - x * limited, this.window.height / 2 - y * limited);
  }

  /** Show one pixel of the photo as one screen pixel, around a point of the window or its centre. */
  showPixels(...point) {
    this.zoomBy(1 / devicePixelRatio / this.zoom, ...point);
  }

  /** Show the photo's own pixels with one of them in the middle. */
  showPixelsAt(x, y) {
    const [width, height] = [this.window.width * devicePixelRatio, this.window.height * devicePixelRatio];
    this.show({ left: x - width / 2, top: y - height / 2, width, height }, 0);
  }

  /** Zoom by a factor around a point of the window; by default its centre. */
  zoomBy(factor, x = this.window.width / 2, y = this.window.height / 2) {
    const zoom = Math.min(LARGEST, Math.max(this.#smallest, this.zoom * factor));
    const [px, py] = this.toPhoto(x, y);
    this.#set(zoom, x - px * zoom, y - py * zoom);
  }

  /** Move the photo by CSS pixels. */
  panBy(dx, dy) {
    this.#set(this.zoom, this.left + dx, this.top + dy);
  }

  /** Pan until a point of the photo is visible. */
  reveal(x, y, margin = IN_SIGHT) {
    const [wx, wy] = this.toWindow(x, y);
    const needed = (at, size) => Math.max(0, margin - at) - Math.max(0, at - (size - margin));
    const [dx, dy] = [needed(wx, this.window.width), needed(wy, this.window.height)];
    if (dx || dy) this.panBy(dx, dy);
  }

  toPhoto(x, y) {
    return [(x - this.left) / this.zoom, (y - this.top) / this.zoom];
  }

  toWindow(x, y) {
    return [this.left + x * this.zoom, this.top + y * this.zoom];
  }

  #set(zoom, left, top) {
    this.#fitted = false;
    const loose = (at, size, room) => Math.min(room - IN_SIGHT, Math.max(IN_SIGHT - size, at));
    const tight = (at, size, room) => (size > room ? Math.min(0, Math.max(room - size, at)) : (room - size) / 2);
    const within = this.#tight ? tight : loose;
    this.zoom = zoom;
    this.left = within(left, this.photo.width * zoom, this.window.width);
    this.top = within(top, this.photo.height * zoom, this.window.height);
    this.dispatchEvent(new Event("change"));
  }
}
