/** Crumbs: small pieces that strokes have cut off something large, which nobody sees and which spoil box and stance. */

import { Mask } from "./mask.js";

/** More cells than these are not looked at: larger masks on a coarser level. */
const MOST_CELLS = 1_000_000;
/** Coverage (0–255) from which on a cell joins its neighbours; less is a soft rim. */
const JOINS = 24;
/** A part with less than this share of the mask's cells is small. */
const SMALL = 0.005;
/** Cells around a large part that are left as they are: its soft edge. */
const RIM = 2;

/**
 * Return the mask's bytes without crumbs, or null where there are none.
 *
 * A crumb belonged to a large part of `before`, the bytes that the mending began with, and is joined to none now. What
 * was small then, or has been brought back, stays.
 *
 * @param {Mask} mask
 * @param {Uint8Array} before
 */
export function withoutCrumbs(mask, before) {
  const level = mask.levels.findIndex(({ width, height }) => width * height <= MOST_CELLS);
  const { width, height, data } = mask.levels[level];
  const was = large(new Mask({ width: mask.width, height: mask.height, data: before }).levels[level].data, width);
  const is = large(data, width);
  for (let i = 0; i < RIM; i++) grow(is, width);
  const size = 2 ** level;
  let tidy = null;
  for (let cell = 0; cell < width * height; cell++) {
    if (!was[cell] || is[cell] || !data[cell]) continue;
    tidy ??= mask.data.slice();
    const [left, top] = [(cell % width) * size, Math.floor(cell / width) * size];
    const right = Math.min(mask.width, left + size);
    for (let y = top; y < Math.min(mask.height, top + size); y++) {
      tidy.fill(0, y * mask.width + left, y * mask.width + right);
    }
  }
  return tidy;
}

/** Mark the cells of parts that are not small. */
function large(data, width) {
  const part = new Int32Array(data.length);
  const areas = [0];
  let whole = 0;
  for (let first = 0; first < data.length; first++) {
    if (part[first] || data[first] <= JOINS) continue;
    const name = areas.length;
    const waiting = [first];
    part[first] = name;
    let area = 0;
    while (waiting.length) {
      const cell = waiting.pop();
      area++;
      for (const other of around(cell, width, data.length)) {
        if (part[other] || data[other] <= JOINS) continue;
        part[other] = name;
        waiting.push(other);
      }
    }
    areas.push(area);
    whole += area;
  }
  return Uint8Array.from(part, (name) => (areas[name] >= SMALL * whole && name > 0 ? 1 : 0));
}

function grow(marked, width) {
  const before = marked.slice();
  for (let cell = 0; cell < before.length; cell++) {
    if (before[cell]) for (const other of around(cell, width, before.length)) marked[other] = 1;
  }
}

/** The four cells beside one, as far as they are there. */
function around(cell, width, count) {
  const x = cell % width;
  const found = [];
  if (cell >= width) found.push(cell - width);
  if (cell + width < count) found.push(cell + width);
  if (x > 0) found.push(cell - 1);
  if (x < width - 1) found.push(cell + 1);
  return found;
}
