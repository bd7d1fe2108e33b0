/** The brands: what each brings into a picture, made, changed and deleted here. */

import { ask } from "./api.js";
import { toHex } from "./colours.js";
import { h, icon, say, styled } from "./dom.js";
import { MOST_COLOURS } from "./draft.js";
import { titled } from "./words.js";

const path = (name) => `/v1/brands/${encodeURIComponent(name)}`;

export async function brandsView(studio, _, signal) {
  const { output_presets } = studio.catalogue;
  const list = h("ul", { class: "brands" });
  const place = h("div", {});
  const add = h("button", { class: "button primary", id: "new-brand", onclick: () => edit(null) }, "New brand");
  await load();
  return h(
    "div",
    { class: "sheet-page narrow" },
    h("div", { class: "page-head" }, h("h1", {}, "Brands"), add),
    h(
      "p",
      { class: "hint" },
      "A brand brings its colours and its sales channel into each picture that you choose it for.",
    ),
    place,
    list,
  );

  async function load() {
    studio.brands = (await ask("/v1/brands", { signal })).items;
    list.replaceChildren(...studio.brands.map(row));
  }

  function row(brand) {
    const facts = [
      brand.default_preset ? titled(output_presets, brand.default_preset) : "any sales channel",
      brand.seed_policy === "pinned" ? "the same background for all its products" : "a new background for each picture",
    ];
    return h(
      "li",
      {},
      h("span", { class: "brand-swatches", "aria-hidden": "true" }, brand.palette.map(swatch)),
      h("div", {}, h("strong", {}, brand.name), h("p", { class: "hint" }, facts.join("  ·  "))),
      h(
        "button",
        { class: "button small", "aria-label": `Change ${brand.name}`, onclick: () => edit(brand) },
        "Change",
      ),
    );
  }

  /** Open the form for a brand; null: for a new one. */
  function edit(brand) {
    let colours = [...(brand?.palette ?? [])];
    const name = h("input", {
      id: "brand-name",
      class: "text",
      maxlength: 120,
      value: brand?.name ?? "",
      disabled: Boolean(brand),
      autocomplete: "off",
    });
    const swatches = h("ol", { class: "colours" });
    const text = h("input", {
      id: "brand-colour",
      class: "text",
      placeholder: "#e8c7b8, ivory, rgb(20, 80, 60)",
      autocomplete: "off",
      spellcheck: "false",
      onkeydown: (event) => event.key === "Enter" && (event.preventDefault(), push(text.value)),
    });
    const pick = h("input", {
      type: "color",
      value: "#c9a58f",
      "aria-label": "Pick a colour to add",
      title: "Pick a colour to add",
      onchange: () => push(pick.value),
    });
    const channel = h(
      "select",
      { id: "brand-channel", class: "text" },
      h("option", { value: "" }, "None"),
      output_presets.map((one) =>
        h("option", { value: one.name, selected: one.name === brand?.default_preset }, one.title),
      ),
    );
    const pinned = h("input", { type: "checkbox", id: "brand-pinned", checked: brand?.seed_policy === "pinned" });
    const error = h("p", { class: "error", role: "alert" });
    const form = h(
      "form",
      {
        class: "brand-form",
        novalidate: true,
        "aria-label": brand ? `Change ${brand.name}` : "New brand",
        onsubmit: save,
      },
      h("label", { class: "label", for: "brand-name" }, "Name"),
      name,
      h("label", { class: "label", for: "brand-colour" }, "Colours, the most present first"),
      swatches,
      h(
        "div",
        { class: "row" },
        pick,
        text,
        h("button", { class: "button", type: "button", onclick: () => push(text.value) }, "Add"),
      ),
      h("label", { class: "label", for: "brand-channel" }, "Sales channel"),
      channel,
      h("label", { class: "row", for: "brand-pinned" }, pinned, "The same background for all its products"),
      error,
      h(
        "div",
        { class: "row" },
        h("button", { class: "button primary", type: "submit", id: "save-brand" }, "Save"),
        h("button", { class: "button", type: "button", onclick: close }, "Leave it"),
        brand
          ? h("button", { class: "button", type: "button", id: "delete-brand", onclick: remove }, "Delete this brand")
          : null,
      ),
    );
    place.replaceChildren(form);
    show();
    (brand ? text : name).focus();

    function show() {
      swatches.replaceChildren(
        ...colours.map((colour, i) =>
          h(
            "li",
            { class: "colour" },
            swatch(colour),
            h("span", { class: "text plain" }, colour),
            h(
              "button",
              {
                class: "quiet round",
                type: "button",
                "aria-label": `Remove ${colour}`,
                onclick: () => (colours.splice(i, 1), show(), text.focus()),
              },
              icon("cross"),
            ),
          ),
        ),
      );
      text.disabled = pick.disabled = colours.length >= MOST_COLOURS;
    }

    function push(given) {
      if (!given.trim()) return;
      const read = toHex(given);
      error.textContent = read ? "" : `“${given}” is no colour we know. Write #rrggbb, a CSS name, or rgb(r, g, b).`;
      if (!read) return;
      if (!colours.includes(read)) colours = [...colours, read].slice(0, MOST_COLOURS);
      text.value = "";
      show();
    }

    async function save(event) {
      event.preventDefault();
      const title = name.value.trim();
      if (!title || title.includes("/"))
        return wrong(title ? "A name can't have a slash in it." : "A brand needs a name.");
      if (!brand && studio.brands.some((one) => one.name === title))
        return wrong("There is a brand of that name. Change that one.");
      const body = {
        palette: colours,
        style_words: brand?.style_words ?? [],
        seed_policy: pinned.checked ? "pinned" : "free",
        default_preset: channel.value || null,
      };
      try {
        await ask(path(title), { method: "PUT", body });
        await load();
        say(`${title} is saved.`);
        close();
      } catch (refused) {
        wrong(refused.message);
      }
    }

    async function remove() {
      try {
        await ask(path(brand.name), { method: "DELETE" });
        if (studio.draft.brand === brand.name) studio.draft.change({ brand: null });
        await load();
        say(`${brand.name} is deleted. Its pictures stay.`);
        close();
      } catch (refused) {
        wrong(refused.message);
      }
    }

    function wrong(words) {
      error.textContent = words;
    }
  }

  function close() {
    place.replaceChildren();
    add.focus();
  }
}

const swatch = (colour) => styled(h("span", { class: "swatch" }), { "--colour": colour });
