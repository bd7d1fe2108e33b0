/** The choice of the product's stance: four buttons, with Backdrop's guess marked. */

import { html, svg } from "../page/dom.js";

/** The service's names with title and drawing, 24 × 16, in the order of the buttons. */
const STANCES = [
  ["standing", "Standing", "M9.500 1.500h5M10.500 1.500v3L8 7v6.500h8V7l-2.500-2.500v-3M3 14h18"],
  ["lying", "Lying", "M4 10.500 15.500 5l4 3L8 13.500zM4 10.500 8 13.500M2 14.500h20"],
  ["hanging", "Hanging", "M12 1v2.500L6 6l2 2.500V14h8V8.500L18 6l-6-2.500"],
  ["from_above", "From above", "M5.500 2.500h13v11h-13zM9 6h6v4H9z"],
];
/** The button to mark for a guess, a cut-out's `stance` and `suits`. Lying, seen at a slant, suits scenes from the side. */
export const guessOf = ({ stance, suits }) => (stance === "lying" && !suits?.includes("sweep") ? "from_above" : stance);
/** Shown if the guess is none of the four. */
const CUT_BELOW = "The photo crops its foot, so it rises from the picture's edge.";
const SAYS_WHAT = {
  standing: "It rests on its foot, seen from the side.",
  lying: "It lies on the surface, seen at a slant.",
  hanging: "It hangs flat against the wall.",
  from_above: "The scene is shown from above, and it lies there.",
};

/** Return a stance in words for screen readers. */
export const stanceWords = (word) => (word === "auto" ? "As we see it." : `${STANCES.find(([name]) => name === word)[1]}.`);

/** Return {element, show(word, cut)}, with the cut-out of the guess or null. `choose(word)` gets the pressed stance, or "auto" if it was pressed already. */
export function stancesBar(choose) {
  const words = html`<p class="hint"></p>`;
  const buttons = STANCES.map(([name, title, path]) => {
    const press = () => choose(button.getAttribute("aria-pressed") === "true" ? "auto" : name);
    const button = html`
      <button class="button small" type="button" data-stance=${name} onclick=${press}>
        ${svg("svg", { class: "icon", viewBox: "0 0 24 16", "aria-hidden": "true" }, svg("path", { d: path }))}
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
