/** Shows which parts a mask leaves out: the photo dimmed, and a two-tone line that is visible on light and dark. */

/** Coverage (0–255) above which a pixel counts as kept; the faintest glass of the brush is above it. */
export const KEPT = 24;
const TONES = [["#191919", 3], ["#fff", 1.25]];

/** Return the borders between kept and left-out pixels in a rectangle of the mask, as a Path2D in the mask's pixels. */
export function contour({ width, height, data }, { left, top, right, bottom }) {
  const path = new Path2D();
  const line = (...ends) => (path.moveTo(ends[0], ends[1]), path.lineTo(ends[2], ends[3]));
  for (let y = top; y < bottom; y++) {
    let start = -1;
    for (let x = left, at = y * width + left; x < right; x++, at++) {
      const kept = data[at] > KEPT;
      if (x + 1 < width && data[at + 1] > KEPT !== kept) line(x + 1, y, x + 1, y + 1);
      const ends = y + 1 < height && data[at + width] > KEPT !== kept;
      if (ends && start < 0) start = x;
      if (!ends && start >= 0) {
        line(start, y + 1, x, y + 1);
        start = -1;
      }
    }
    if (start >= 0) line(start, y + 1, right, y + 1);
  }
  return path;
}

/** Draw a contour; `pixel`: a CSS pixel's size in the context's units. */
export function drawContour(context, path, pixel) {
  context.lineCap = "square";
  for (const [tone, width] of TONES) {
    context.strokeStyle = tone;
    context.lineWidth = width * pixel;
    context.stroke(path);
  }
}

/** The grey to which left-out parts are dimmed: beside a dark product, and beside a light one. */
const [LIGHT, DARK] = [195, 88];
/** A product is dark below this mean. */
const DARK_BELOW = 110;
/**
 * How far left-out parts may differ from that grey, and the difference at which compression begins. Contrast stays,
 * since glass hardly differs from its background.
 */
const [MOST, PRESSED] = [60, 36];
const OPAQUE = 255 << 24;

/** Return a function (pixel, mask's byte) to a pixel, which shows left-out parts dimmed and in grey. */
export function dimming(photo, mask) {
  const counts = new Float64Array(256);
  let [light, kept] = [0, 0];
  for (let at = 0; at < mask.length; at++) {
    const grey = greyOf(photo[at]);
    counts[grey] += 255 - mask[at];
    light += grey * mask[at];
    kept += mask[at];
  }
  let [middle, below] = [0, counts[0]];
  const half = counts.reduce((sum, count) => sum + count, 0) / 2;
  while (middle < 255 && below < half) below += counts[++middle];
  const to = kept && light / kept < DARK_BELOW ? LIGHT : DARK;
  const dimmed = Uint8Array.from(counts, (_, grey) => to + MOST * Math.tanh((grey - middle) / PRESSED));
  const behindAll = Int32Array.from(dimmed, (grey) => OPAQUE | (grey << 16) | (grey << 8) | grey);
  return (pixel, m) => {
    if (m === 0) return behindAll[greyOf(pixel)];
    if (m === 255) return pixel | OPAQUE;
    const behind = dimmed[greyOf(pixel)];
    const mixed = (channel) => behind + (((channel & 255) - behind) * m) / 255;
    return OPAQUE | (mixed(pixel >> 16) << 16) | (mixed(pixel >> 8) << 8) | mixed(pixel);
  };
}

/** Return the luma, 0–255, of an RGBA pixel. */
export const greyOf = (pixel) => (77 * (pixel & 255) + 151 * ((pixel >> 8) & 255) + 28 * ((pixel >> 16) & 255)) >> 8;
