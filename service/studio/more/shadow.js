/** The choice of the product's shadow: its kind, strength, softness and direction. */

import { html, say } from "../page/dom.js";
import { liveFigure } from "../looks/live.js";
import { dial, directionWords } from "./dial.js";
import { choice, radios, slide } from "./controls.js";

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
const USUAL_SHARE = 0.5;
const USUAL_DIRECTION = 60;
/** The parts that can be automatic: [parameter, title, words of its ends]. */
const PARTS = [
  ["shadow_strength", "Strength"],
  ["shadow_softness", "Softness"],
];
const percent = (share) => `${Math.round(100 * share)} %`;

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
  const bounds = { min: 0, max: 100, step: 1 };
  const sliders = PARTS.map(([name, title]) => [name, slide(name, title, bounds, (value) => change({ [name]: value / 100 }))]);
  const round = dial("Direction of the shadow", USUAL_DIRECTION, (degrees) => change({ shadow_direction: degrees }));
  const direction = html`<p class="hint"></p>`;
  const reset = html`<button class="button small" onclick=${automatic}>Let Backdrop choose</button>`;
  const dials = html`
    <div class="dials">
      ${sliders.map(([, { element }]) => element)}
      <div class="dial-row">
        ${round.element}
        <div><p class="label">Direction</p>${direction}<p class="hint">Turn the dial, seen from above.</p>${reset}</div>
      </div>
    </div>`;
  return choice(context, {
    field: "shadow",
    title: "Shadow",
    fields: ["shadow", ...PARTS.map(([name]) => name), "shadow_direction"],
    words: shadowWords,
    usual: "As in the scene again",
    body: [liveFigure({ looks, draft }, live, signal), kinds.element, about, dials],
    show,
  });

  function automatic() {
    change({ shadow_strength: null, shadow_softness: null, shadow_direction: null });
    say("Backdrop chooses the shadow's strength, softness and direction.");
  }

  function show() {
    const { shadow, shadow_direction: degrees } = draft.shadow;
    kinds.show(shadow);
    about.textContent = SAYS[shadow];
    dials.hidden = shadow === "none";
    for (const [name, { element, show: shows }] of sliders) {
      const value = draft.shadow[name];
      element.classList.toggle("automatic", value === null);
      shows(Math.round(100 * (value ?? USUAL_SHARE)), value === null ? "automatic" : percent(value));
    }
    round.show(degrees);
    direction.textContent = degrees === null ? "Automatic" : directionWords(degrees);
    reset.hidden = [...PARTS.map(([name]) => name), "shadow_direction"].every((name) => draft.shadow[name] === null);
  }
}
