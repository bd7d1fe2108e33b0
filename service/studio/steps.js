/** What the stage shows of a photo: its cut-out, its place in the picture, or looks at the picture. */

import { h } from "./dom.js";

const STEPS = [
  ["cutout", "Cut-out"],
  ["place", "Place"],
  ["looks", "Looks"],
];

/**
 * Return {element, show(name), enable(name, possible)}: buttons of which one is on.
 *
 * `chosen` hears the name when a person changes it.
 */
export function stepsBar(chosen) {
  const radios = new Map(
    STEPS.map(([name, words]) => {
      const onchange = () => chosen(name);
      const disabled = name !== "cutout";
      return [name, [words, h("input", { type: "radio", name: "step", value: name, disabled, onchange })]];
    }),
  );
  const element = h(
    "fieldset",
    { class: "steps" },
    h("legend", { class: "unseen" }, "What is shown"),
    [...radios.values()].map(([words, input]) => h("label", { class: "segment" }, input, h("span", {}, words))),
  );
  return {
    element,
    show: (name) => (radios.get(name)[1].checked = true),
    enable: (name, possible) => (radios.get(name)[1].disabled = !possible),
  };
}
