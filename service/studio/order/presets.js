/** The choice of sales channels: their look, price and rules. */

import { html, svg } from "../page/dom.js";
import { credits, FORMATS, ruleTitle, size, weight } from "../page/words.js";

export function presetChoice(studio, order, signal) {
  const { draft, catalogue, thumbnails } = studio;
  const value = html`<span class="choice-value"></span>`;
  const facts = html`<span class="choice-facts"></span>`;
  const peek = html`<span class="peek frame-peek"></span>`;
  const about = html`<div class="place"></div>`;
  const error = html`<p class="error" role="alert"></p>`;
  const choose = (name) => draft.change({ output_preset: name });
  const { radios, element: cards } = presetCards(studio, catalogue.output_presets, "output_preset", choose);
  const also = alsoFor(studio);
  const shows = ["output_preset", "also", "scene_type"];
  draft.addEventListener("change", ({ detail }) => shows.some((name) => name in detail) && show(), { signal });
  order.addEventListener("answered", () => (error.textContent = order.refusal?.about("output_preset") ?? ""));
  show();
  return html`
    <details class="choice" name="choice" data-choice="output_preset">
      <summary>
        ${peek}<span class="choice-name">Sales channel</span><span class="choice-said">${value}${facts}</span>
      </summary>
      <div class="choice-body">${cards}${error}${about}${also.element}</div>
    </details>`;

  function show() {
    const { preset } = draft;
    for (const radio of radios) radio.checked = radio.value === preset.name;
    const more = draft.presets.length - 1;
    value.textContent = more ? `${preset.title} and ${more} more` : preset.title;
    const one = `${size(preset.width, preset.height)}  ·  ${credits(preset.credits)}`;
    facts.textContent = more ? `${more + 1} pictures` : one;
    also.show();
    peek.replaceChildren(frame(preset, thumbnails[`preset-${preset.name}`]));
    about.replaceChildren(...placeWords(preset));
  }
}

/** Return the choice of further channels, each with a picture of its own: {element, show()}. */
function alsoFor({ draft, catalogue }) {
  // Skip the disabled box of the main channel: its check must not stay when another channel becomes the main one.
  const chosen = () => boxes.filter((box) => box.checked && !box.disabled).map((box) => box.value);
  const choose = () => draft.change({ also: chosen() });
  const boxes = catalogue.output_presets.map(
    ({ name }) => html`<input type="checkbox" name="also" value=${name} onchange=${choose} />`,
  );
  const facts = catalogue.output_presets.map(() => html`<span class="hint"></span>`);
  const row = ({ title }, i) => html`<label class="also-one">${boxes[i]}<span>${title}${" "}${facts[i]}</span></label>`;
  const element = html`
    <details class="also">
      <summary>More channels at once</summary>
      <p class="hint">You order one picture for each channel.</p>
      <fieldset class="also-list"><legend class="unseen">Also for</legend>${catalogue.output_presets.map(row)}</fieldset>
    </details>`;
  return { element, show };

  function show() {
    if (draft.presets.length > 1) element.open = true;
    catalogue.output_presets.forEach((preset, i) => {
      const first = preset === draft.preset;
      boxes[i].checked = first || draft.also.includes(preset.name);
      boxes[i].disabled = first;
      const bare = !first && !preset.scene_allowed && draft.scene_type !== "white";
      facts[i].textContent = `${credits(preset.credits)}${bare ? `, ${BARE[preset.background]}` : ""}`;
    });
  }
}

const BARE = { white: "on white", transparent: "without a background" };

/** Return radio buttons that look like the channels. `off(preset)` returns why a channel can't be chosen, or null. */
export function presetCards({ thumbnails }, presets, group, chosen, off = () => null) {
  const radios = presets.map((preset) => {
    const { name } = preset;
    const choose = () => chosen(name);
    return html`<input type="radio" name=${group} value=${name} disabled=${Boolean(off(preset))} onchange=${choose} />`;
  });
  const card = (preset, i) => html`
    <label class="card" title=${off(preset) ?? preset.description}>
      ${radios[i]}
      ${frame(preset, thumbnails[`preset-${preset.name}`])}
      <span class="card-title">${preset.title}</span>
      <span class="card-fact">${size(preset.width, preset.height)}</span>
      <span class="card-fact">${credits(preset.credits)}${forbids(preset)}</span>
    </label>`;
  const legend = html`<legend class="unseen">Sales channel</legend>`;
  return { radios, element: html`<fieldset class="cards frames">${legend}${presets.map(card)}</fieldset>` };
}

const forbids = ({ background }) => ({ white: " · white only", transparent: " · no background" })[background] ?? "";

function placeWords(preset) {
  const limit = preset.max_bytes ? `, up to ${weight(preset.max_bytes)}` : "";
  const formats = preset.formats.map((one) => FORMATS[one]).join(", ");
  const scene = {
    white: "Pure white background only, no scene.",
    transparent: "No background: the product alone.",
    scene: "Scenes are allowed.",
  };
  const rule = ({ name, text }) => html`<li><strong>${ruleTitle(name)}</strong>${` ${text}`}</li>`;
  const why = ({ name, source_url: source, checked_on: checked }) => html`
    <li>
      ${ruleTitle(name)}: <a href=${source} target="_blank" rel="noreferrer noopener"
        aria-label="Source of the rule on ${ruleTitle(name)}, opens in a new tab">Source</a>, ${checked}
    </li>`;
  return html`
    <p>${preset.description}</p>
    <p class="hint">${scene[preset.background]} ${size(preset.width, preset.height)}, ${formats}${limit}.</p>
    <ul class="rules">${preset.rules.map(rule)}</ul>
    <details class="why"><summary>Why</summary><ul class="hint">${preset.rules.map(why)}</ul></details>`;
}

/** Draw a channel to scale with its margins. */
function frame({ width, height, margins, background }, picture) {
  const ratio = (width ?? 4) / (height ?? 5);
  const [w, h_] = ratio >= 1 ? [56, 56 / ratio] : [56 * ratio, 56];
  const [x, y] = [(64 - w) / 2, (64 - h_) / 2];
  const [left, top, right, bottom] = margins;
  const [roomW, roomH] = [w * (1 - left - right), h_ * (1 - top - bottom)];
  const sheet = { x, y, width: w, height: h_ };
  return svg(
    "svg",
    { class: `frame ${background}`, viewBox: "0 0 64 64", "aria-hidden": "true" },
    svg("image", { href: picture, ...sheet, preserveAspectRatio: "xMidYMid slice" }),
    svg("rect", { class: "frame-margin", x: x + w * left, y: y + h_ * top, width: roomW, height: roomH }),
    svg("rect", { class: "frame-edge", ...sheet }),
  );
}
