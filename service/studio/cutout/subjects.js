/** The things that were found in a photo. */

/** Share of a thing's box that has to lie in a drawn one, and of the drawn one that things have to fill, to be meant. */
const [WITHIN, FILLS] = [0.9, 0.5];

const area = ({ width, height }) => width * height;
const has = ({ left, top, width, height }, x, y) => x >= left && y >= top && x < left + width && y < top + height;

/** Return the thing at a point of the photo, the smallest whose box has it; null where there is none. */
export function subjectAt(subjects, x, y) {
  return subjects.filter(({ box }) => has(box, x, y)).sort((one, other) => area(one.box) - area(other.box))[0] ?? null;
}

/** Return the ids of those that are kept. */
export const keptOf = (subjects) => subjects.filter(({ kept }) => kept).map(({ id }) => id);

/**
 * Return the ids of the things that a place surely means, none where it may be another: [x, y] or [left, top, right,
 * bottom] as shares of the photo; `covered`: whether the mask keeps the point.
 */
export function meant({ subjects, width, height }, place, covered) {
  const [left, top, right, bottom] = place.map((share, i) => share * (i % 2 ? height : width));
  if (place.length === 2) {
    const there = subjects.filter(({ box, kept }) => kept === covered && has(box, left, top));
    return there.length === 1 ? [there[0].id] : [];
  }
  const inside = ({ box }) => {
    const across = Math.min(right, box.left + box.width) - Math.max(left, box.left);
    const down = Math.min(bottom, box.top + box.height) - Math.max(top, box.top);
    return Math.max(0, across) * Math.max(0, down) >= WITHIN * area(box);
  };
  const all = subjects.filter(inside);
  const [x0, y0] = [Math.min(...all.map(({ box }) => box.left)), Math.min(...all.map(({ box }) => box.top))];
  const x1 = Math.max(...all.map(({ box }) => box.left + box.width));
  const y1 = Math.max(...all.map(({ box }) => box.top + box.height));
  const filled = (x1 - x0) * (y1 - y0) >= FILLS * (right - left) * (bottom - top);
  return all.length && filled ? all.map(({ id }) => id) : [];
}
