/** The tray of several photos: how far each is, what went wrong with which and what helps, and all pictures at once. */

import { ask } from "./api.js";
import { cutOut } from "./cutout/service.js";
import { sceneColour } from "./cutout/shown.js";
import { h, icon, say, styled } from "./dom.js";
import { over } from "./events.js";
import { refusedWords } from "./looks/button.js";
import { lookOf, singleLook } from "./looks/single.js";
import { saveAll } from "./saving.js";
import { renderImage } from "./thumbnail.js";
import { REMEDIES, counted, lostWords, stageWords, titled } from "./words.js";

/** Return the tray of `several`; it keeps itself up to date until `signal`. */
export function severalTray(studio, several, signal) {
  const head = h("p", { class: "several-head", id: "several-head" });
  const list = h("ul", { class: "several", "aria-label": "Your photos" });
  const error = h("p", { class: "error", role: "alert" });
  const save = h("button", { class: "button small", id: "save-all", onclick: saveMade }, "Download all");
  const clear = h("button", { class: "button small", onclick: () => several.clear() }, "Clear");
  const tiles = new Map();
  several.addEventListener("change", show, { signal });
  several.addEventListener("moved", show, { signal });
  studio.draft.addEventListener("change", show, { signal });
  studio.looks.addEventListener("change", show, { signal });
  several.addEventListener("over", () => say(head.textContent), { signal });
  show();
  return h(
    "div",
    { class: "several-place" },
    h(
      "div",
      { class: "caption" },
      head,
      h("label", { class: "button small", for: "photo" }, "Add photos"),
      save,
      clear,
    ),
    list,
    error,
  );

  function show() {
    head.textContent = several.lost ? lostWords(several.lost) : summary(several);
    list.setAttribute("aria-label", several.items.some(({ preset }) => preset) ? "Your pictures" : "Your photos");
    save.hidden = !several.made.length;
    clear.textContent = several.items.some((item) => item.job && !over(item.job)) ? "Leave them to it" : "Clear";
    clear.title = "Takes them off the stage. What was ordered is made all the same and comes into the gallery.";
    const kept = new Set(several.items);
    for (const [item, tile] of tiles) if (!kept.has(item)) (tile.element.remove(), tiles.delete(item));
    for (const item of several.items) {
      if (!tiles.has(item)) {
        tiles.set(item, tileOf(item));
        list.append(tiles.get(item).element);
      }
      tiles.get(item).show();
    }
  }

  async function saveMade() {
    error.textContent = "";
    save.disabled = true;
    try {
      const renders = await Promise.all(several.made.map(({ job }) => ask(`/v1/renders/${job.render.public_id}`)));
      await saveAll(renders, (done) => (save.textContent = `Fetching ${done} of ${renders.length}`));
    } catch (refused) {
      error.textContent = refused.message;
    } finally {
      save.disabled = false;
      save.textContent = "Download all";
    }
  }

  function tileOf(item) {
    const picture = h("span", { class: "several-picture" });
    const words = h("span", { class: "hint" });
    const why = h("span", { class: "several-why" });
    const line = h("span", { class: "line" });
    const channel = item.preset && titled(studio.catalogue.output_presets, item.preset);
    const called = channel ? `${item.name} for ${channel}` : item.name;
    const name = h("a", { class: "several-name" }, item.name, channel && h("span", { class: "several-for" }, channel));
    const remove = h(
      "button",
      { class: "quiet round", "aria-label": `Remove ${called}`, title: "Remove", onclick: () => drop(item) },
      icon("cross"),
    );
    const retry = h(
      "button",
      { class: "link", hidden: true, onclick: () => several.again(item) },
      "Have it made again",
    );
    const mend = h(
      "button",
      { class: "link", "aria-label": `Mend the cut-out of ${called}`, onclick: () => mended(item, mend) },
      "Mend the cut-out",
    );
    const look = h(
      "button",
      { class: "link", "aria-label": `A free look at ${called}`, onclick: () => lookedAt(item, look) },
      "A free look",
    );
    const about = h("div", { class: "several-words" }, name, words, why, retry, look, mend, line);
    const element = h("li", {}, picture, about, remove);
    let shown = null;
    return { element, show: refresh };

    function refresh() {
      const { job } = item;
      const state = stateOf(item);
      element.dataset.state = state;
      words.textContent = wordsOf(item, state);
      why.textContent = whyOf(item);
      retry.hidden = job?.status !== "FAILURE";
      mend.hidden = state !== "ready";
      look.hidden = state !== "ready" || studio.looks.off;
      remove.hidden = state === "running" || state === "waiting";
      styled(line, { "--share": job ? job.progress : item.share });
      line.hidden = !["uploading", "waiting", "running"].includes(state);
      if (job) name.setAttribute("href", `#/jobs/${job.job_id}`);
      else name.removeAttribute("href");
      const seen = job ? null : lookOf(item, studio.draft);
      if (seen && state === "ready") words.textContent = "This is what you get";
      element.toggleAttribute("data-looked", Boolean(seen));
      const render = job?.render ?? seen?.render;
      const wanted = render?.public_id ?? item.preview ?? null;
      if (wanted === shown) return;
      shown = wanted;
      const image = render
        ? renderImage(render, signal)
        : item.preview && h("img", { src: item.preview, alt: "" });
      picture.replaceChildren(image ?? "");
    }
  }

  /** Open the window to mend a photo's cut-out, which holds for its picture. */
  async function mended(item, button) {
    error.textContent = "";
    button.disabled = true;
    button.textContent = "Cutting it out …";
    try {
      const view = await cutOut(item, { signal });
      if (view.status !== "SUCCESS") throw new Error(`${view.error.message} ${REMEDIES[view.error.code] ?? ""}`);
      const { mend } = await import("./cutout/editor.js");
      const saved = await mend(view, { photo: null, colour: sceneColour(studio), signal });
      if (saved) say(`The cut-out of ${item.name} is mended.`);
      if (saved) item.mended = saved.cut_by !== "network";
      if (saved) several.looked(item, null); // it shows the cut-out from before
    } catch (refused) {
      if (!signal.aborted) error.textContent = `${item.name}: ${refused.message}`;
    } finally {
      button.disabled = false;
      button.textContent = "Mend the cut-out";
      show();
      button.focus();
    }
  }

  /** Look at a photo in the scene that is chosen, for nothing; its picture is ordered with the same background. */
  async function lookedAt(item, button) {
    error.textContent = "";
    button.disabled = true;
    button.textContent = "Looking …";
    try {
      several.looked(item, await singleLook(item, studio.draft, signal));
      say(`The look at ${item.name} is there.`);
    } catch (refused) {
      if (signal.aborted) return;
      studio.looks.refused(refused);
      error.textContent = `${item.name}: ${refusedWords(refused)}`;
    } finally {
      button.disabled = false;
      button.textContent = "A free look";
      show();
      button.focus();
    }
  }

  function drop(item) {
    several.remove(item);
    (list.querySelector("button.round:not([hidden])") ?? document.getElementById("photo"))?.focus();
  }
}

