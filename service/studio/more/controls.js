/** The parts of the further choices: a folded choice, the nine places, a slider. */

import { fill, html } from "../page/dom.js";
import { USUAL } from "../order/options.js";

/**
 * Return a `details` element of one choice.
 *
 * `fields` are the API's parameters, whose errors appear in it. `words(record)` says what is chosen, `usual` what the
 * button for the default does.
 */
export function choice({ studio: { draft }, order, signal }, { field, title, fields, words, usual, body, show }) {
  const value = html`<span class="choice-value"></span>`;
  const error = html`<p class="error" id="${field}-error" role="alert"></p>`;
  const reset = html`<button class="button small" onclick=${() => draft.change({ [field]: USUAL[field] })}>${usual}</button>`;
  const element = html`
    <details class="choice" name="choice" data-choice=${field}>
      <summary><span class="choice-name">${title}</span>${value}</summary>
      <div class="choice-body">${body}${error}<div class="row">${reset}</div></div>
    </details>`;
  const refresh = () => {
    value.textContent = words(draft[field]);
    reset.hidden = JSON.stringify(draft[field]) === JSON.stringify(USUAL[field]);
    show();
  };
  draft.addEventListener("change", refresh, { signal });
  order.addEventListener("answered", () => {
    const found = fields.map((name) => order.refusal?.about(name) ?? "").filter(Boolean);
    const text = found.join(" ");
    if (error.textContent === text) return;
    fill(error, text);
    if (text) element.open = true;
  });
  refresh();
  return element;
}

/** Return a box that keeps a choice beyond this photo: {element, show(shown)}. */
export function lastingBox(draft) {
  const input = html`<input type="checkbox" onchange=${() => draft.change({ lasting: input.checked })} />`;
  const element = html`<label class="row">${input} For the next photos too</label>`;
  const show = (shown) => {
    element.hidden = !shown;
    input.checked = draft.lasting;
  };
  return { element, show };
}

/** The nine places: [name, row, column]. */
export const PLACES = ["top", "", "bottom"].flatMap((row) =>
  ["left", "", "right"].map((column) => [row, column].filter(Boolean).join("_") || "center"),
);

/** Return a place's words: "top left", "middle". */
export const placeWords = (name) => (name === "center" ? "middle" : name.replace("_", " "));

/** Return nine radio buttons in a square, as a map of the picture: {element, show(value, barred)}. */
export function placeGrid(name, legend, choose) {
  const inputs = PLACES.map((place) => {
    const press = () => choose(place);
    const words = placeWords(place).replace(/^./, (first) => first.toUpperCase());
    return html`<input type="radio" name=${name} value=${place} aria-label=${words} title=${words} onchange=${press} />`;
  });
  const element = html`
    <fieldset class="place-grid" onkeydown=${across}><legend class="label">${legend}</legend>
      <div>${inputs.map((input) => html`<label class="place-cell">${input}<span></span></label>`)}</div>
    </fieldset>`;
  const show = (value, barred = () => false) => {
    for (const input of inputs) {
      input.checked = input.value === value;
      input.disabled = barred(input.value);
    }
  };
  return { element, show };

  /** The arrow keys follow the map; the browser's own would go on in the row. */
  function across(event) {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const at = inputs.indexOf(event.target);
    if (!by || at < 0) return;
    event.preventDefault();
    const [x, y] = [(at % 3) + by[0], Math.floor(at / 3) + by[1]];
    if (Math.min(x, y) < 0 || Math.max(x, y) > 2) return;
    const to = inputs[3 * y + x];
    if (to.disabled) return;
    to.focus();
    to.click();
  }
}

/**
 * Return a slider with its name and value in words: {element, input, show(value, words, spoken)}.
 *
 * `heard` gets each value, `done` is called when the hand lets go.
 */
export function slide(id, title, { min, max, step }, heard, done = () => {}) {
  const input = html`
    <input type="range" id=${id} min=${min} max=${max} step=${step} onchange=${done}
      oninput=${() => heard(Number(input.value))} />`;
  const output = html`<output for=${id}></output>`;
  const element = html`<div class="slide"><label for=${id}>${title}</label>${input}${output}</div>`;
  const show = (value, words, spoken = words) => {
    if (Number(input.value) !== value) input.value = value;
    output.textContent = words;
    input.setAttribute("aria-valuetext", spoken);
  };
  return { element, input, show };
}
