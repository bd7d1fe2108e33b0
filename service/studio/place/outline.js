/** The cut-out product as a canvas, and its outline. */

import { fetched } from "../cutout/service.js";

/** Rows of an outline. */
const ROWS = 160;
/** Range of the rows that determine the axis: at both ends, a tilted product's corners would distort it. */
const INNER = [0.2, 0.8];
/** Largest deviation of the rows' centres from a line, as a share of the product's width, if there is an axis. */
const CROOKED = 0.05;

/**
 * Return {picture, aspect, rows} of a cut-out: the product as a canvas, its width over height, and its outline.
 *
 * Each row is [x0, x1, y], its ends as shares of the box. Throws Refusal if this page may not read the cut-out.
 */
export async function outlined({ preview_url, product_box: box, width, height }, signal) {
  const whole = await createImageBitmap(await fetched(preview_url, signal));
  const [across, down] = [whole.width / width, whole.height / height];
  const from = [box.left * across, box.top * down, box.width * across, box.height * down];
  const picture = canvas(from[2], from[3]);
  picture.getContext("2d").drawImage(whole, ...from, 0, 0, picture.width, picture.height);
  whole.close();
  return { picture, aspect: box.width / box.height, rows: rowsOf(picture) };
}

function rowsOf(picture) {
  const small = canvas((ROWS * picture.width) / picture.height, ROWS);
  const context = small.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, small.width, small.height);
  const { data, width, height } = context.getImageData(0, 0, small.width, small.height);
  const rows = [];
  for (let y = 0; y < height; y++) {
    let [first, last] = [width, -1];
    for (let x = 0; x < width; x++) {
      if (data[4 * (y * width + x) + 3] <= 127) continue;
      first = Math.min(first, x);
      last = x;
    }
    if (last >= 0) rows.push([first / width, (last + 1) / width, (y + 0.5) / height]);
  }
  return rows.length ? rows : [[0, 1, 0.5]];
}

/** Return the clockwise turn in degrees that makes a product upright; null: it has no axis. */
export function uprightTurn({ rows, aspect }) {
  const inner = rows.filter(([, , y]) => y >= INNER[0] && y <= INNER[1]);
  if (inner.length < ROWS / 4) return null;
  const points = inner.map(([x0, x1, y]) => [((x0 + x1) / 2) * aspect, y]);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [middle, centre] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const slope =
    mean(points.map(([x, y]) => (x - middle) * (y - centre))) / mean(points.map(([, y]) => (y - centre) ** 2));
  const off = Math.sqrt(mean(points.map(([x, y]) => (x - middle - slope * (y - centre)) ** 2)));
  return off > CROOKED * aspect ? null : (180 / Math.PI) * Math.atan(slope);
}

function canvas(width, height) {
  const made = document.createElement("canvas");
  made.width = Math.max(1, Math.round(width));
  made.height = Math.max(1, Math.round(height));
  return made;
}
