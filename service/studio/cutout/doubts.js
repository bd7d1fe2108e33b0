/** The warnings of a cut-out: which are doubts, and their words. */

import { WARNINGS } from "../page/words.js";

/** Warnings after which a cut-out is often wrong. */
const DOUBTFUL = ["no_subject", "low_confidence", "several_subjects", "held_by_hand", "transparent_material_suspected"];

/** Return whether a person should check a cut-out before ordering. */
export const doubtful = ({ product_box: box, warnings, pieces = [] }) =>
  !box || warnings.some(({ code }) => DOUBTFUL.includes(code)) || pieces.some(({ answered }) => !answered);

/** Return [sentence, remedy] for a warning; the remedy may be null. */
export const doubtWords = ({ code, message }) => WARNINGS[code] ?? [message, null];
