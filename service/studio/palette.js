/** The colours of a picture: k-means in OKLab on a small copy, leaving a plain backdrop out. */

const SIDE = 96;
const ROUNDS = 12;
/** Nearer than this in OKLab two colours are one to a person who picks a palette. */
const ONE_COLOUR = 0.06;
/** A border of which so much has one colour is a backdrop. */
const PLAIN_SHARE = 0.6;

/**
 * Return up to `most` colours as #rrggbb, the most present first.
 *
 * `image` is anything that a canvas draws. Throws SecurityError for a picture from elsewhere that may not be read.
 */
export function coloursOf(image, most) {
  const pixels = sampled(image);
  const backdrop = backdropOf(pixels);
  let kept = pixels
    .filter(({ lab, alpha }) => alpha && !(backdrop && distance(lab, backdrop) < 0.09))
    .map(({ lab }) => lab);
  if (kept.length < 40) kept = pixels.filter(({ alpha }) => alpha).map(({ lab }) => lab);
  const found = clusters(kept, most + 3);
  const chosen = [];
  for (const one of found) {
    if (one.share >= 0.015 && chosen.every((other) => distance(one.lab, other.lab) > ONE_COLOUR)) chosen.push(one);
  }
  return chosen.slice(0, most).map(({ lab }) => toHex(lab));
}

function sampled(image) {
  const canvas = document.createElement("canvas");
  const scale = SIDE / Math.max(image.naturalWidth ?? image.width, image.naturalHeight ?? image.height);
  const width = (canvas.width = Math.max(8, Math.round((image.naturalWidth ?? image.width) * scale)));
  const height = (canvas.height = Math.max(8, Math.round((image.naturalHeight ?? image.height) * scale)));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return {
      lab: toLab(data[4 * i], data[4 * i + 1], data[4 * i + 2]),
      alpha: data[4 * i + 3] > 127,
      border: x < 2 || y < 2 || x >= width - 2 || y >= height - 2,
    };
  });
}

/** Return the one colour that most of the border has, else null. */
function backdropOf(pixels) {
  const border = pixels.filter((pixel) => pixel.border && pixel.alpha).map(({ lab }) => lab);
  if (!border.length) return null;
  const middle = [0, 1, 2].map((axis) => border.map((lab) => lab[axis]).sort((a, b) => a - b)[border.length >> 1]);
  const near = border.filter((lab) => distance(lab, middle) < 0.08).length;
  return near / border.length >= PLAIN_SHARE ? middle : null;
}

function clusters(labs, count) {
  // First the middle, then what lies farthest from all so far: the same picture gives the same colours.
  const centres = [mean(labs)];
  while (centres.length < Math.min(count, labs.length)) {
    let [best, far] = [labs[0], -1];
    for (const lab of labs) {
      const near = Math.min(...centres.map((centre) => distance(lab, centre)));
      if (near > far) [best, far] = [lab, near];
    }
    if (far < ONE_COLOUR / 2) break;
    centres.push(best);
  }
  let groups = [];
  for (let round = 0; round < ROUNDS; round++) {
    groups = centres.map(() => []);
    for (const lab of labs) {
      let [best, near] = [0, Infinity];
      centres.forEach((centre, i) => {
        const away = distance(lab, centre);
        if (away < near) [best, near] = [i, away];
      });
      groups[best].push(lab);
    }
    groups.forEach((group, i) => group.length && (centres[i] = mean(group)));
  }
  return centres.map((lab, i) => ({ lab, share: groups[i].length / labs.length })).sort((a, b) => b.share - a.share);
}

const mean = (labs) => [0, 1, 2].map((axis) => labs.reduce((sum, lab) => sum + lab[axis], 0) / labs.length);
const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

function toLab(...bytes) {
  const [r, g, b] = bytes.map((byte) =>
    byte / 255 <= 0.04045 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4,
  );
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function toHex([lightness, a, b]) {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `#${linear
    .map((value) => Math.min(1, Math.max(0, value)))
    .map((value) => (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055))
    .map((value) =>
      Math.round(255 * value)
        .toString(16)
        .padStart(2, "0"),
    )
    .join("")}`;
}
