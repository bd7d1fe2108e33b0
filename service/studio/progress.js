/** How far a picture is: the stages as a list, the one at work, the place in the queue. */

import { h, icon, say, styled } from "./dom.js";
import { STAGES, stageWords } from "./words.js";

const PLACES = ["next", "second", "third", "fourth", "fifth"];

export class Progress {
  #onShare;
  #words = h("p", { class: "progress-words", id: "stage-words" });
  #bar = h("div", {
    class: "line",
    role: "progressbar",
    "aria-label": "Progress",
    "aria-valuemin": 0,
    "aria-valuemax": 100,
  });
  #rows = new Map(
    STAGES.map(([name, words]) => [name, h("li", { "data-stage": name }, h("span", { class: "step" }), words)]),
  );

  /** `onShare` hears the progress as 0 to 1. */
  constructor(onShare) {
    this.#onShare = onShare;
    this.element = h(
      "div",
      { class: "progress", id: "progress" },
      this.#words,
      this.#bar,
      h("ol", { class: "stages" }, [...this.#rows.values()]),
    );
  }

  /** Show a state of the job. */
  show({ status, stage, progress, attempt, queue_position: position }) {
    const { element } = this;
    element.dataset.status = status;
    element.dataset.stage = stage ?? "";
    element.dataset.position = position ?? "";
    const words = status === "NOT_STARTED" || !stage ? waiting(position) : stageWords(stage);
    const again = attempt > 1 ? ` (attempt ${attempt})` : "";
    this.#words.textContent = words + again;
    say(words);
    styled(this.#bar, { "--share": progress });
    this.#bar.setAttribute("aria-valuenow", Math.round(progress * 100));
    this.#onShare(progress);
    const at = STAGES.findIndex(([name]) => name === stage);
    [...this.#rows.values()].forEach((row, i) => {
      const state = i < at || status === "SUCCESS" ? "done" : i === at ? "now" : "later";
      if (row.dataset.state === state) return;
      row.dataset.state = state;
      if (state === "now") row.setAttribute("aria-current", "step");
      else row.removeAttribute("aria-current");
      row.firstChild.replaceChildren(state === "done" ? icon("check") : "");
    });
  }
}

function waiting(position) {
  if (position === null || position === undefined) return "Waiting for its turn";
  return position < PLACES.length
    ? `Waiting: ${PLACES[position]} in the queue`
    : `Waiting: ${position} pictures are before it`;
}
