/** The steps of a photo on the stage: cut-out, placement, previews. */

import { radios } from "../page/radios.js";

const STEPS = [
  ["cutout", "Cut-out"],
  ["place", "Place"],
  ["looks", "Previews"],
];

/** Return {element, show(name), enable(name, possible)}; `chosen` gets the name that a person chooses. */
export function stepsBar(chosen) {
  const { element, inputs, show } = radios("step", "What is shown", STEPS, chosen, "steps");
  const enable = (name, possible) => (inputs.find(({ value }) => value === name).disabled = !possible);
  for (const name of ["place", "looks"]) enable(name, false);
  return { element, show, enable };
}
