/** Parts of the page that load after its first view: when a person needs them, else while the page is idle. */

import { PATIENCE, send, unreachable } from "../calls/api.js";
import { persisted } from "../calls/waiting.js";
import { html } from "./dom.js";
import { lostWords } from "./words.js";

const parts = [];

/** A module of the page. */
export class Part {
  #path;
  /** Null until it is loaded. */
  #module = null;
  #failures = 0;

  /** @param {string} path its path in the page, such as "place/board.js" */
  constructor(path) {
    this.#path = `/studio/${path}`;
    parts.push(this);
  }

  /**
   * Return the module. Throws a passing Refusal if it does not arrive.
   *
   * A browser asks for a module once: if it did not arrive, the same address fails until the page is loaded anew. So
   * this looks for the service first, and then asks under another address. If one of the module's own imports did not
   * arrive and `now` a person waits for it, it loads the page anew, unless that would lose something.
   */
  async get(now = true) {
    if (this.#module) return this.#module;
    await send(this.#path, { method: "HEAD", within: PATIENCE });
    const again = this.#failures > 0;
    try {
      return (this.#module = await import(again ? `${this.#path}?${this.#failures}` : this.#path));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // a fault of its code
      console.info(error);
      this.#failures++;
      if (again && now && dispatchEvent(new Event("beforeunload", { cancelable: true }))) location.reload();
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

/** Load all parts, so that each opens at once and without a connection too. Ends at the first that does not arrive. */
export async function loadParts() {
  try {
    for (const part of parts) await part.get(false); // the list grows: a part may have parts
  } catch (error) {
    console.info(error);
  }
}
