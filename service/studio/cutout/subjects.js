/** The things that Backdrop found in a photo. */

/**
 * To be meant, a thing must have this share of its box inside the drawn box, and the things must fill that share of it.
 */
const [WITHIN, FILLS] = [0.9, 0.5];

const area = ({ width, height }) => width * height;
const has = ({ left, top, width, height }, x, y) => x >= left && y >= top && x < left + width && y < top + height;

/** Return the ids of the kept things. */
export const keptOf = (subjects) => subjects.filter(({ kept }) => kept).map(({ id }) => id);

/**
 * Return the ids of the things that a place clearly means; empty if that is not clear.
 *
 * `place`: [x, y] or [left, top, right, bottom], as shares of the photo. `covered`: whether the mask keeps the point.
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
