/** Decodes pictures into arrays and builds their pyramids. */

/** Rows to read from a canvas at a time, so that a large picture is in memory once, not twice. */
const STRIP = 512;

/**
 * Decode a picture upright into a Uint32Array of RGBA pixels in sRGB, row by row, red in the lowest byte.
 *
 * Returns {width, height, data}. Throws the browser's error for an unreadable picture.
 */
export async function decoded(blob) {
  const bitmap = await createImageBitmap(blob);
  try {
    const { width, height } = bitmap;
    const data = new Uint32Array(width * height);
    await strips(bitmap, (pixels, from) => data.set(new Uint32Array(pixels.buffer), from));
    return { width, height, data };
  } finally {
    bitmap.close();
  }
}

/** Decode a grey picture into a Uint8Array without colour management: {width, height, data}. */
export async function decodedGrey(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  try {
    const { width, height } = bitmap;
    const data = new Uint8Array(width * height);
    await strips(bitmap, (pixels, from) => {
      for (let i = 0, at = from; i < pixels.length; i += 4, at++) data[at] = pixels[i];
    });
    return { width, height, data };
  } finally {
    bitmap.close();
  }
}

async function strips(bitmap, read) {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, Math.min(STRIP, height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < height; top += STRIP) {
    const rows = Math.min(STRIP, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    read(context.getImageData(0, 0, width, rows).data, top * width);
    await new Promise((resolve) => setTimeout(resolve)); // lets the page respond meanwhile
  }
}

const mean = (a, b) => (a & b) + (((a ^ b) & 0xfefefefe) >>> 1);

/** Longer side in pixels at which the pyramid ends. */
const LEAST_SIDE = 400;

/** Return the sizes of a pyramid's levels: [[width, height], …], each half of the previous. */
export function sizes(width, height) {
  const found = [[width, height]];
  while (Math.max(width, height) > LEAST_SIDE) {
    [width, height] = [Math.ceil(width / 2), Math.ceil(height / 2)];
    found.push([width, height]);
  }
  return found;
}

/** Return the pyramid of a decoded picture: the picture, its half, and so on. */
export function pyramid(picture) {
  const levels = [picture];
  for (const [width, height] of sizes(picture.width, picture.height).slice(1)) {
    levels.push(halved(levels.at(-1), width, height));
  }
  return levels;
}

function halved({ width: w, height: h, data: from }, width, height) {
  const data = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    const upper = 2 * y * w;
    const lower = Math.min(2 * y + 1, h - 1) * w;
    for (let x = 0; x < width; x++) {
      const left = 2 * x;
      const right = Math.min(left + 1, w - 1);
      data[y * width + x] = mean(
        mean(from[upper + left], from[upper + right]),
        mean(from[lower + left], from[lower + right]),
      );
    }
  }
  return { width, height, data };
}
