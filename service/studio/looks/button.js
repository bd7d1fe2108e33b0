/** The button for free previews ("looks" in the code), and the reason if none can be made. */

import { html } from "../page/dom.js";
import { COUNT, newSeed } from "./looks.js";

export class LookButton {
  #studio;
  /** Returns the seed that the service would use by itself, for a brand with a pinned seed; null: a new one. */
  #usual;
  #refusal = null;

  constructor(studio, usual, signal) {
    this.#studio = studio;
    this.#usual = usual;
    this.element = html`<button class="button" id="look" onclick=${() => this.#look()}></button>`;
    this.notice = html`<div class="notice" role="alert" hidden></div>`;
    studio.looks.addEventListener("change", () => this.show(), { signal });
  }

  /** Update the button; `blocked`: no preview is possible. */
  show(blocked = this.blocked) {
    this.blocked = blocked;
    const { looks, several, draft } = this.#studio;
    const made = draft.plain && looks.fresh.length > 0;
    this.element.hidden = looks.off || several.items.length > 0 || made;
    this.element.setAttribute("aria-disabled", String(Boolean(blocked || looks.busy)));
    this.element.textContent = looks.busy ? "Making previews …" : this.#words();
    if (looks.refusal !== this.#refusal) this.#refused(looks.refusal);
  }

  #words() {
    const { looks, draft } = this.#studio;
    if (draft.plain) return "Free preview";
    if (this.#once) return "One more free preview";
    return looks.fresh.length ? "Four other previews" : "Four free previews";
  }

  /** Whether the button previews the chosen background once more, after the product was moved. */
  get #once() {
    const { looks, draft } = this.#studio;
    return draft.seed !== null && !looks.fresh.some((item) => item.seed === draft.seed);
  }

  #look() {
    if (this.element.getAttribute("aria-disabled") === "true") return;
    const { looks, draft } = this.#studio;
    if (this.#once) {
      looks.make([draft.seed]);
      return;
    }
    const first = looks.fresh.length ? newSeed() : (this.#usual() ?? newSeed());
    if (draft.seed !== null) draft.change({ seed: null });
    looks.make([first, ...Array.from({ length: draft.plain ? 0 : COUNT - 1 }, newSeed)]);
  }

  #refused(refusal) {
    this.#refusal = refusal;
    this.notice.hidden = refusal === null;
    if (refusal === null) return;
    this.notice.classList.toggle("bad", refusal.status !== 429);
    this.notice.textContent = refusedWords(refusal);
  }
}

/** Return the reason for a refused preview in a shop owner's words. */
export function refusedWords({ status, code, message, retryAfter }) {
  if (code === "previews_off") return "Free previews are switched off here. You can still order the picture.";
  if (status === 429 && retryAfter) {
    return `You made many previews in a short time. You can make more in ${retryAfter} s, and you can order now.`;
  }
  if (status === 404) return "The photo is no longer there. Drop it again.";
  if (status === 0) return "The service does not answer, so there is no preview yet. Check the connection.";
  return message;
}
