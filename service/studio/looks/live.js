/** A free preview that follows the choices of background, shadow, frame and text while a person makes them. */

import { fill, html, styled } from "../page/dom.js";
import { FIELDS, lacking } from "../order/options.js";
import { persisted } from "../calls/waiting.js";
import { lostWords } from "../page/words.js";
import { newSeed } from "./looks.js";

/**
 * Asks for one preview at a time: changes during it lead to a single next one. The order's dry run comes before each,
 * so the pause after typing and the refusal of invalid choices are the dry run's.
 */
export class Live extends EventTarget {
  /** The last Refusal; null: none. */
  refusal = null;
  #studio;
  #order;
  #signal;
  /** Returns the seed of a brand with one background; null: there is none. */
  #usual;
  /** Whether choices have changed since the last preview was asked for. */
  #due = false;
  #busy = false;
  #seed = newSeed();

  constructor(studio, order, usual, signal) {
    super();
    this.#studio = studio;
    this.#order = order;
    this.#usual = usual;
    this.#signal = signal;
    const changed = ({ detail }) => {
      if ("source" in detail) this.#due = false;
      else if (FIELDS.some((field) => field in detail)) this.#due = true;
    };
    studio.draft.addEventListener("change", changed, { signal });
    order.addEventListener("answered", () => this.#next(), { signal });
  }

  /** Whether a preview is being made or about to be asked for. */
  get busy() {
    return this.#busy || (this.#due && this.#possible);
  }

  get #possible() {
    const { draft, looks, several } = this.#studio;
    const complete = draft.source && !draft.forbidden && !lacking(draft.ground);
    return complete && !looks.off && !looks.busy && !several.items.length && this.#order.cut;
  }

  #next() {
    const { plan, placeless } = this.#order;
    if (this.#due && !this.#busy && plan && !placeless && this.#possible) this.#make();
  }

  async #make() {
    const { draft, looks } = this.#studio;
    const lost = (refusal) => ((this.refusal = refusal), this.#changed());
    const renew = async () => {
      this.#due = false;
      if (this.#possible) await looks.renew(draft.seed ?? this.#usual() ?? this.#seed, this.#signal);
    };
    this.#busy = true;
    lost(null);
    try {
      await persisted(renew, { signal: this.#signal, lost });
    } catch (refused) {
      if (this.#signal.aborted) return;
      this.refusal = refused;
      looks.refused(refused);
    } finally {
      this.#busy = false;
    }
    this.#changed();
    this.#next();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Return the figure beside the controls, for screens on which the stage is out of view, and a line of words. */
export function liveFigure({ looks, draft }, live, signal) {
  const image = html`<img alt="Your picture as you chose it" hidden />`;
  const words = html`<p class="hint" role="status"></p>`;
  const element = html`<figure class="live"><span class="live-sheet">${image}</span>${words}</figure>`;
  for (const one of [looks, live, draft]) one.addEventListener("change", show, { signal });
  show();
  return element;

  function show() {
    const shown = looks.large;
    image.hidden = !shown;
    if (shown && image.getAttribute("src") !== shown.job.render.url) image.src = shown.job.render.url;
    if (shown) styled(element, { "--ratio": shown.job.render.width / shown.job.render.height });
    element.classList.toggle("renewing", live.busy || (shown !== null && !looks.chosen));
    const text = wordsOf(shown);
    if (words.textContent !== text) fill(words, text);
  }

  function wordsOf(shown) {
    const { refusal } = live;
    if (looks.off) return "Free previews are switched off here.";
    if (!draft.source) return "Add a photo, and a free preview shows each change.";
    if (refusal?.status === 429) return "You made many previews in a short time. The next one comes in a moment.";
    if (refusal) return refusal.passing ? lostWords(refusal) : refusal.message;
    if (live.busy) return "A free preview is being made …";
    return shown ? "Free preview. It follows each change." : "A free preview shows each change.";
  }
}
