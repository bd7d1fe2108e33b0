/** A choice from pictures, or in one's own words. */

import { h, styled } from "./dom.js";

const LONGEST = 120;

/**
 * Return a `details` of radio buttons that look like pictures.
 *
 * `picture` gives an item's address, or undefined: then its colours stand in. `own` is an example of free text,
 * `ownHelp` what comes of it.
 */
export function choicesOf({ draft }, order, { field, title, items, picture, own, ownHelp, open = false }) {
  const value = h("span", { class: "choice-value" });
  const about = h("p", { class: "hint" });
  const error = h("p", { class: "error", id: `${field}-error`, role: "alert" });
  const radios = items.map((item) =>
    h("input", { type: "radio", name: field, value: item.name, onchange: () => draft.change({ [field]: item.name }) }),
  );
  const words = h("input", {
    id: `${field}-own`,
    class: "text",
    type: "text",
    maxlength: LONGEST,
    placeholder: own,
    autocomplete: "off",
    "aria-describedby": `${field}-help ${field}-error`,
    oninput: () => words.value.trim() && draft.change({ [field]: words.value }),
    onchange: () => words.value.trim() || show(),
  });
  const peek = h("span", { class: "peek" });
  const element = h(
    "details",
    { class: "choice", name: "choice", "data-choice": field, open },
    h("summary", {}, peek, h("span", { class: "choice-name" }, title), value),
    h(
      "div",
      { class: "choice-body" },
      h(
        "fieldset",
        { class: "cards" },
        h("legend", { class: "unseen" }, title),
        items.map((item, i) =>
          h(
            "label",
            { class: "card", title: item.description },
            radios[i],
            pictureOf(item, picture(item)),
            h("span", { class: "card-title" }, item.title),
          ),
        ),
      ),
      about,
      h("label", { class: "label", for: words.id }, "Or in your own words"),
      words,
      h("p", { class: "hint", id: `${field}-help` }, ownHelp),
      error,
    ),
  );
  draft.addEventListener("change", ({ detail }) => field in detail && show());
  order.addEventListener("told", () => {
    error.textContent = order.refusal?.about(field) ?? "";
    words.toggleAttribute("aria-invalid", Boolean(error.textContent));
  });
  show();
  return element;

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

/** Return a choice's picture; without an address, one drawn in its colours. */
export function pictureOf(item, url) {
  if (url) return h("img", { class: "card-picture", src: url, alt: "", loading: "lazy", width: 256, height: 320 });
  const [wall, floor] = [item.palette?.[0] ?? "#cfcfcf", item.palette?.[1] ?? item.palette?.[0] ?? "#bdbdbd"];
  return styled(h("span", { class: "card-picture drawn" }), { "--wall": wall, "--floor": floor });
}
