/** Margins as the API reads them, in the order of CSS, and as shares of the picture. */

const SIDES = 4;
const LENGTH = /^(\d+(?:\.\d+)?)(%|px)$/;

/** Return margins as [top, right, bottom, left], each [number, unit]; null: none, or not readable. */
export function lengthsOf(margins) {
  const read = margins.trim().split(/\s+/).map((one) => LENGTH.exec(one));
  if (!margins.trim() || read.some((one) => !one) || read.length > SIDES) return null;
  const [top, right = top, bottom = top, left = right] = read.map(([, number, unit]) => [Number(number), unit]);
  return [top, right, bottom, left];
}

/** Return margins as shares [left, top, right, bottom] of a channel's picture; null: none. */
export function marginsOf(margins, { width, height }) {
  const lengths = lengthsOf(margins);
  if (!lengths) return null;
  const share = ([number, unit], side) => (unit === "%" ? number / 100 : number / (side ?? 1000));
  const [top, right, bottom, left] = lengths;
  return [share(left, width), share(top, height), share(right, width), share(bottom, height)];
}
