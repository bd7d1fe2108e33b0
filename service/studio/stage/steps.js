/** The steps of a photo on the stage: cut-out, placement, previews. */

import { html } from "../page/dom.js";

const STEPS = [
  ["cutout", "Cut-out"],
  ["place", "Place"],
  ["looks", "Previews"],
];

/** Return radio buttons for [value, words]; `hear` gets the value that a person chooses. */
export const segments = (className, name, legend, choices, hear) => html`
  <fieldset class=${className}>
    <legend class="unseen">${legend}</legend>
    ${choices.map(([value, words]) => html`
      <label class="segment">
        <input type="radio" name=${name} value=${value} onchange=${() => hear(value)} /><span>${words}</span>
      </label>`)}
  </fieldset>`;

/** Return {element, show(name), enable(name, possible)}; `chosen` gets the name that a person chooses. */
export function stepsBar(chosen) {
  const element = segments("steps", "step", "What is shown", STEPS, chosen);
  const radio = (name) => element.querySelector(`[value=${name}]`);
  radio("place").disabled = radio("looks").disabled = true;
  return {
    element,
    show: (name) => (radio(name).checked = true),
    enable: (name, possible) => (radio(name).disabled = !possible),
  };
}
