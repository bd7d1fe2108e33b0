/** Draws the photo and its cut-out on the stage: left-out parts dimmed, the cut-out alone, the photo, or the mask. */

import { h } from "../page/dom.js";
import { KEPT, contour, dimming, drawContour } from "../mask/left_out.js";

/** Largest longer side of the drawing, in pixels. */
const MOST_SIDE = 1600;
/** Opacity of the photo behind its cut-out, if its pixels can be shown but not read. */
const FAINT = 0.35;

export class Picture {
  element = h("canvas", {
    class: "picture",
    tabindex: "0",
    role: "application",
    "aria-label": "Your photo. Arrow keys move a cross, with Shift they draw a box, Enter chooses what is there.",
  });
  /** "left": the photo with the left-out parts dimmed; "cut": the cut-out alone; "photo"; "mask". */
  #look = "left";
  /** An element or bitmap that shows the photo; null: the browser can't show it. */
  #photo;
  #mask = null;
  #layers = null;
  /** The service's cut-out, whose edges are free of the old background; null: not fetched yet. */
  #cutout = null;
  #preview = null;

  constructor(photo) {
    this.#photo = photo;
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

  #draw() {
    const { clientWidth, clientHeight } = this.element;
    if (!this.#preview || !clientWidth) return;
    const density = Math.min(devicePixelRatio, MOST_SIDE / Math.max(clientWidth, clientHeight));
    const [width, height] = [clientWidth, clientHeight].map((side) => Math.max(1, Math.round(side * density)));
    Object.assign(this.element, { width, height });
    const context = this.element.getContext("2d");
    context.imageSmoothingQuality = "high";
    const lay = (image) => image && context.drawImage(image, 0, 0, width, height);
    if (this.#look === "photo") return lay(this.#photo);
    if (this.#look === "cut" && this.#cutout) return lay(this.#cutout);
    if (!this.#mask) return undefined;
    if (this.#layers?.width !== width || this.#layers.height !== height) this.#layers = this.#layered(width, height);
    const { mask, data, photo, dim } = this.#layers;
    if (this.#look === "mask") return lay(mask);
    if (!photo) {
      context.globalAlpha = FAINT;
      lay(this.#photo);
      context.globalAlpha = 1;
      return this.#cutout ? lay(this.#cutout) : this.#fetchCutout();
    }
    const left = this.#look === "left";
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let at = 0; at < data.length; at++) {
      pixels[at] = left ? dim(photo[at], data[at]) : (photo[at] & 0xffffff) | (data[at] << 24);
    }
    context.putImageData(image, 0, 0);
    if (left) drawContour(context, contour(this.#layers, { left: 0, top: 0, right: width, bottom: height }), density);
    return undefined;
  }

  /**
   * Return {mask, data, photo, dim} at a size: canvas, bytes, the photo's pixels. `photo` is null if it can't be read.
   */
  #layered(width, height) {
    const { canvas: mask, pixels } = pixelsOf(this.#mask, width, height);
    const data = new Uint8Array(pixels.length);
    for (let at = 0; at < data.length; at++) data[at] = pixels[at];
    const photo = this.#photo && pixelsOf(this.#photo, width, height).pixels;
    return { width, height, mask, data, photo, dim: photo && dimming(photo, data) };
  }
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

/** Return {canvas, pixels} of a picture at a size; `pixels` is null if the browser forbids reading it. */
function pixelsOf(picture, width, height) {
  const { canvas, context } = blank(width, height);
  context.drawImage(picture, 0, 0, width, height);
  try {
    return { canvas, pixels: new Uint32Array(context.getImageData(0, 0, width, height).data.buffer) };
  } catch (error) {
    console.info(error);
    return { canvas, pixels: null };
  }
}
