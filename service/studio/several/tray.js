/** The tray of several photos: progress of each, doubts, and a download of all pictures. */

import { ask } from "../calls/api.js";
import { attempt } from "../page/confirm.js";
import { html, say } from "../page/dom.js";
import { save as saveFile, saveAll } from "../calls/saving.js";
import { fileOf } from "./orders.js";
import { severalTile } from "./tile.js";
import { counted, credits, lostWords } from "../page/words.js";

/** Milliseconds before tiles may move after the pointer or the focus has left them. */
const CALM = 800;

/** Return the tray, which updates itself until `signal` is aborted. */
export function severalTray(studio, several, signal) {
  const head = html`<p class="several-head" id="several-head"></p>`;
  const list = html`<ul class="several" aria-label="Your photos"></ul>`;
  const error = html`<p class="error" role="alert"></p>`;
  const working = (button, work) => attempt(error, "", work, button);
  const save = html`<button class="button small" id="save-all" onclick=${() => working(save, saveMade)}>Download all</button>`;
  const sheet = html`
    <button class="button small" id="contact-sheet" onclick=${() => working(sheet, saveSheets)}>Contact sheet</button>`;
  const cancel = html`
    <button class="button small" id="cancel-waiting" onclick=${() => working(cancel, stop)}>Cancel what has not begun</button>`;
  const clear = html`
    <button class="button small" onclick=${() => several.clear()}
      title="Clears the stage. Ordered pictures are still made and appear in the gallery."></button>`;
  const tiles = new Map();
  let calm;
  for (const name of ["change", "moved"]) several.addEventListener(name, show, { signal });
  for (const one of [studio.draft, studio.looks]) one.addEventListener("change", show, { signal });
  several.addEventListener("over", () => say(head.textContent), { signal });
  for (const name of ["pointerleave", "pointerdown", "focusout"]) list.addEventListener(name, arrange);
  show();
  return html`
    <div class="several-place">
      <div class="caption">${head}<label class="button small" for="photo">Add photos</label>${save}${sheet}${cancel}${clear}</div>
      ${list}
      ${error}
    </div>`;

  function show() {
    head.textContent = several.lost ? lostWords(several.lost) : summary(several);
    list.setAttribute("aria-label", several.items.some(({ preset }) => preset) ? "Your pictures" : "Your photos");
    save.hidden = sheet.hidden = !several.made.length;
    cancel.hidden = !several.in("waiting").length;
    clear.textContent = several.running.length ? "New photos" : "Clear";
    const there = new Set(several.items);
    for (const [item, { element }] of tiles) if (!there.has(item)) (element.remove(), tiles.delete(item));
    for (const item of several.items) {
      if (!tiles.has(item)) {
        tiles.set(item, severalTile(studio, several, item, { drop: () => drop(item), signal }));
        list.append(tiles.get(item).element);
      }
      tiles.get(item).show();
    }
    arrange();
  }

  /** Put doubtful items first, then the others in order. Waits while the pointer or the focus is on the list. */
  function arrange() {
    clearTimeout(calm);
    calm = setTimeout(() => {
      // Touch screens keep :hover after a tap.
      const hand = matchMedia("(hover: hover)").matches ? ":hover, :focus-within" : ":focus-within";
      if (signal.aborted || list.matches(hand)) return;
      const first = several.items.filter((item) => several.urgent(item));
      const wanted = [...first, ...several.items.filter((item) => !first.includes(item))];
      for (const [i, item] of wanted.entries()) {
        const { element } = tiles.get(item);
        if (list.children[i] !== element) list.insertBefore(element, list.children[i]);
      }
    }, CALM);
  }

  /** Save all pictures: the service's zip of an order, or a zip of what is left of several. */
  async function saveMade() {
    const [id, ...others] = several.orders;
    if (!others.length && several.items.every(({ job, order }) => !job || order === id)) {
      save.textContent = "Fetching …";
      return saveFile(await fileOf(id, "archive"), `order-${id.slice(-6).toLowerCase()}.zip`);
    }
    const renders = await Promise.all(several.made.map(({ job }) => ask(`/v1/renders/${job.render.public_id}`)));
    return saveAll(renders, (done) => (save.textContent = `Fetching ${done} of ${renders.length}`));
  }

  async function saveSheets() {
    for (const id of several.orders) saveFile(await fileOf(id, "sheet"), `contact-sheet-${id.slice(-6).toLowerCase()}.webp`);
  }

  async function stop() {
    await several.cancel();
    say(`Cancelled and refunded. ${head.textContent}`);
    studio.counted().catch((refused) => console.info(refused));
  }

  function drop(item) {
    const next = tiles.get(item).element.nextElementSibling ?? list.firstElementChild;
    several.remove(item);
    (next.querySelector("button.round:not([hidden])") ?? document.getElementById("photo"))?.focus();
  }
}

/** Return a summary: "24 photos, 3 to check, 2 being cut out". */
export function summary(several) {
  const { items, made, doubtful } = several;
  const all = counted(items.length, items.some(({ preset }) => preset) ? "picture" : "photo");
  const parts = [
    [several.in("uploading").length, "uploading"],
    [several.in("cutting").length, "being cut out"],
    [doubtful.length + several.in("blocked").length, "to check"],
    [several.in("waiting").length + several.in("running").length, "being made"],
    [several.in("failed").length, "not made"],
  ];
  const refunded = items.reduce((sum, { job }) => sum + (job?.credits_refunded ?? 0), 0);
  const back = refunded ? `. ${credits(refunded)} refunded` : "";
  const rest = parts.filter(([count]) => count).map(([count, words]) => `${count} ${words}`);
  return [made.length ? `${made.length} of ${all} done` : all, ...rest].join(", ") + back;
}
