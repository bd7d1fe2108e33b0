/** The scenes' pictures in the chosen colours: thumbnails whose surfaces are painted anew, without a swap. */

import { ask } from "./api.js";
import { coloursAsked } from "./brands.js";
import { LINEAR, pixelsOf, toByte } from "./palette.js";

/** Typing goes on: paint when it pauses. */
const PAUSE = 300;
/** A surface of the thumbnail that is darker than this, in linear light, shows too little of its light. */
const DARKEST = 0.004;

/** Fires `change` when there are other pictures; without the set-up's slots, which say what is painted, there are none. */
export class Repainted extends EventTarget {
  /** The scenes in sight: no others are painted. */
  #wanted = [];
  #studio;
  #signal;
  #timer;
  /** What is shown: the colours, each scene's palette in them, and the pictures that are painted so far. */
  #shown = { colours: "", palettes: {}, pictures: new Map() };
  /** By scene a promise of its thumbnail's pixels and of the slot of each. */
  #sources = new Map();

  constructor(studio, signal) {
    super();
    this.#studio = studio;
    this.#signal = signal;
    const changed = ({ detail }) => ("colours" in detail || "brand" in detail) && this.#later(PAUSE);
    studio.draft.addEventListener("change", changed, { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** Say which scenes are in sight. */
  want(names) {
    this.#wanted = names.filter((name) => this.#studio.thumbnails[`scene-${name}-slots`]);
    this.#later(0);
  }

  /** Return a scene's picture in the chosen colours; null: the thumbnail shows it as it is. */
  picture(name) {
    const painted = this.#shown.pictures.get(name);
    if (!painted) return null;
    const { width, height } = painted;
    const canvas = Object.assign(document.createElement("canvas"), { className: "card-picture", width, height });
    canvas.getContext("2d").putImageData(painted, 0, 0);
    return canvas;
  }

  #later(pause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#paint().catch((error) => console.info(error)), pause);
  }

  async #paint() {
    const colours = coloursAsked(this.#studio).join();
    let shown = this.#shown;
    if (colours !== shown.colours) {
      const query = new URLSearchParams({ colors: colours });
      const asks = colours && this.#wanted.length;
      const palettes = asks ? await ask(`/studio/palettes?${query}`, { signal: this.#signal }) : {};
      shown = { colours, palettes, pictures: new Map() };
    }
    const due = this.#wanted.filter((name) => shown.palettes[name] && !shown.pictures.has(name));
    const sources = await Promise.all(due.map((name) => this.#source(name)));
    if (this.#signal.aborted || colours !== coloursAsked(this.#studio).join()) return;
    performance.mark("repaint");
    due.forEach((name, i) => shown.pictures.set(name, painted(...sources[i], shown.palettes[name])));
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

async function read(address) {
  const image = Object.assign(new Image(), { src: address });
  await image.decode();
  return pixelsOf(image, image.naturalWidth, image.naturalHeight);
}

/** Return a picture with each surface's colour taken out of its light, and the new one put in. */
function painted({ data, width, height }, { data: slots }, { from, to }) {
  const pixels = new Uint8ClampedArray(data);
  const light = (colour, at) => LINEAR[Number.parseInt(colour.slice(1 + 2 * at, 3 + 2 * at), 16)];
  const factor = (slot, at) => light(to[slot], at) / Math.max(DARKEST, light(from[slot], at));
  const tables = from.map((_, slot) => [0, 1, 2].map((at) => LINEAR.map((one) => toByte(one * factor(slot, at)))));
  for (let at = 0; at < pixels.length; at += 4) {
    const table = tables[slots[at]]; // none: the product and what keeps its colour
    if (!table) continue;
    for (let channel = 0; channel < 3; channel += 1) pixels[at + channel] = table[channel][pixels[at + channel]];
  }
  return new ImageData(pixels, width, height);
}
