/** The choice of a brand, which sets colours and sales channel. Absent if this service has no brands. */

import { html } from "../page/dom.js";
import { fieldsOf } from "./options.js";

/** Return the colours for the picture: the chosen ones, or else the brand's. Empty: the scene's own. */
export const coloursAsked = ({ brands, draft }) =>
  draft.colours.length ? draft.colours : (brands.find((one) => one.name === draft.brand)?.palette ?? []);

export function brandChoice({ brands, draft }) {
  if (!brands.length) return null;
  const chosen = () => brands.find((one) => one.name === draft.brand);
  const words = html`<p class="hint" id="brand-words">${about(chosen())}</p>`;
  const option = ({ name }) => html`<option value=${name} selected=${name === draft.brand}>${name}</option>`;
  return html`
    <div class="brand">
      <label for="brand" class="label">Brand</label>
      <select id="brand" class="text" onchange=${({ target }) => choose(target.value)}>
        <option value="">None</option>${brands.map(option)}
      </select>
      ${words}
    </div>`;

  function choose(name) {
    const { default_preset: preset, options = {} } = brands.find((one) => one.name === name) ?? {};
    const given = Object.keys(options).length ? fieldsOf(options) : {};
    draft.change({ brand: name || null, ...given });
    if (preset) draft.change({ output_preset: preset });
    words.textContent = about(chosen());
  }
}

function about(brand) {
  const colours = brand?.palette.length ? "Backdrop uses its colours where you choose none." : "";
  const seed = brand?.seed_policy === "pinned" ? "The same choices give the same background for all its products." : "";
  return `${colours} ${seed}`.trim();
}
