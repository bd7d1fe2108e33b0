/** The choice of the product's shadow: its kind, strength, softness and direction. */

import { html } from "../page/dom.js";
import { liveFigure } from "../looks/live.js";
import { radios } from "../page/radios.js";
import { choice, slide } from "./controls.js";

const KINDS = [
  ["scene", "As in the scene"],
  ["none", "None"],
  ["soft", "Soft"],
  ["hard", "Hard"],
  ["floating", "Floating"],
];
const SAYS = {
  scene: "From the light of the scene and the mood.",
  none: "The product has no shadow.",
  soft: "From a large lamp.",
  hard: "From a small lamp, with a sharp edge.",
  floating: "The product floats above its shadow.",
};
/** Shown as long as a part is automatic. */
const USUAL = { shadow_strength: 0.5, shadow_softness: 0.5, shadow_direction: 60 };
const WHERE = ["away from you", "back to the right", "to the right", "front to the right"];
const MORE = ["towards you", "front to the left", "to the left", "back to the left"];
const where = (degrees) => [...WHERE, ...MORE][Math.round(degrees / 45) % 8];

/** Return the chosen shadow in words. */
export function shadowWords({ shadow, ...parts }) {
  const own = Object.values(parts).some((value) => value !== null);
  if (shadow === "scene") return own ? "Own shadow" : "As in the scene";
  return shadow === "none" ? "No shadow" : `${KINDS.find(([name]) => name === shadow)[1]} shadow`;
}

export function shadowChoice(context) {
  const { studio: { draft, looks }, live, signal } = context;
  const change = (changes) => draft.change({ shadow: { ...draft.shadow, ...changes } });
  const kinds = radios("shadow", "Shadow", KINDS, (shadow) => change({ shadow }));
  const about = html`<p class="hint"></p>`;
  const share = (name, title) =>
    slide(name, title, { min: 0, max: 100, step: 1 }, (value) => change({ [name]: value / 100 }));
  const sliders = {
    shadow_strength: share("shadow_strength", "Strength"),
    shadow_softness: share("shadow_softness", "Softness"),
    shadow_direction: slide("shadow_direction", "Direction", { min: 0, max: 355, step: 5 }, (value) =>
      change({ shadow_direction: value }),
    ),
  };
  const dials = html`<div class="part">${Object.values(sliders).map((one) => one.element)}</div>`;
  return choice(context, {
    field: "shadow",
    title: "Shadow",
    fields: ["shadow", ...Object.keys(sliders)],
    words: shadowWords,
    usual: "As in the scene again",
    body: [liveFigure({ looks, draft }, live, signal), kinds.element, about, dials],
    show,
  });

  function show() {
    const { shadow, ...parts } = draft.shadow;
    kinds.show(shadow);
    about.textContent = SAYS[shadow];
    dials.hidden = shadow === "none";
    for (const [name, { element, show: shows }] of Object.entries(sliders)) {
      const value = parts[name] ?? USUAL[name];
      const turns = name === "shadow_direction";
      const automatic = parts[name] === null;
      element.classList.toggle("automatic", automatic);
      if (automatic) shows(turns ? value : 100 * value, "automatic");
      else if (turns) shows(value, where(value), `${value} degrees, ${where(value)}`);
      else shows(Math.round(100 * value), `${Math.round(100 * value)} %`);
    }
  }
}
