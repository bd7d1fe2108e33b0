/** The button that asks for free looks, and why there are none. */

import { h } from "../dom.js";
import { COUNT, newSeed } from "./looks.js";

export class LookButton {
  #studio;
  /** Returns the seed that the service would take by itself, of a brand that keeps one; null: a new one. */
  #usual;
  #refusal = null;
  /** When the service takes more, in milliseconds; null: it does. */
  #until = null;
  #timer;

  constructor(studio, usual, signal) {
    this.#studio = studio;
    this.#usual = usual;
    this.element = h("button", { class: "button", id: "look", onclick: () => this.#look() });
    this.notice = h("div", { class: "notice bad", role: "alert", hidden: true });
    studio.looks.addEventListener("change", () => this.show(), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** Show what can be asked for; `blocked` where nothing can. */
  show(blocked = this.blocked) {
    this.blocked = blocked;
    const { looks, several, draft } = this.#studio;
    this.element.hidden = looks.off || several.items.length > 0;
    this.element.setAttribute("aria-disabled", String(Boolean(blocked || looks.busy || this.#until)));
    this.element.textContent = looks.busy ? "Looking …" : this.#words();
    if (looks.refusal === this.#refusal && !this.#until) return;
    if (looks.refusal !== this.#refusal) this.#refused(looks.refusal, draft);
  }

  #words() {
    const { looks } = this.#studio;
    if (looks.unanswered.length) return "Look, free";
    if (this.#once) return "Look again, free";
    return looks.fresh.length ? "Four others, free" : "Four looks, free";
  }

  /** Whether what was chosen is to be looked at once more, moved. */
  get #once() {
    const { looks, draft } = this.#studio;
    return draft.seed !== null && !looks.fresh.some((item) => item.seed === draft.seed);
  }

  #look() {
    if (this.element.getAttribute("aria-disabled") === "true") return;
    const { looks, draft } = this.#studio;
    if (looks.unanswered.length) {
      looks.retry();
      return;
    }
    if (this.#once) {
      looks.make([draft.seed]);
      return;
    }
    const first = looks.fresh.length ? newSeed() : (this.#usual() ?? newSeed());
    if (draft.seed !== null) draft.change({ seed: null });
    looks.make([first, ...Array.from({ length: COUNT - 1 }, newSeed)]);
  }

  #refused(refusal) {
    this.#refusal = refusal;
    this.#until = null;
    clearTimeout(this.#timer);
    this.notice.hidden = refusal === null;
    this.notice.classList.add("bad");
    if (refusal === null) return;
    if (refusal.status === 429 && refusal.retryAfter) {
      this.#until = Date.now() + 1000 * refusal.retryAfter;
      this.#count();
      return;
    }
    this.notice.replaceChildren(h("p", {}, refusedWords(refusal)));
    if (!this.#studio.looks.off) this.#offerAgain();
  }

  /** Count down to when it may be asked again. */
  #count() {
    const seconds = Math.ceil((this.#until - Date.now()) / 1000);
    if (seconds > 0) {
      const words = `You have looked often in a short time. In ${seconds} s you can look again; you can order now.`;
      this.notice.replaceChildren(h("p", { "aria-live": "off" }, words));
      this.#timer = setTimeout(() => this.#count(), 1000);
      return;
    }
    this.#until = null;
    this.notice.classList.remove("bad");
    this.notice.replaceChildren(h("p", {}, "You can look again now."));
    this.#offerAgain();
    this.show();
  }

  #offerAgain() {
    this.notice.append(
      h("p", {}, h("button", { class: "button small", onclick: () => this.#look() }, "Try again")),
    );
  }
}

/** Return in a shop owner's words why there is no look. */
export function refusedWords({ status, code, message, retryAfter }) {
  if (code === "previews_off") return "Free looks are switched off here. You can order the picture all the same.";
  if (status === 429 && retryAfter) {
    return `You have looked often in a short time. In ${retryAfter} s you can look again; you can order now.`;
  }
  if (status === 404) return "The photo is no longer there. Drop it again.";
  if (status === 0) return "The service does not answer, so there is no look yet. Check the connection.";
  return message;
}
