/** Saves finished pictures as files, one by one or as a zip. */

import { ask } from "./api.js";
import { html } from "../page/dom.js";
import { downloadZip } from "../vendor/client-zip.js";

/** Parallel downloads. */
const AT_ONCE = 3;

/** Return a render's file name, from its photo's name and its channel. */
export function fileName({ reference, public_id, output_preset, format }) {
  // Characters that Windows or macOS forbid in file names become dashes.
  const stem = reference
    ?.replace(/\.(jpe?g|png|webp|avif|tiff?|hei[cf])$/i, "")
    .replace(/[/\\:*?"<>|]+/g, "-")
    .trim();
  const name = stem || `backdrop-${public_id.slice(-6).toLowerCase()}`;
  return `${name}-${output_preset}.${format === "jpeg" ? "jpg" : format}`;
}

/** Save a render. If the store forbids reading it, the browser opens it instead. Throws Refusal. */
export async function saveOne(render) {
  const { url } = await ask(`/v1/renders/${render.public_id}`); // the old URL may have expired
  const bytes = await blobOf(url);
  save(bytes ? URL.createObjectURL(bytes) : url, fileName(render), !bytes);
}

/**
 * Save renders as one zip, or a single render by itself. `onCount` gets the number fetched. Throws an Error to show.
 */
export async function saveAll(renders, onCount = () => {}) {
  if (renders.length === 1) return saveOne(renders[0]);
  const files = renders.map((render) => ({ render, name: fileName(render), input: null }));
  unique(files);
  const left = [...files];
  let done = 0;
  const fetchSome = async () => {
    for (let file = left.shift(); file; file = left.shift()) {
      const { url } = await ask(`/v1/renders/${file.render.public_id}`);
      const blob = await blobOf(url);
      if (!blob) throw new Error("The storage does not let this page read the pictures. Download them one by one.");
      file.input = blob;
      onCount(++done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, fetchSome));
  const zip = await downloadZip(files).blob();
  return save(URL.createObjectURL(zip), "backdrop.zip");
}

async function blobOf(url) {
  const answer = await fetch(url).catch(() => null);
  if (answer && !answer.ok) throw new Error("The picture did not load. Try again in a moment.");
  return answer?.blob() ?? null;
}

/** Save an address or a Blob as a file; `elsewhere`: the browser opens it instead. */
export function save(what, name, elsewhere = false) {
  const href = what instanceof Blob ? URL.createObjectURL(what) : what;
  html`<a href=${href} download=${name} target=${elsewhere && "_blank"} rel="noreferrer"></a>`.click();
  if (href.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

/** Number duplicate names: in a zip the second file would hide the first. */
function unique(files) {
  const taken = new Set();
  for (const file of files) {
    const [, stem, end] = /^(.*)(\.[^.]+)$/.exec(file.name);
    for (let number = 2; taken.has(file.name.toLowerCase()); number++) file.name = `${stem} ${number}${end}`;
    taken.add(file.name.toLowerCase());
  }
}
