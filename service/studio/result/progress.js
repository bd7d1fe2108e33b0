/** A job's progress: the list of stages, and the current one. */

import { html, icon, say, styled } from "../page/dom.js";
import { STAGES, stageWords } from "../page/words.js";

export class Progress {
  #onShare;
  #words = html`<p class="progress-words" id="stage-words"></p>`;
  #bar = html`<div class="line" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100"></div>`;
  #rows = STAGES.map(([name, words]) => html`<li data-stage=${name}><span class="step"></span>${words}</li>`);

  /** `onShare` gets the progress, 0 to 1. */
  constructor(onShare) {
    this.#onShare = onShare;
    this.element = html`
      <div class="progress" id="progress">
        ${this.#words} ${this.#bar}
        <ol class="stages">${this.#rows}</ol>
      </div>`;
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
    const at = STAGES.findIndex(([name]) => name === stage);
    this.#rows.forEach((row, i) => {
      const state = i < at || status === "SUCCESS" ? "done" : i === at ? "now" : "later";
      if (row.dataset.state === state) return;
      row.dataset.state = state;
      if (state === "now") row.setAttribute("aria-current", "step");
      else row.removeAttribute("aria-current");
      row.firstChild.replaceChildren(state === "done" ? icon("check") : "");
    });
  }
}
