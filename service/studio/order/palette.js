/** Dominant colours of a picture: k-means in OKLab on a small copy, without a plain backdrop. */

const SIDE = 96;
const ROUNDS = 12;
/** OKLab distance below which two colours count as the same. */
const ONE_COLOUR = 0.06;
/** Least share of the border with one colour that makes a plain backdrop. */
const PLAIN_SHARE = 0.6;

/** Linear light, 0 to 1, of each byte of sRGB. */
export const LINEAR = Float32Array.from({ length: 256 }, (_, byte) =>
  byte <= 10 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4,
);
/** Matrices of OKLab: linear sRGB to cone responses, to OKLab, and the inverses of both. */
const CONES = [
  [0.4122214708, 0.5363325363, 0.0514459929],
  [0.2119034982, 0.6806995451, 0.1073969566],
  [0.0883024619, 0.2817188376, 0.6299787005],
];
const LAB = [
  [0.2104542553, 0.793617785, -0.0040720468],
  [1.9779984951, -2.428592205, 0.4505937099],
  [0.0259040371, 0.7827717662, -0.808675766],
];
const FROM_LAB = [
  [1, 0.3963377774, 0.2158037573],
  [1, -0.1055613458, -0.0638541728],
  [1, -0.0894841775, -1.291485548],
];
const FROM_CONES = [
  [4.0767416621, -3.3077115913, 0.2309699292],
  [-1.2684380046, 2.6097574011, -0.3413193965],
  [-0.0041960863, -0.7034186147, 1.707614701],
];
const times = (matrix, [x, y, z]) => matrix.map(([a, b, c]) => a * x + b * y + c * z);
const toOklab = (linear) => times(LAB, times(CONES, linear).map(Math.cbrt));
const fromOklab = (lab) => times(FROM_CONES, times(FROM_LAB, lab).map((value) => value ** 3));

/** Return linear light as a byte of sRGB. */
export function toByte(light) {
  const value = Math.min(1, Math.max(0, light));
  return Math.round(255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055));
}

/** Return three bytes as #rrggbb. */
export const hexOf = (bytes) => `#${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;

/** Return #rrggbb after a change of its OKLab colour. */
export const inOklab = (hex, change) => {
  const linear = [1, 3, 5].map((at) => LINEAR[Number.parseInt(hex.slice(at, at + 2), 16)]);
  return hexOf(fromOklab(change(toOklab(linear))).map(toByte));
};

/** Return the ImageData of an image drawn at a width and a height. */
export function pixelsOf(image, width, height) {
  const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/**
 * Return up to `most` colours as #rrggbb, largest share first.
 *
 * `image` is anything that a canvas can draw. Throws SecurityError for an image that scripts may not read.
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
  return chosen.slice(0, most).map(({ lab }) => hexOf(fromOklab(lab).map(toByte)));
}

function sampled(image) {
  const [across, down] = [image.naturalWidth ?? image.width, image.naturalHeight ?? image.height];
  const scale = SIDE / Math.max(across, down);
  const [width, height] = [across, down].map((side) => Math.max(8, Math.round(side * scale)));
  const { data } = pixelsOf(image, width, height);
  return Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    const border = x < 2 || y < 2 || x >= width - 2 || y >= height - 2;
    return { lab: toOklab([...data.subarray(4 * i, 4 * i + 3)].map((byte) => LINEAR[byte])), alpha: data[4 * i + 3] > 127, border };
  });
}

/** Return the colour that most of the border has, or null. */
function backdropOf(pixels) {
  const border = pixels.filter((pixel) => pixel.border && pixel.alpha).map(({ lab }) => lab);
  if (!border.length) return null;
  const middle = [0, 1, 2].map((axis) => border.map((lab) => lab[axis]).sort((a, b) => a - b)[border.length >> 1]);
  const near = border.filter((lab) => distance(lab, middle) < 0.08).length;
  return near / border.length >= PLAIN_SHARE ? middle : null;
}

function clusters(labs, count) {
  // Farthest-point start instead of a random one, so that the same picture gives the same colours.
  const centres = [mean(labs)];
  const away = (lab) => Math.min(...centres.map((centre) => distance(lab, centre)));
  while (centres.length < Math.min(count, labs.length)) {
    const far = labs.map(away);
    const most = far.reduce((a, b) => Math.max(a, b));
    if (most < ONE_COLOUR / 2) break;
    centres.push(labs[far.indexOf(most)]);
  }
  let groups = [];
  for (let round = 0; round < ROUNDS; round++) {
    groups = centres.map(() => []);
    for (const lab of labs) {
      const distances = centres.map((centre) => distance(lab, centre));
      groups[distances.indexOf(Math.min(...distances))].push(lab);
    }
    groups.forEach((group, i) => group.length && (centres[i] = mean(group)));
  }
  return centres.map((lab, i) => ({ lab, share: groups[i].length / labs.length })).sort((a, b) => b.share - a.share);
}

const mean = (labs) => [0, 1, 2].map((axis) => labs.reduce((sum, lab) => sum + lab[axis], 0) / labs.length);
const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
