/** The brand that a picture is for: fills in colours and sales channel. Not there where this service has no brands. */

import { h } from "./dom.js";

export function brandChoice({ brands, draft }) {
  if (!brands.length) return null;
  const select = h(
    "select",
    { id: "brand", class: "text", onchange: chosen },
    h("option", { value: "" }, "None"),
    brands.map((brand) => h("option", { value: brand.name, selected: brand.name === draft.brand }, brand.name)),
  );
  const words = h("p", { class: "hint", id: "brand-words" }, told());
  return h("div", { class: "brand" }, h("label", { for: "brand", class: "label" }, "Brand"), select, words);

  function chosen() {
    const brand = brands.find((one) => one.name === select.value);
    draft.change({
      brand: brand?.name ?? null,
      ...(brand?.default_preset ? { output_preset: brand.default_preset } : {}),
    });
    words.textContent = told();
  }

  function told() {
    const brand = brands.find((one) => one.name === draft.brand);
    if (!brand) return "";
    const colours = brand.palette.length ? "Its colours are used where you choose none." : "";
    const seed =
      brand.seed_policy === "pinned" ? " The same spec gives the same background for each of its products." : "";
    return `${colours}${seed}`.trim();
  }
}
