/** Finished pictures as files: under the photo's name, one by one or as a zip. */

import { ask } from "./api.js";
import { html } from "./dom.js";
import { downloadZip } from "./vendor/client-zip.js";

/** Pictures that are fetched at the same time. */
const AT_ONCE = 3;

/** Return a render's file name: that of its photo, where it is known, and what it is for. */
export function fileName({ reference, public_id, output_preset, format }) {
  // What no file system of a shop's computer takes in a name.
  const stem = reference
    ?.replace(/\.(jpe?g|png|webp|avif|tiff?|hei[cf])$/i, "")
    .replace(/[/\\:*?"<>|]+/g, "-")
    .trim();
  const name = stem || `backdrop-${public_id.slice(-6).toLowerCase()}`;
  return `${name}-${output_preset}.${format === "jpeg" ? "jpg" : format}`;
}

/** Save a render; the browser opens it where the store forbids reading it from here. Throws Refusal. */
export async function saveOne(render) {
  const { url } = await ask(`/v1/renders/${render.public_id}`); // the old address may have expired
  const bytes = await blobOf(url);
  save(bytes ? URL.createObjectURL(bytes) : url, fileName(render), !bytes);
}

/** Save renders as one zip, a single one as itself; `told` hears how many are fetched. Throws what is to be shown. */
export async function saveAll(renders, told = () => {}) {
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
      told(++done);
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

function save(href, name, elsewhere = false) {
  html`<a href=${href} download=${name} target=${elsewhere && "_blank"} rel="noreferrer"></a>`.click();
  if (href.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

/** Number names that come twice: in a zip the second would hide the first. */
function unique(files) {
  const taken = new Set();
  for (const file of files) {
    const [, stem, end] = /^(.*)(\.[^.]+)$/.exec(file.name);
    for (let number = 2; taken.has(file.name.toLowerCase()); number++) file.name = `${stem} ${number}${end}`;
    taken.add(file.name.toLowerCase());
  }
}
