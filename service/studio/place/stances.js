/** The choice of the product's stance: four buttons, with Backdrop's guess marked. */

import { html } from "../page/dom.js";

/** The service's names and titles, in the order of the buttons. */
const STANCES = [
  ["standing", "Standing"],
  ["lying", "Lying"],
  ["hanging", "Hanging"],
  ["from_above", "From above"],
];
/** The button to mark for a guess, a cut-out's `stance` and `suits`. Lying, seen at a slant, suits scenes from the side. */
const guessOf = ({ stance, suits }) => (stance === "lying" && !suits?.includes("sweep") ? "from_above" : stance);
/** Shown if the guess is none of the four. */
const CUT_BELOW = "The photo crops its foot, so it rises from the picture's edge.";
const SAYS_WHAT = {
  standing: "It rests on its foot, seen from the side.",
  lying: "It lies on the surface, seen at a slant.",
  hanging: "It hangs flat against the wall.",
  from_above: "The scene is shown from above, and it lies there.",
};

/** Return a stance in words for screen readers. */
export const stanceWords = (word) => (word === "auto" ? "As we see it." : `${Object.fromEntries(STANCES)[word]}.`);

/** Return {element, show(word, cut)}, with the cut-out of the guess or null. `choose(word)` gets the pressed stance, or "auto" if it was pressed already. */
export function stancesBar(choose) {
  const words = html`<p class="hint"></p>`;
  const buttons = STANCES.map(([name, title]) => {
    const press = () => choose(button.getAttribute("aria-pressed") === "true" ? "auto" : name);
    const button = html`
      <button class="button small" type="button" data-stance=${name} onclick=${press}>
        <span>${title}</span><span class="stance-guess"></span>
      </button>`;
    return button;
  });
  const element = html`
    <div class="stances" role="group" aria-label="How it stands">
      <div class="stance-buttons">${buttons}</div>${words}
    </div>`;
  return { element, show };

  function show(word, cut) {
    const guess = cut && guessOf(cut);
    for (const button of buttons) {
      const { stance } = button.dataset;
      button.setAttribute("aria-pressed", String(stance === word));
      button.lastElementChild.textContent = stance === guess ? "as we see it" : "";
    }
    const guessed = guess === "cut_below" ? CUT_BELOW : "Are we wrong? Choose what is right.";
    words.textContent = word === "auto" ? guessed : SAYS_WHAT[word];
  }
}
