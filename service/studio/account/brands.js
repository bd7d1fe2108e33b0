/** The brands page: create, change and delete brands. */

import { ask } from "../calls/api.js";
import { addingField, swatch } from "../order/colours.js";
import { attempt } from "../page/confirm.js";
import { fill, html, icon } from "../page/dom.js";
import { MOST_COLOURS } from "../order/draft.js";
import { titled } from "../page/words.js";

const path = (name) => `/v1/brands/${encodeURIComponent(name)}`;

export async function view(studio, _, signal) {
  const { output_presets } = studio.catalogue;
  const list = html`<ul class="brands"></ul>`;
  const place = html`<div></div>`;
  const add = html`<button class="button primary" id="new-brand" onclick=${() => edit(null)}>New brand</button>`;
  await load();
  return html`
    <div class="sheet-page narrow">
      <div class="page-head"><h1>Brands</h1>${add}</div>
      <p class="hint">Choose a brand for a picture, and the picture gets its colours and its sales channel.</p>
      ${place} ${list}
    </div>`;

  async function load() {
    studio.brands = studio.draft.brands = (await ask("/v1/brands", { signal })).items;
    fill(list, studio.brands.map(row));
  }

  function row(brand) {
    const { name, palette, default_preset: channel, seed_policy: policy } = brand;
    const facts = [
      channel ? titled(output_presets, channel) : "Any sales channel",
      policy === "pinned" ? "same background for all products" : "new background for each picture",
    ];
    return html`
      <li>
        <span class="brand-swatches" aria-hidden="true">${palette.map(swatch)}</span>
        <div><strong>${name}</strong><p class="hint">${facts.join("  ·  ")}</p></div>
        <button class="button small" aria-label="Change ${name}" onclick=${() => edit(brand)}>Change</button>
      </li>`;
  }

  /** Open the form for a brand; null: a new one. */
  function edit(brand) {
    let colours = [...(brand?.palette ?? [])];
    const name = html`
      <input id="brand-name" class="text" maxlength="120" value=${brand?.name ?? ""} disabled=${Boolean(brand)}
        autocomplete="off" />`;
    const swatches = html`<ol class="colours"></ol>`;
    const { text, ...field } = addingField("brand-colour", "Colours, largest area first", push);
    const option = ({ name: value, title }) =>
      html`<option value=${value} selected=${value === brand?.default_preset}>${title}</option>`;
    const channel = html`
      <select id="brand-channel" class="text">
        <option value="">None</option>
        ${output_presets.map(option)}
      </select>`;
    const pinned = html`<input type="checkbox" id="brand-pinned" checked=${brand?.seed_policy === "pinned"} />`;
    const error = html`<p class="error" role="alert"></p>`;
    const title = brand ? `Change ${brand.name}` : "New brand";
    const form = html`
      <form class="brand-form" novalidate aria-label=${title} onsubmit=${save}>
        <label class="label" for="brand-name">Name</label>
        ${name}
        ${field.rows} ${swatches}
        <label class="label" for="brand-channel">Sales channel</label>
        ${channel}
        <label class="row" for="brand-pinned">${pinned} Same background for all its products</label>
        ${error}
        <div class="row">
          <button class="button primary" type="submit" id="save-brand">Save</button>
          <button class="button" type="button" onclick=${close}>Cancel</button>
          ${brand && html`<button class="button" type="button" onclick=${remove}>Delete this brand</button>`}
        </div>
      </form>`;
    fill(place, form);
    show();
    (brand ? text : name).focus();

    function show() {
      fill(swatches, colours.map(shown));
      field.show(colours);
    }

    function shown(colour, i) {
      const drop = () => (colours.splice(i, 1), show(), text.focus());
      return html`
        <li class="colour">
          ${swatch(colour)} <span class="text plain">${colour}</span>
          <button class="quiet round" type="button" aria-label="Remove ${colour}" onclick=${drop}>
            ${icon("cross")}
          </button>
        </li>`;
    }

    function push(colour) {
      if (!colours.includes(colour)) colours = [...colours, colour].slice(0, MOST_COLOURS);
      show();
    }

    async function save(event) {
      event.preventDefault();
      const called = name.value.trim();
      if (!called) return wrong("A brand needs a name.");
      if (called.includes("/")) return wrong("A name can't have a slash in it.");
      const taken = !brand && studio.brands.some((one) => one.name === called);
      if (taken) return wrong("You have a brand of that name. Change that one, or choose another name.");
      const body = {
        palette: colours,
        style_words: brand?.style_words ?? [],
        seed_policy: pinned.checked ? "pinned" : "free",
        default_preset: channel.value || null,
        options: brand?.options ?? {},
      };
      await changed(() => ask(path(called), { method: "PUT", body }), `${called} is saved.`);
    }

    async function remove() {
      await changed(async () => {
        await ask(path(brand.name), { method: "DELETE" });
        if (studio.draft.brand === brand.name) studio.draft.change({ brand: null });
      }, `${brand.name} is deleted. Its pictures stay.`);
    }

    const changed = (change, words) =>
      attempt(error, words, async () => {
        await change();
        await load();
        close();
      });

    function wrong(words) {
      error.textContent = words;
    }
  }

  function close() {
    place.replaceChildren();
    add.focus();
  }
}
