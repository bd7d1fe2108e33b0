/** The stage: a person drops, pastes or chooses a photo, which is then shown here. */

import { ask } from "../calls/api.js";
import { html, icon, say, styled } from "../page/dom.js";
import { FIELDS, UNMOVED } from "../order/options.js";
import { ACCEPTED, inspected, softWords, unshowable, Unusable, uploaded } from "../calls/photo.js";
import { stepsBar } from "./steps.js";
import { Part } from "../page/part.js";
import { renderImage } from "../page/thumbnail.js";
import { persisted } from "../calls/waiting.js";
import { MOST_WEIGHT, lostWords, size, titled, weight, when } from "../page/words.js";

const CUTOUT = new Part("cutout/shown.js");
const PLACE = new Part("place/board.js");
const LOOKS = new Part("looks/wall.js");
const SEVERAL = new Part("several/tray.js");

export function photoStage(studio, order, signal) {
  const { draft, several } = studio;
  const error = html`<p class="error" id="photo-error" role="alert"></p>`;
  // `aria-label`, since the visible labels are hidden in later steps.
  const input = html`
    <input type="file" id="photo" class="unseen" accept=${ACCEPTED} multiple aria-label="Product photos"
      aria-describedby="photo-help photo-error" onchange=${() => take([...input.files])} />`;
  const place = html`<div class="stage-place"></div>`;
  const element = html`<section class="stage" aria-label="Photo">${input}${place}${error}</section>`;
  /** Aborts the upload for the stage; null: none. */
  let busy = null;
  /** The last upload, {key, file}, so that the editor need not download it. */
  let last = null;
  /** Aborted when another photo comes. */
  let standing = new AbortController();

  const listen = (name, heard) => addEventListener(name, heard, { signal });
  listen("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    element.classList.add("over");
  });
  listen("dragleave", (event) => event.relatedTarget || element.classList.remove("over"));
  listen("drop", (event) => {
    element.classList.remove("over");
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
  listen("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
  draft.addEventListener("change", ({ detail }) => "source" in detail && show(), { signal });
  let many = false;
  several.addEventListener("change", () => many === several.items.length > 0 || show(), { signal });
  order.addEventListener("answered", () => {
    const refused = order.refusal?.about("source_image_s3_key") ?? order.refusal?.about("source_render_public_id");
    if (refused) error.textContent = refused;
  });
  signal.addEventListener("abort", () => busy?.abort());
  const { coming } = studio;
  show();
  if (coming) takeOne(coming);
  return element;

  /** Show one photo on the stage; put several into the tray, with the photo that is on the stage or being uploaded. */
  function take(files) {
    input.value = "";
    if (files.length === 1 && !several.items.length) return takeOne(files[0]);
    const before = studio.coming ? [studio.coming] : [];
    stopTaking();
    if (draft.source?.key && !before.length) several.put({ ...draft.source, placement: draft.placement });
    if (draft.source) draft.change({ source: null });
    return several.add([...before, ...files]);
  }

  /** Abort the upload. */
  function stopTaking() {
    busy?.abort();
    busy = studio.coming = null;
    order.show();
  }

  async function takeOne(file) {
    error.textContent = "";
    busy?.abort();
    const mine = (busy = new AbortController());
    studio.coming = file; // so that the upload continues when the person returns to the stage
    order.show();
    try {
      const seen = await inspected(file);
      if (busy !== mine) return;
      const line = html`<span class="upload-line"></span>`;
      const words = html`<p class="hint" role="status"></p>`;
      const lost = (refusal) => (words.textContent = refusal ? lostWords(refusal) : "Uploading …");
      lost(null);
      stand({ name: file.name, bytes: file.size, ...seen }, line, words);
      say(`Uploading ${file.name}.`);
      const send = () => uploaded(file, seen.type, (share) => styled(line, { "--share": share }), mine.signal);
      const key = await persisted(send, { signal: mine.signal, lost });
      if (busy !== mine) return;
      last = { key, file };
      const source = { key, name: file.name, reference: file.name, bytes: file.size, ...seen };
      draft.change({ ...(draft.source ? draft.ended : {}), source });
      say(`${file.name} is on the stage. ${softWords(seen)}`);
    } catch (refused) {
      if (busy !== mine || mine.signal.aborted) return;
      show();
      error.textContent = refused.message;
      if (!(refused instanceof Unusable)) console.info(refused);
    }
  }

  function show() {
    stopTaking();
    error.textContent = "";
    standing.abort();
    many = several.items.length > 0;
    if (many) place.replaceChildren(SEVERAL.show(({ severalTray }) => severalTray(studio, several, signal), signal));
    else if (draft.source) stand(draft.source);
    else place.replaceChildren(empty());
  }

  /** Show a photo. `line` and `words` show the progress of an upload. */
  function stand(source, line = null, words = null) {
    const { name, preview, width, height, bytes } = source;
    const unseen = html`<p class="no-preview">This browser can't show the photo. Backdrop can still use it.</p>`;
    const hide = () => picture.replaceWith(unseen);
    const picture = preview
      ? html`<img class="photo" src=${preview} alt=${`Your photo, ${name}`} onerror=${hide} />`
      : unseen;
    const facts = [name, width && size(width, height), bytes && weight(bytes)];
    standing.abort();
    standing = new AbortController();
    const print = html`<figure class="print">${picture}${line}</figure>`;
    const file = last && last.key === source.key ? last.file : null;
    const here = AbortSignal.any([signal, standing.signal]);
    const caption = html`
      <div class="caption">
        <span class="facts">${facts.filter(Boolean).join("  ·  ")}</span>
        <label class="button small" for="photo">Another photo</label>
        <button class="button small" onclick=${remove}>Remove</button>
        ${softWords(source) && html`<p class="notice">${softWords(source)}</p>`}
      </div>`;
    if (line) return place.replaceChildren(print, caption, words);
    return place.replaceChildren(...stepped(source, { print, photo: picture, caption, file, signal: here }));
  }

  /** Return the three steps of a photo: cut-out, placement, previews. */
  function stepped(source, { print, photo, caption, file, signal: here }) {
    const { looks } = studio;
    const steps = stepsBar(go);
    let cut = null;
    let board = new AbortController();
    const heard = (view, mended) => {
      if (mended) looks.mended();
      cut = view.product_box ? view : null;
      order.cutOut(cut);
      steps.enable("place", cut !== null);
      board.abort();
      views.place.replaceChildren();
    };
    const next = () => go("place");
    const check = (look) => order.check(look && (() => (go("cutout"), look())));
    here.addEventListener("abort", () => check(null));
    const asked = { print, photo, file, heard, check, next, signal: here };
    const shown = CUTOUT.show(({ shownCutout }) => shownCutout(studio, source, asked), here);
    const wall = LOOKS.show(({ looksWall }) => looksWall(studio, { place: () => go("place"), signal: here }), here);
    const views = {
      cutout: html`<div class="stage-step">${print}${shown}${caption}</div>`,
      place: html`<div class="stage-step" hidden></div>`,
      looks: html`<div class="stage-step" hidden>${wall}</div>`,
    };
    const looked = () => steps.enable("looks", looks.items.length > 0);
    looks.addEventListener("change", looked, { signal: here });
    looks.addEventListener("begun", () => go("looks"), { signal: here });
    // The controls stay in view: only the shown step changes.
    let framed = false;
    const chosen = ({ detail }) => {
      if (!FIELDS.some((field) => field in detail)) return;
      framed = "frame" in detail || "lettering" in detail;
      if (framed && cut) go("place", { still: true });
    };
    studio.draft.addEventListener("change", chosen, { signal: here });
    looks.addEventListener("renewed", () => framed || go("looks", { still: true }), { signal: here });
    here.addEventListener("abort", () => board.abort());
    looked();
    steps.show("cutout");
    return [steps.element, ...Object.values(views)];

    function go(name, { still = false } = {}) {
      const to = name === "place" && !cut ? "cutout" : name;
      steps.enable(to, true);
      steps.show(to);
      for (const [one, view] of Object.entries(views)) view.hidden = one !== to;
      if (to === "place" && !views.place.children.length) {
        board = new AbortController();
        views.place.replaceChildren(PLACE.show(({ placeBoard }) => placeBoard(studio, order, cut, board.signal), board.signal));
      }
      if (!still && element.getBoundingClientRect().top < 0) element.scrollIntoView({ block: "start" });
    }
  }

  function remove() {
    draft.change({ source: null });
    element.querySelector("input")?.focus();
  }

  function empty() {
    const recent = html`<div class="recent"></div>`;
    recentRenders(studio, recent, signal).catch((refused) => console.info(refused));
    return html`
      <div class="empty">
        <label class="drop" for="photo">
          <span class="drop-mark">${icon("plus")}</span>
          <span class="drop-title">Drop product photos</span>
          <span class="drop-words">One or many. You can also click to choose, or paste.</span>
          <span class="hint" id="photo-help">JPEG, PNG, WebP, AVIF, HEIC or TIFF, up to ${MOST_WEIGHT} each</span>
        </label>
        <p class="hint">No photo at hand? <button class="link" onclick=${sample}>Use our sample bottle</button></p>
        ${recent}
      </div>`;
  }

  async function sample() {
    const answer = await fetch("/studio/sample.jpg").catch(() => null);
    if (!answer?.ok) {
      error.textContent = "The sample did not load. Try again in a moment.";
      return;
    }
    take([new File([await answer.blob()], "bottle.jpg", { type: "image/jpeg" })]);
  }
}

async function recentRenders(studio, place, signal) {
  const { items } = await ask("/v1/renders?limit=6");
  if (!items.length) return;
  const tile = (render) => html`
    <li>
      <button class="tile" aria-label=${`Start from ${pictureName(studio, render)}`}
        onclick=${() => startFrom(studio, render)}>${renderImage(render, signal)}</button>
    </li>`;
  place.append(html`<h2 class="label">Or start from an earlier picture</h2>`);
  place.append(html`<ul class="strip">${items.map(tile)}</ul>`);
}

/** Put the photo behind a render on the stage: the next picture starts from that photo, not from the render. */
export async function startFrom(studio, render, placement = UNMOVED) {
  const behind = await ask(`/v1/jobs/${render.job_id}/request`).catch(() => null);
  const preview = unshowable(behind?.source?.content_type) ? render.url : (behind?.source?.url ?? render.url);
  const { public_id, reference } = render;
  const name = reference ?? `the photo of ${pictureName(studio, render)}`;
  studio.several.clear();
  studio.draft.change({
    source: { render: public_id, name, reference, preview, width: null, height: null, bytes: null },
    placement,
  });
  studio.go("");
}

const pictureName = (studio, render) =>
  `${render.reference ?? titled(studio.catalogue.output_presets, render.output_preset)}, ${when(madeAt(render.public_id))}`;

/** Return the creation time of a ULID, in milliseconds. */
export function madeAt(ulid) {
  return [...ulid.slice(0, 10)].reduce(
    (time, letter) => time * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".indexOf(letter),
    0,
  );
}
