/** Thumbnails of the scenes in the chosen colours: the service assigns them, and the page paints, without a swap. */

import { ask } from "../calls/api.js";
import { coloursAsked } from "./brands.js";
import { LINEAR, pixelsOf, toByte } from "./palette.js";

/** Fields that change the pictures, and milliseconds to wait for further changes. */
const FIELDS = ["colours", "brand", "colors_on"];
const PAUSE = 300;
/** Least linear light of a surface's old colour: a darker one shows too little of the light on it. */
const DARKEST = 0.004;
/**
 * Largest factor between a channel and grey in the light on a surface. Beyond it, glare and lamps take the new colour.
 */
const HUE = 1.3;
/** Table from steps of linear light to bytes of sRGB. */
const MOST = 4095;
const BYTES = Uint8Array.from({ length: MOST + 1 }, (_, light) => toByte(light / MOST));

/** Fires `change` when the pictures change. Scenes without a slots image, which set-up makes, are never recoloured. */
export class Repainted extends EventTarget {
  /** The visible scenes; only these are recoloured. */
  #wanted = [];
  #studio;
  #signal;
  #timer;
  /** The chosen colours with their locks as a query, and the pictures painted in them so far. */
  #shown = { choice: "", pictures: new Map() };
  /** The service's answer to a query: the colours of each scene's surfaces, {from, to}. */
  #assigned = { choice: "", scenes: {} };
  /** By scene: a promise of its thumbnail's pixels and of the surface slot of each pixel. */
  #sources = new Map();

  constructor(studio, signal) {
    super();
    this.#studio = studio;
    this.#signal = signal;
    const changed = ({ detail }) => FIELDS.some((field) => field in detail) && this.#later(PAUSE);
    studio.draft.addEventListener("change", changed, { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** Set the visible scenes. */
  want(names) {
    this.#wanted = names.filter((name) => this.#studio.thumbnails[`scene-${name}-slots`]);
    this.#later(0);
  }

  /** Return a scene's picture in the chosen colours as a canvas; null: the thumbnail is right. */
  picture(name) {
    const painted = this.#shown.pictures.get(name);
    if (!painted) return null;
    const { width, height } = painted;
    const whole = canvas(width, height);
    whole.getContext("2d").putImageData(painted, 0, 0);
    if (devicePixelRatio > 1) return whole;
    // Browsers scale down an image smoothly, but not a canvas.
    const half = canvas(width / 2, height / 2);
    const context = half.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(whole, 0, 0, half.width, half.height);
    return half;
  }

  get #choice() {
    const colors = coloursAsked(this.#studio).join();
    return colors && `${new URLSearchParams({ colors, colors_on: this.#studio.draft.dressing().colors_on })}`;
  }

  #later(pause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#paint().catch((error) => console.info(error)), pause);
  }

  async #paint() {
    const choice = this.#choice;
    if (choice && !this.#wanted.length) return;
    const shown = choice === this.#shown.choice ? this.#shown : { choice, pictures: new Map() };
    if (choice !== this.#assigned.choice) {
      const scenes = choice ? await ask(`/studio/surfaces?${choice}`, { signal: this.#signal }) : {};
      this.#assigned = { choice, scenes };
    }
    const { scenes } = this.#assigned;
    const due = this.#wanted.filter((name) => scenes[name] && !shown.pictures.has(name));
    const sources = await Promise.all(due.map((name) => this.#source(name)));
    if (this.#signal.aborted || choice !== this.#choice) return;
    performance.mark("repaint");
    for (const [i, name] of due.entries()) {
      shown.pictures.set(name, painted(...sources[i], scenes[name]));
    }
    performance.measure("repaint", { start: "repaint", detail: due.length });
    if (shown === this.#shown && !due.length) return;
    this.#shown = shown;
    this.dispatchEvent(new Event("change"));
  }

  #source(name) {
    const { thumbnails } = this.#studio;
    const both = () => [`scene-${name}`, `scene-${name}-slots`].map((one) => read(thumbnails[one]));
    if (!this.#sources.has(name)) this.#sources.set(name, Promise.all(both()));
    return this.#sources.get(name);
  }
}

const canvas = (width, height) =>
  Object.assign(document.createElement("canvas"), { className: "card-picture", width, height });

async function read(address) {
  const image = Object.assign(new Image(), { src: address });
  await image.decode();
  return pixelsOf(image, image.naturalWidth, image.naturalHeight);
}

/** Return a picture with new surface colours: divide each pixel by the old colour and multiply by the new one. */
function painted({ data, width, height }, { data: slots }, { from, to }) {
  const pixels = new Uint8ClampedArray(data);
  const light = (colour) => [1, 3, 5].map((at) => LINEAR[Number.parseInt(colour.slice(at, at + 2), 16)]);
  const surfaces = from.map((colour, slot) => {
    const old = light(colour).map((one) => Math.max(DARKEST, one));
    return { old, fresh: light(to[slot]).map((one) => one * MOST), bright: brightness(...old) };
  });
  for (let at = 0; at < pixels.length; at += 4) {
    const surface = surfaces[slots[at]];
    if (surface === undefined) continue; // the product, and surfaces that keep their colour
    const { old, fresh, bright } = surface;
    const grey = brightness(LINEAR[pixels[at]], LINEAR[pixels[at + 1]], LINEAR[pixels[at + 2]]) / bright;
    for (let channel = 0; channel < 3; channel += 1) {
      const own = LINEAR[pixels[at + channel]] / old[channel];
      const kept = own < grey / HUE ? grey / HUE : own > grey * HUE ? grey * HUE : own;
      const coloured = kept * fresh[channel];
      pixels[at + channel] = BYTES[coloured < MOST ? coloured | 0 : MOST];
    }
  }
  return new ImageData(pixels, width, height);
}

const brightness = (r, g, b) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
