/** A choice by pictures or by free text. */

import { fill, html, styled } from "../page/dom.js";
import { radios } from "../page/radios.js";

const LONGEST = 120;
/** Pictures that are shown before a person asks for all. */
const FEW = 4;

/**
 * Return a `details` element with radio buttons that look like pictures.
 *
 * `picture(item)` returns the URL of an item's picture; if undefined, the item's colours are drawn. `own` is an example
 * of free text, `ownHelp` explains the result. `repainted` supplies recoloured pictures, or null. `more`: a further
 * choice below the pictures. `fitting` returns the names of the items that fit best, shown until a person presses
 * `all`; null: all are shown.
 */
export function choicesOf({ draft }, order, signal, { field, title, items, picture, own, ownHelp, ...given }) {
  const { open = false, more = null, repainted = null, fitting = null, all = null } = given;
  let few = fitting !== null;
  const value = html`<span class="choice-value"></span>`;
  const about = html`<p class="hint"></p>`;
  const error = html`<p class="error" id="${field}-error" role="alert"></p>`;
  const radios = items.map(({ name }) => {
    const choose = () => draft.change({ [field]: name });
    return html`<input type="radio" name=${field} value=${name} onchange=${choose} />`;
  });
  const words = html`
    <input id="${field}-own" class="text" type="text" maxlength=${LONGEST} placeholder=${own} autocomplete="off"
      aria-describedby="${field}-help ${field}-error"
      oninput=${() => words.value.trim() && draft.change({ [field]: words.value })}
      onchange=${() => words.value.trim() || show()} />`;
  const peek = html`<span class="peek"></span>`;
  const plain = items.map((item) => pictureOf(item, picture(item)));
  const frames = plain.map((one) => html`<span class="card-frame">${one}</span>`);
  const card = ({ title: called, description }, i) => html`
    <label class="card" title=${description}>${radios[i]}${frames[i]}<span class="card-title">${called}</span></label>`;
  const cards = items.map(card);
  const whole = few && html`<div><button class="button small" onclick=${showAll}>${all}</button></div>`;
  draft.addEventListener("change", ({ detail }) => [field, "ground"].some((one) => one in detail) && (show(), wants()), { signal });
  order.addEventListener("answered", () => {
    if (few) show();
    error.textContent = order.refusal?.about(field) ?? "";
    words.toggleAttribute("aria-invalid", Boolean(error.textContent));
  });
  repainted?.addEventListener("change", () => {
    items.forEach(({ name }, i) => fill(frames[i], repainted.picture(name) ?? plain[i]));
    show();
  });
  const element = html`
    <details class="choice" name="choice" data-choice=${field} open=${open} ontoggle=${wants}>
      <summary>${peek}<span class="choice-name">${title}</span>${value}</summary>
      <div class="choice-body">
        <fieldset class="cards"><legend class="unseen">${title}</legend>${cards}</fieldset>
        ${whole}
        ${about}
        ${more}
        <label class="label" for=${words.id}>Or in your own words</label>
        ${words}
        <p class="hint" id="${field}-help">${ownHelp}</p>
        ${error}
      </div>
    </details>`;
  show();
  return element;

  /** Request the recoloured pictures that are visible. */
  function wants() {
    repainted?.want(element.open ? shownNames() : [draft[field]]);
  }

  function shownNames() {
    const names = items.map(({ name }) => name);
    if (!few) return names;
    const fit = fitting().slice(0, FEW);
    const chosen = draft[field];
    return fit.includes(chosen) || !names.includes(chosen) ? fit : [...fit.slice(0, FEW - 1), chosen];
  }

  function showAll() {
    const next = cards.find((one) => one.hidden);
    few = false;
    show();
    wants();
    next?.querySelector("input").focus();
  }

  function show() {
    const item = items.find((one) => one.name === draft[field]);
    const names = shownNames();
    for (const [i, radio] of radios.entries()) {
      radio.checked = radio.value === item?.name;
      cards[i].hidden = !names.includes(radio.value);
    }
    if (whole) whole.hidden = !few;
    const unused = field === "scene_type" && draft.sceneless;
    value.textContent = unused ? "Not used" : (item?.title ?? `“${draft[field]}”`);
    about.textContent = item?.description ?? "In your own words, instead of the list.";
    fill(peek, item && (repainted?.picture(item.name) ?? pictureOf(item, picture(item))));
    if (item && document.activeElement !== words) words.value = "";
    else if (!item) words.value = draft[field];
  }
}

const PROPS = [
  ["scene", "As in the scene"],
  ["few", "Fewer"],
  ["none", "None"],
];

/** Return the choice of props, hidden for the white scene. */
export function propsChoice({ draft }, signal) {
  const { element, show } = radios("props", "Props", PROPS, (props) => draft.change({ props }));
  const refresh = () => {
    element.hidden = draft.scene_type === "white";
    show(draft.props);
  };
  draft.addEventListener("change", refresh, { signal });
  refresh();
  return element;
}

/** Return a choice's picture. Without a URL it is drawn in the item's colours. */
export function pictureOf(item, url) {
  if (url) return html`<img class="card-picture" src=${url} alt="" loading="lazy" width="256" height="320" />`;
  const [wall, floor] = [item.palette?.[0] ?? "#cfcfcf", item.palette?.[1] ?? item.palette?.[0] ?? "#bdbdbd"];
  return styled(html`<span class="card-picture drawn"></span>`, { "--wall": wall, "--floor": floor });
}
