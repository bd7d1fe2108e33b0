/** The further choices: background, shadow, frame, text and limits. Folded together until one of them is made. */

import { html } from "../page/dom.js";
import { Live } from "../looks/live.js";
import { USUAL } from "../order/options.js";
import { backgroundChoice, groundWords } from "./background.js";
import { frameChoice, frameWords } from "./frame.js";
import { limitsChoice, limitsWords } from "./limits.js";
import { shadowChoice, shadowWords } from "./shadow.js";
import { textChoice, textWords } from "./text.js";

const WORDS = { ground: groundWords, shadow: shadowWords, frame: frameWords, lettering: textWords, acceptance: limitsWords };
const FIELDS = Object.keys(WORDS);
const SAME = FIELDS.map((field) => JSON.stringify(USUAL[field]));

export function moreChoices(studio, order, signal) {
  const { draft } = studio;
  const live = new Live(studio, order, () => (order.plan?.brand ? order.plan.seed : null), signal);
  const value = html`<span class="choice-value"></span>`;
  const context = { studio, order, live, signal };
  const element = html`
    <details class="choice more">
      <summary><span class="choice-name">More</span>${value}</summary>
      <div class="more-body">
        ${backgroundChoice(context)}${shadowChoice(context)}${frameChoice(context)}${textChoice(context)}
        ${limitsChoice(context)}
      </div>
    </details>`;
  const set = () => FIELDS.filter((field, i) => JSON.stringify(draft[field]) !== SAME[i]);
  draft.addEventListener("change", show, { signal });
  order.addEventListener("answered", refused);
  element.open = set().length > 0;
  show();
  return element;

  function show() {
    const words = set().map((field) => WORDS[field](draft[field]));
    const text = words.filter(Boolean).map((one, i) => (i ? one.replace(/^[A-Z]/, (first) => first.toLowerCase()) : one));
    value.textContent = text.join(", ") || "Background, shadow, frame, text and logos, limits";
  }

  /** Unfold the control that the service refuses. */
  function refused() {
    const error = [...element.querySelectorAll(".error")].find((one) => one.textContent);
    if (error) element.open = true;
  }
}
