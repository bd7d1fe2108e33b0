/** The gallery: all pictures and failed orders, newest first, in pages. People view, download and delete them here. */

import { ask } from "../calls/api.js";
import { fill, html, say, styled } from "../page/dom.js";
import { over } from "../calls/events.js";
import { named, spoken } from "../page/names.js";
import { madeAt } from "../stage/stage.js";
import { Selection } from "./selection.js";
import { renderImage } from "../page/thumbnail.js";
import { REMEDIES, failureWords, stageWords, titled, when } from "../page/words.js";

const PAGE = 24;

export async function view(studio, _, signal) {
  const { output_presets } = studio.catalogue;
  const list = html`<ul class="gallery"></ul>`;
  const more = html`<button class="button" id="more" onclick=${() => load().catch(wrong)}>Show more</button>`;
  const words = html`<p class="hint" role="status"></p>`;
  const select = html`
    <select id="shown" class="text" onchange=${() => load(true).catch(wrong)}>
      <option value="">Everything</option>
      <option value="right">Looks right</option>
      <option value="FAILURE">Not made</option>
      <optgroup label="Sales channel">
        ${output_presets.map(({ name, title }) => html`<option value="for ${name}">${title}</option>`)}
      </optgroup>
    </select>`;
  const selection = new Selection(list, () => load(true).catch(wrong));
  let cursor = null;
  const quiet = (error) => signal.aborted || console.info(error);
  studio.running.addEventListener("change", () => renew().catch(quiet), { signal });
  await load(true);
  return html`
    <div class="sheet-page">
      <div class="page-head">
        <h1>Gallery</h1>
        <div><label class="unseen" for="shown">What is shown</label>${select}</div>
      </div>
      ${list} ${words}
      <p class="row centre">${more}</p>
      ${selection.element}
    </div>`;

  async function load(anew = false) {
    const { items, next } = await page(select.value, anew ? null : cursor);
    const tiles = items.filter(isPicture).map(tile);
    if (anew) {
      selection.clear();
      list.replaceChildren(...tiles);
    } else list.append(...tiles);
    cursor = next;
    more.hidden = !cursor;
    const first = html`Nothing here yet. <a href="#/">Make your first picture</a>`;
    fill(words, !list.children.length && !cursor && (select.value ? "No pictures match." : first));
    if (!anew) {
      say(`${tiles.length} more.`);
      tiles[0]?.querySelector("a").focus();
    }
    studio.running.look();
  }

  /** Return a page as jobs: {items, next}. Only the list of renders can filter by channel and review. */
  async function page(shown, after) {
    const query = new URLSearchParams({ limit: PAGE });
    if (after) query.set("cursor", after);
    if (shown === "right" || shown.startsWith("for ")) {
      if (shown === "right") query.set("looks_right", "true");
      else query.set("output_preset", shown.slice(4));
      const { items, next_cursor } = await ask(`/v1/renders?${query}`, { signal });
      return { items: items.map(ofRender), next: next_cursor };
    }
    if (shown) query.set("status", shown);
    const { items, next_cursor } = await ask(`/v1/jobs?${query}`, { signal });
    return { items, next: next_cursor };
  }

  /** Update the tiles of the pictures that are being made. */
  async function renew() {
    for (const one of list.querySelectorAll("li[data-running]")) {
      const id = one.dataset.running;
      const job = studio.running.jobs.find(({ job_id }) => job_id === id) ?? (await ask(`/v1/jobs/${id}`, { signal }));
      const [next, focused] = [tile(job), one.contains(document.activeElement)];
      one.replaceWith(next);
      if (focused) next.querySelector("a").focus({ preventScroll: true });
    }
  }

  function wrong(error) {
    if (!signal.aborted) words.textContent = error.message;
  }

  function tile(job) {
    const { render, error } = job;
    const name = named({ studio, job });
    const made = when(madeAt(job.job_id));
    const channel = titled(output_presets, job.output_preset);
    const asked = [job.reference ? spoken(studio.catalogue, job) : null, channel].filter(Boolean).join(" · ");
    const running = !over(job);
    const state = !running ? failedWords(error) : job.stage ? stageWords(job.stage) : "Waiting for its turn";
    const refused = error?.code === "not_accepted" ? failureWords(error)[0] : "";
    const why = error && error.code !== "cancelled" && `${refused} ${REMEDIES[error.code] ?? error.message}`;
    return html`
      <li data-running=${running && job.job_id} data-status=${job.status}>
        <a href="#/jobs/${job.job_id}">
          <span class="tile-sheet">
            ${render ? renderImage(render, signal) : html`<span class="tile-state">${state}</span>`}
          </span>
          ${running && styled(html`<span class="line"></span>`, { "--share": job.progress })}
          <span class="tile-name">${name}</span>
          <span class="hint">${asked}</span>
          <span class="hint">${made}</span>
        </a>
        ${render && !error && selection.box(render, name)} ${why && html`<p class="hint tile-why">${why}</p>`}
      </li>`;
  }
}

/** Return whether a job has a picture or may still get one. Cut-outs and deleted pictures do not count. */
const isPicture = (job) => Boolean(job.output_preset) && (job.status !== "SUCCESS" || Boolean(job.render));

const failedWords = (error) => (error?.code === "cancelled" ? "You cancelled" : "Not made");

/** Return a render as a job, with the fields that a tile needs. */
const ofRender = (render) => ({ ...render, status: "SUCCESS", error: null, render });
