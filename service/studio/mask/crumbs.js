/**
 * Removes remnants of strokes.
 *
 * Crumbs are small pieces that strokes have cut off a large part. They are hardly visible, but distort box and stance.
 * Islands are pieces that a stroke along edges has left in its path.
 */

import { Mask } from "./mask.js";

/** Most cells to examine: larger masks and strokes use a coarser level. */
const MOST_CELLS = 1_000_000;
const MOST_SWEPT = 300_000;
/** Coverage (0–255) above which a cell joins its neighbours; lower values are a soft rim. */
const JOINS = 24;
/** A part with less than this share of the mask's cells is small. */
const SMALL = 0.005;
/** Cells around the remaining parts that keep their values: the soft edge. */
const RIM = 2;
/** Share of the brush's radius that counts as its path. */
const PATH = 0.9;

/**
 * Return the mask's bytes without crumbs, or null if there are none.
 *
 * A crumb belonged to a large part of `before`, the bytes at the start of the mending, and is joined to no large part
 * now. Parts that were small from the start, or that a person brought back, stay.
 *
 * @param {Mask} mask
 * @param {Uint8Array} before
 */
export function withoutCrumbs(mask, before) {
  const level = mask.levels.findIndex(({ width, height }) => width * height <= MOST_CELLS);
  const { width, height, data } = mask.levels[level];
  const was = large(new Mask({ width: mask.width, height: mask.height, data: before }).levels[level].data, width);
  const is = grown(large(data, width), width);
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

/**
 * Return the pieces in a stroke's path that are joined to nothing outside it: {level, cells}.
 *
 * The cells are x, y, x, y, … of that level.
 *
 * @param {Mask} mask
 * @param {number[][]} path the stroke's points in the mask's pixels
 * @param {{radius: number, value: number}} brush with a brush that keeps, the pieces are holes
 */
export function islands(mask, path, { radius, value }) {
  const bounds = [0, 1].map((axis) => path.map((point) => point[axis]));
  const least = bounds.map((all) => Math.min(...all) - radius);
  const most = bounds.map((all) => Math.max(...all) + radius);
  let level = 0;
  const count = () => ((most[0] - least[0]) * (most[1] - least[1])) / 4 ** level;
  while (count() > MOST_SWEPT && level < mask.levels.length - 1) level++;
  const { width: w, height: h, data } = mask.levels[level];
  const scale = 2 ** -level;
  const [left, top] = least.map((bound) => Math.max(0, Math.floor(bound * scale) - 2));
  const width = Math.min(w, Math.ceil(most[0] * scale) + 3) - left;
  const height = Math.min(h, Math.ceil(most[1] * scale) + 3) - top;
  if (width < 1 || height < 1) return { level, cells: [] };
  const swept = sweep(path, PATH * radius * scale, { left, top, width, height, scale });
  const rest = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rest[y * width + x] = Math.abs(value - data[(top + y) * w + left + x]);
  }
  const stays = new Uint8Array(rest.length);
  const outside = [...rest.keys()].filter((cell) => !swept[cell] && rest[cell] > JOINS);
  flood(rest, width, outside, (cell) => !stays[cell] && (stays[cell] = 1));
  grown(stays, width);
  const cells = [];
  for (let cell = 0; cell < rest.length; cell++) {
    if (swept[cell] && rest[cell] && !stays[cell]) cells.push(left + (cell % width), top + Math.floor(cell / width));
  }
  return { level, cells };
}

/** Mark the cells that the brush's disc has covered. */
function sweep(path, radius, { left, top, width, height, scale }) {
  const swept = new Uint8Array(width * height);
  path.forEach(([x1, y1], i) => {
    const [x0, y0] = path[Math.max(0, i - 1)];
    const [ax, ay, bx, by] = [x0 * scale - left, y0 * scale - top, x1 * scale - left, y1 * scale - top];
    const [dx, dy] = [bx - ax, by - ay];
    const length2 = dx * dx + dy * dy || 1;
    const [x2, x3] = within(ax, bx, radius, width);
    const [y2, y3] = within(ay, by, radius, height);
    for (let y = y2; y <= y3; y++) {
      for (let x = x2; x <= x3; x++) {
        const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
        const along = Math.min(1, Math.max(0, (px * dx + py * dy) / length2));
        if ((px - along * dx) ** 2 + (py - along * dy) ** 2 <= radius * radius) swept[y * width + x] = 1;
      }
    }
  });
  return swept;
}

const within = (one, other, radius, size) => [
  Math.max(0, Math.floor(Math.min(one, other) - radius)),
  Math.min(size - 1, Math.max(one, other) + radius),
];

/** Mark the cells of large parts. */
function large(data, width) {
  const part = new Int32Array(data.length);
  const areas = [0];
  for (let first = 0; first < data.length; first++) {
    if (part[first] || data[first] <= JOINS) continue;
    const name = areas.push(0) - 1;
    flood(data, width, [first], (cell) => !part[cell] && (areas[name]++, (part[cell] = name)));
  }
  const whole = areas.reduce((sum, area) => sum + area, 0);
  return Uint8Array.from(part, (name) => (areas[name] >= SMALL * whole && name > 0 ? 1 : 0));
}

/** Flood fill from some cells; `take` marks a cell and returns false if it was marked. */
function flood(data, width, waiting, take) {
  const fresh = (cell) => data[cell] > JOINS && take(cell);
  waiting = waiting.filter(fresh);
  while (waiting.length) {
    for (const other of around(waiting.pop(), width, data.length)) if (fresh(other)) waiting.push(other);
  }
}

/** Dilate the marked cells by RIM. */
function grown(marked, width) {
  for (let i = 0; i < RIM; i++) {
    const before = marked.slice();
    for (let cell = 0; cell < before.length; cell++) {
      if (before[cell]) for (const other of around(cell, width, before.length)) marked[other] = 1;
    }
  }
  return marked;
}

/** Return the neighbours of a cell, up to eight. */
function around(cell, width, count) {
  const x = cell % width;
  const found = [];
  for (let row = cell - width; row <= cell + width; row += width) {
    if (row < 0 || row >= count) continue;
    if (x > 0) found.push(row - 1);
    if (row !== cell) found.push(row);
    if (x < width - 1) found.push(row + 1);
  }
  return found;
}