function stateOf({ job, key, error }) {
  if (job) return { NOT_STARTED: "waiting", IN_PROGRESS: "running", SUCCESS: "done", FAILURE: "failed" }[job.status];
  if (error) return "failed";
  return key ? "ready" : "uploading";
}

function wordsOf({ job, mended, lost }, state) {
  const words = {
    uploading: lost ? lostWords(lost) : "Uploading",
    ready: mended ? "Ready, its cut-out mended" : "Ready",
    waiting: "Waiting for its turn",
    done: "Done",
    failed: "Not made",
  };
  return state === "running" ? stageWords(job.stage) : words[state];
}

/** Why there is no picture, and what helps. */
function whyOf({ job, error }) {
  if (!job) return error ?? "";
  return job.error ? `${job.error.message} ${REMEDIES[job.error.code] ?? REMEDIES.internal_error}` : "";
}

/** "3 of 5 are done, 1 failed." */
export function summary(several) {
  const { items, made, uploading } = several;
  const failed = items.filter((item) => item.error || item.job?.status === "FAILURE").length;
  const parts = [];
  const all = counted(items.length, items.some(({ preset }) => preset) ? "picture" : "photo");
  parts.push(made.length ? `${made.length} of ${all} done` : all);
  if (uploading.length) parts.push(`${uploading.length} uploading`);
  const running = items.filter((item) => item.job && !over(item.job)).length;
  if (running) parts.push(`${running} being made`);
  if (failed) parts.push(`${failed} not made`);
  return parts.join(", ");
}
