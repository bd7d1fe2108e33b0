/** Pictures and logos for a background or a layer: chosen, dropped or pasted, uploaded, and remembered for the page. */

import { ask } from "../calls/api.js";
import { html, say, styled } from "../page/dom.js";
import { ACCEPTED, Unusable, inspected, reduced, uploaded } from "../calls/photo.js";
import { keep, kept } from "../calls/session.js";
import { persisted } from "../calls/waiting.js";
import { lostWords } from "../page/words.js";

const PICTURES = "backdrop-pictures";
/** Pictures remembered for a reload, and the longer side of their copies in pixels. */
const MOST = 6;
const SIDE = 800;
const SVG = "image/svg+xml";
/** Longest SVG whose text is remembered, in bytes. */
const MOST_SVG = 256 * 1024;

/** Copies of this page's uploads by key: {name, preview, width, height}. Without storage, until a reload. */
const pictures = new Map(kept(PICTURES) ?? []);

/** Return the copy of an upload; null: another tab or an earlier visit uploaded it. */
export const pictureOf = (key) => pictures.get(key) ?? null;

function remember(key, picture) {
  pictures.delete(key);
  pictures.set(key, picture);
  for (let recent = [...pictures].slice(-MOST); !keep(PICTURES, recent) && recent.length; ) recent = recent.slice(1);
}

/**
 * Return a place for a picture: {element}. `heard(key)` gets the key of an upload.
 *
 * A file that is dropped or pasted here is no product photo. `vector`: an SVG is allowed.
 */
export function pictureField({ id, title, hint, vector = false, heard, signal }) {
  const accept = vector ? `${ACCEPTED},${SVG},.svg` : ACCEPTED;
  const input = html`
    <input type="file" id=${id} class="unseen" accept=${accept} aria-describedby="${id}-help ${id}-error"
      onchange=${() => take([...input.files])} />`;
  const line = html`<span class="line" hidden></span>`;
  const words = html`<p class="hint" id="${id}-help">${hint}</p>`;
  const error = html`<p class="error" id="${id}-error" role="alert"></p>`;
  const element = html`
    <div class="picture-field">
      ${input}<label class="button" for=${id}>${title}</label>${words}${line}${error}
    </div>`;
  let busy = null;
  signal.addEventListener("abort", () => busy?.abort());
  element.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    element.classList.add("over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", (event) => {
    element.classList.remove("over");
    taken(event, event.dataTransfer);
  });
  element.addEventListener("paste", (event) => taken(event, event.clipboardData));
  return element;

  function taken(event, data) {
    const files = [...(data?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    event.stopPropagation();
    take(files);
  }

  async function take([file]) {
    input.value = "";
    if (!file) return;
    error.textContent = "";
    busy?.abort();
    const mine = (busy = new AbortController());
    const lost = (refusal) => (words.textContent = refusal ? lostWords(refusal) : "Uploading …");
    line.hidden = false;
    lost(null);
    try {
      const seen = vector && isVector(file) ? await drawing(file) : await inspected(file, SIDE);
      const shared = (share) => styled(line, { "--share": share });
      const upload = seen.type === SVG ? uploadedDrawing : uploaded;
      const key = await persisted(() => upload(file, seen.type, shared, mine.signal), { signal: mine.signal, lost });
      if (busy !== mine) return;
      const { preview, width, height } = seen;
      remember(key, { name: file.name, preview, width, height });
      heard(key);
      say(`${file.name} is there.`);
    } catch (refused) {
      if (busy !== mine || mine.signal.aborted) return;
      error.textContent = refused.message;
    } finally {
      if (busy === mine) {
        line.hidden = true;
        words.textContent = hint;
      }
    }
  }
}

/** Upload an SVG and return its key: the service checks its bytes as they come, so they are no upload of their own. */
async function uploadedDrawing(file, type, _, signal) {
  const body = new Blob([await file.arrayBuffer()], { type });
  return (await ask("/v1/uploads", { method: "POST", body, signal })).key;
}

const isVector = (file) => file.type === SVG || file.name.toLowerCase().endsWith(".svg");

/** Return an SVG as {type, width, height, preview}. Throws Unusable. */
async function drawing(file) {
  if (file.size > MOST_SVG) throw new Unusable(`${file.name} is too large. Save a simpler SVG, or a PNG.`);
  const address = URL.createObjectURL(new Blob([await file.text()], { type: SVG }));
  const image = Object.assign(new Image(), { src: address });
  try {
    await image.decode();
    const [width, height] = [image.naturalWidth || 300, image.naturalHeight || 300];
    return { type: SVG, width, height, preview: reduced(Object.assign(image, { width, height }), SIDE, "image/webp") };
  } catch {
    throw new Unusable(`${file.name} can't be opened. Save the logo again as SVG or PNG.`);
  } finally {
    URL.revokeObjectURL(address);
  }
}
