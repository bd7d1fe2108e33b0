/** Checks, previews and uploads a photo. */

import { ask, put } from "./api.js";
import { MOST_WEIGHT, weight } from "../page/words.js";

const TYPES = {
  "image/jpeg": ["jpg", "jpeg"],
  "image/png": ["png"],
  "image/webp": ["webp"],
  "image/avif": ["avif"],
  "image/heic": ["heic", "heif", "hif"],
  "image/tiff": ["tif", "tiff"],
};
export const ACCEPTED = Object.entries(TYPES)
  .flatMap(([type, ends]) => [type, ...ends.map((end) => `.${end}`)])
  .join(",");
/** The service's default limits. An operator may change them, and the service checks again. */
const MOST_BYTES = 40 * 1024 * 1024;
const MOST_PIXELS = 50_000_000;
const LEAST_SIDE = 64;
/** Shorter side in pixels below which a picture looks soft. */
const SOFT_SIDE = 500;
/** Longer side of the preview, in pixels. */
const PREVIEW_SIDE = 1400;

/** Return whether most browsers can't show photos of this type. */
export const unshowable = (type) => ["image/tiff", "image/heic"].includes(type);

/** A file can't be used. The message says why and what to do. */
export class Unusable extends Error {}

/** Return a file's content type by its first bytes, since its name may be wrong. Throws Unusable. */
async function typeOf(file) {
  const bytes = new Uint8Array(await file.slice(0, 64).arrayBuffer());
  const text = String.fromCharCode(...bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return "image/jpeg";
  if (text.startsWith("\x89PNG")) return "image/png";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "image/webp";
  const brand = text.slice(4, 8) === "ftyp" ? text.slice(8, 12) : "";
  const heic = ["heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"].includes(brand);
  if (["avif", "avis"].includes(brand) || (heic && text.includes("avif"))) return "image/avif";
  if (heic) return "image/heic";
  if (text.startsWith("II*\0") || text.startsWith("MM\0*")) return "image/tiff";
  throw new Unusable(`${file.name} is not a supported photo. Use JPEG, PNG, WebP, AVIF, HEIC or TIFF.`);
}

/**
 * Return {type, width, height, preview} of a file. Sizes and preview are null for TIFF and HEIC in most browsers.
 *
 * `side`: longer side of the preview in pixels. Throws Unusable.
 */
export async function inspected(file, side = PREVIEW_SIDE) {
  if (file.size === 0) throw new Unusable(`${file.name} is empty. Copy or export the photo again.`);
  if (file.size > MOST_BYTES) {
    throw new Unusable(
      `${file.name} has ${weight(file.size)}, and the limit is ${MOST_WEIGHT}. Save it as a smaller JPEG.`,
    );
  }
  const type = await typeOf(file);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    if (unshowable(type)) return { type, width: null, height: null, preview: null };
    throw new Unusable(
      `${file.name} can't be opened: the file is damaged or ends early. Copy or export the photo again.`,
    );
  }
  const { width, height } = bitmap;
  if (Math.min(width, height) < LEAST_SIDE) {
    throw new Unusable(`${file.name} has only ${width} × ${height} pixels. Use a larger photo.`);
  }
  if (width * height > MOST_PIXELS) {
    throw new Unusable(
      `${file.name} has ${Math.round((width * height) / 1e6)} megapixels, and the limit is ${MOST_PIXELS / 1e6}. Make it smaller.`,
    );
  }
  const preview = reduced(bitmap, side, type === "image/jpeg" ? "image/jpeg" : "image/webp");
  bitmap.close();
  return { type, width, height, preview };
}

/** Return a warning about a photo with few pixels; "": it has enough, or its size is unknown. */
export const softWords = ({ width, height }) =>
  width && Math.min(width, height) < SOFT_SIDE
    ? `This photo has only ${width} × ${height} pixels. The picture will look soft. Use a larger photo.`
    : "";

/** Return a picture as a data URL whose longer side is at most `side` pixels. */
export function reduced(bitmap, side, type) {
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL(type, 0.86);
}

/** Upload a file and return its key. Throws Refusal, or the reason why `signal` was aborted. */
export async function uploaded(file, type, onShare, signal) {
  const upload = await ask("/v1/uploads", { method: "POST", body: { content_type: type }, signal });
  await put(upload, file, onShare, signal);
  return upload.key;
}
