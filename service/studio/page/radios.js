/** Radio buttons that look like one bar. */

import { html } from "./dom.js";

/**
 * Return radio buttons for [value, words]: {element, inputs, show(value)}; `choose` gets the value that a person chooses.
 *
 * With a `kind`, the element's class, the legend is for screen readers only.
 */
export function radios(name, legend, choices, choose, kind = null) {
  const input = ([value]) =>
    html`<input type="radio" name=${name} value=${value} onchange=${() => choose(value)} />`;
  const inputs = choices.map(input);
  const segment = ([, words], i) => html`<label class="segment">${inputs[i]}<span>${words}</span></label>`;
  const bar = choices.map(segment);
  const element = html`
    <fieldset class=${kind ?? "options"}>
      <legend class=${kind ? "unseen" : "label"}>${legend}</legend>${kind ? bar : html`<div>${bar}</div>`}
    </fieldset>`;
  const show = (value) => {
    for (const one of inputs) one.checked = one.value === value;
  };
  return { element, inputs, show };
}
