/** Parts of the page that load after its first view: when a person needs them, else while the page is idle. */

import { unreachable } from "../calls/api.js";
import { persisted } from "../calls/waiting.js";
import { html } from "./dom.js";
import { lostWords } from "./words.js";

const parts = [];

/** A module that `load` imports. */
export class Part {
  #load;
  /** Null until it is loaded. */
  #module = null;

  constructor(load) {
    this.#load = load;
    parts.push(this);
  }

  /** Return the module. Throws a passing Refusal if it does not arrive. */
  async get() {
    try {
      return (this.#module ??= await this.#load());
    } catch (error) {
      console.info(error);
      throw unreachable();
    }
  }

  /** Return what `made(module)` returns, or words that it replaces as soon as the module is here. */
  show(made, signal) {
    if (this.#module) return made(this.#module);
    const words = html`<p class="hint" role="status">Opening …</p>`;
    const lost = (refusal) => (words.textContent = refusal ? lostWords(refusal) : "Opening …");
    persisted(() => this.get(), { signal, lost })
      .then((module) => signal.aborted || words.replaceWith(made(module)))
      .catch((error) => signal.aborted || console.error(error));
    return words;
  }
}

/** Load all parts, so that each opens at once and without a connection too. */
export async function loadParts() {
  for (const part of parts) await part.get().catch(() => null); // grows: a part may have parts
}
