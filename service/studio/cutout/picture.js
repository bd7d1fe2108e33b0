/** Draws the photo and its cut-out on the stage: left-out parts dimmed, the cut-out on a plain ground, or the photo. */

import { h } from "../page/dom.js";
import { KEPT, contour, dimming, drawContour, greyOf } from "../mask/left_out.js";

/** Largest longer side of the drawing, in pixels. */
const MOST_SIDE = 1600;
/** Opacity of the photo behind its cut-out, if its pixels can be shown but not read. */
const FAINT = 0.35;
/** Plain grounds for the cut-out: the one that differs more from the product's rim. */
const GROUNDS = { "#f2f2f2": 242, "#2e2e2e": 46 };

export class Picture {
  element = h("canvas", {
    class: "picture",
    tabindex: "0",
    role: "application",
    "aria-label": "Your photo. Arrow keys move a cross, with Shift they draw a box, Enter chooses what is there.",
  });
  /** "left": the photo with the left-out parts dimmed; "cut": the cut-out on a plain ground; "photo". */
  #look = "cut";
  /** How much the page enlarges the drawing. */
  #near = 1;
  /** An element or bitmap that shows the photo; null: the browser can't show it. */
  #photo;
  #readable;
  #mask = null;
  #layers = null;
  /** The service's cut-out, whose edges are free of the old background; null: not fetched yet. */
  #cutout = null;
  #preview = null;
  /** The coming drawing; null: none. */
  #due = null;

  constructor(photo) {
    this.#photo = photo;
    this.#readable = Boolean(photo && pixelsOf(photo, 1, 1));
    new ResizeObserver(() => this.#draw()).observe(this.element);
  }

  /** Show a cut-out by its mask, a PNG Blob; without a mask by the service's preview. */
  async take({ preview_url }, png) {
    const bitmap = png && (await createImageBitmap(png, { colorSpaceConversion: "none", premultiplyAlpha: "none" }));
    this.#mask = bitmap && scaled(bitmap, Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height)));
    bitmap?.close();
    this.#layers = null;
    [this.#cutout, this.#preview] = [null, preview_url];
    if (!this.#mask || !this.#photo) await this.#fetchCutout();
    this.look = this.#look;
  }

  get look() {
    return this.#look;
  }

  set look(name) {
    this.#look = name;
    if (name === "cut" && !this.#cutout) this.#fetchCutout();
    this.#draw();
  }

  set near(scale) {
    this.#near = scale;
    this.#draw();
  }

  /** Whether the cut-out has a plain ground: the browser may forbid reading the photo's pixels. */
  get grounded() {
    return Boolean(this.#mask && this.#readable);
  }

  /** Return whether the mask keeps a point, [x, y] as shares of the photo. */
  keeps([x, y]) {
    if (!this.#mask) return false;
    const { width, height } = this.#mask;
    const at = [Math.min(width - 1, Math.floor(x * width)), Math.min(height - 1, Math.floor(y * height))];
    return this.#mask.getContext("2d").getImageData(...at, 1, 1).data[0] > KEPT;
  }

  async #fetchCutout() {
    const image = h("img", { src: this.#preview });
    await image.decode().catch((error) => console.info(error));
    if (image.src !== this.#preview || !image.width) return;
    this.#cutout = image;
    this.#draw();
  }

  /** Draw once, after the frame that shows what a person pressed. */
  #draw() {
    this.#due ??= requestAnimationFrame(() => setTimeout(() => this.#paint()));
  }

  #paint() {
    this.#due = null;
    const { clientWidth, clientHeight } = this.element;
    if (!this.#preview || !clientWidth) return;
    const density = Math.min(devicePixelRatio * this.#near, MOST_SIDE / Math.max(clientWidth, clientHeight));
    const [width, height] = [clientWidth, clientHeight].map((side) => Math.max(1, Math.round(side * density)));
    Object.assign(this.element, { width, height });
    const context = this.element.getContext("2d");
    context.imageSmoothingQuality = "high";
    const lay = (image) => image && context.drawImage(image, 0, 0, width, height);
    if (this.#look === "photo") return lay(this.#photo);
    if (!this.#mask) return lay(this.#cutout);
    if (this.#layers?.width !== width || this.#layers.height !== height) this.#layers = this.#layered(width, height);
    const { data, photo, dim, ground } = this.#layers;
    const left = this.#look === "left";
    if (!left && this.#cutout) {
      if (photo) Object.assign(context, { fillStyle: ground }).fillRect(0, 0, width, height);
      return lay(this.#cutout);
    }
    if (!photo) {
      context.globalAlpha = FAINT;
      lay(this.#photo);
      context.globalAlpha = 1;
      return this.#cutout ? lay(this.#cutout) : this.#fetchCutout();
    }
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let at = 0; at < data.length; at++) {
      pixels[at] = left ? dim(photo[at], data[at]) : (photo[at] & 0xffffff) | (data[at] << 24);
    }
    context.putImageData(image, 0, 0);
    if (left) drawContour(context, contour(this.#layers, { left: 0, top: 0, right: width, bottom: height }), density);
    return undefined;
  }

  /** Return {data, photo, dim, ground} at a size: the mask's bytes, the photo's pixels, null if they can't be read. */
  #layered(width, height) {
    const pixels = pixelsOf(this.#mask, width, height);
    const data = new Uint8Array(pixels.length);
    for (let at = 0; at < data.length; at++) data[at] = pixels[at];
    const photo = this.#readable && pixelsOf(this.#photo, width, height);
    const of = photo && { dim: dimming(photo, data), ground: contrasting(photo, data, width) };
    return { width, height, data, photo, ...of };
  }
}

/** Return the ground that differs more from the kept pixels beside left-out ones. */
function contrasting(photo, data, width) {
  const [dark, light] = Object.entries(GROUNDS).map(([name, grey]) => ({ name, grey, sum: 0 }));
  for (let at = 1; at < data.length - width; at++) {
    if (data[at] < 128 || (data[at - 1] > 127 && data[at + 1] > 127 && data[at + width] > 127)) continue;
    for (const one of [dark, light]) one.sum += Math.abs(greyOf(photo[at]) - one.grey);
  }
  return light.sum > dark.sum ? light.name : dark.name;
}

function blank(width, height) {
  const canvas = h("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  return { canvas, context };
}

function scaled(image, scale) {
  const { canvas, context } = blank(Math.ceil(image.width * scale), Math.ceil(image.height * scale));
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Return the pixels of a picture at a size; null if the browser forbids reading it. */
function pixelsOf(picture, width, height) {
  const { context } = blank(width, height);
  context.drawImage(picture, 0, 0, width, height);
  try {
    return new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
  } catch (error) {
    console.info(error);
    return null;
  }
}
