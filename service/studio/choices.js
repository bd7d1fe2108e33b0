/** A choice from pictures, or in one's own words. */

import { html, styled } from "./dom.js";

const LONGEST = 120;

/**
 * Return a `details` of radio buttons that look like pictures.
 *
 * `picture` gives an item's address, or undefined: then its colours stand in. `own` is an example of free text,
 * `ownHelp` what comes of it.
 */
export function choicesOf({ draft }, order, { field, title, items, picture, own, ownHelp, open = false }) {
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
  const card = (item, i) => html`
    <label class="card" title=${item.description}>
      ${radios[i]}${pictureOf(item, picture(item))}<span class="card-title">${item.title}</span>
    </label>`;
  draft.addEventListener("change", ({ detail }) => field in detail && show());
  order.addEventListener("told", () => {
    error.textContent = order.refusal?.about(field) ?? "";
    words.toggleAttribute("aria-invalid", Boolean(error.textContent));
  });
  show();
  return html`
    <details class="choice" name="choice" data-choice=${field} open=${open}>
      <summary>${peek}<span class="choice-name">${title}</span>${value}</summary>
      <div class="choice-body">
        <fieldset class="cards"><legend class="unseen">${title}</legend>${items.map(card)}</fieldset>
        ${about}
        <label class="label" for=${words.id}>Or in your own words</label>
        ${words}
        <p class="hint" id="${field}-help">${ownHelp}</p>
        ${error}
      </div>
    </details>`;

  function show() {
    const item = items.find((one) => one.name === draft[field]);
    for (const radio of radios) radio.checked = radio.value === item?.name;
    value.textContent = item?.title ?? `“${draft[field]}”`;
    about.textContent = item?.description ?? "In your own words; nothing of the list is used.";
    peek.replaceChildren(item ? pictureOf(item, picture(item)) : "");
    if (item && document.activeElement !== words) words.value = "";
    else if (!item) words.value = draft[field];
  }
}

function pictureOf(item, url) {
  if (url) return html`<img class="card-picture" src=${url} alt="" loading="lazy" width="256" height="320" />`;
  const [wall, floor] = [item.palette?.[0] ?? "#cfcfcf", item.palette?.[1] ?? item.palette?.[0] ?? "#bdbdbd"];
  return styled(html`<span class="card-picture drawn"></span>`, { "--wall": wall, "--floor": floor });
}
