/** A job's progress: the current stage, and a bar. */

import { html, say, styled } from "../page/dom.js";
import { stageWords } from "../page/words.js";

export class Progress {
  #onShare;
  #words = html`<p class="progress-words" id="stage-words"></p>`;
  #bar = html`<div class="line" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100"></div>`;

  /** `onShare` gets the progress, 0 to 1. */
  constructor(onShare) {
    this.#onShare = onShare;
    this.element = html`<div class="progress" id="progress">${this.#words} ${this.#bar}</div>`;
  }

  /** Show a state of the job. */
  show({ status, stage, progress, attempt }) {
    const { element } = this;
    element.dataset.status = status;
    element.dataset.stage = stage ?? "";
    const words = status === "NOT_STARTED" || !stage ? "Waiting for its turn" : stageWords(stage);
    const again = attempt > 1 ? ` (attempt ${attempt})` : "";
    this.#words.textContent = words + again;
    say(words);
    styled(this.#bar, { "--share": progress });
    this.#bar.setAttribute("aria-valuenow", Math.round(progress * 100));
    this.#onShare(progress);
  }
}
