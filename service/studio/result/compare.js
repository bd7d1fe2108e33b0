/** The choice of a second picture to compare with: first those of the same photo, then the latest. */

import { ask } from "../calls/api.js";
import { fill, html, say } from "../page/dom.js";
import { spoken } from "../page/names.js";
import { sideBySide } from "../page/slider.js";
import { madeAt } from "../stage/stage.js";
import { renderImage } from "../page/thumbnail.js";
import { titled, when } from "../page/words.js";

const MOST = 12;

/** Return the choice. `show(figure)` shows both pictures, `show(null)` the render alone. */
export function compareChoice({ catalogue }, render, show, signal) {
  const body = html`<div class="choice-body"></div>`;
  const alone = html`<button class="button small" hidden onclick=${() => choose(null)}>Show one picture</button>`;
  let ends = new AbortController();
  return html`
    <details class="choice" id="compare" ontoggle=${({ target }) => target.open && !body.children.length && look()}>
      <summary><span class="choice-name">Compare with another picture</span></summary>${body}
    </details>`;

  async function look() {
    fill(body, html`<p class="hint" role="status">Looking for your pictures …</p>`);
    try {
      const others = await pictures();
      const none = html`<p class="hint">There is no other picture yet. Make another version first.</p>`;
      fill(body, others.length ? html`<ul class="strip">${others.map(tile)}</ul>` : none, alone);
    } catch (error) {
      if (signal.aborted) return;
      const again = html`<p><button class="button small" onclick=${look}>Try again</button></p>`;
      fill(body, html`<p class="error" role="alert">${error.message}</p>`, again);
    }
  }

  async function pictures() {
    const { reference } = render;
    const list = async (query) => (await ask(`/v1/renders?${new URLSearchParams(query)}`, { signal })).items;
    const lists = [reference ? list({ reference, limit: MOST }) : [], list({ limit: MOST })];
    const found = new Map((await Promise.all(lists)).flat().map((one) => [one.public_id, one]));
    found.delete(render.public_id);
    return [...found.values()];
  }

  function nameOf(one) {
    const channel = titled(catalogue.output_presets, one.output_preset);
    return `${spoken(catalogue, one)} · ${channel} · ${when(madeAt(one.public_id))}`;
  }

  function tile(other) {
    const name = nameOf(other);
    const label = `Compare with ${other.reference ?? "a picture"}: ${name}`;
    const press = () => choose(other, button);
    const button = html`
      <button class="tile" aria-label=${label} title=${name} aria-pressed="false" onclick=${press}>
        ${renderImage(other, signal)}
      </button>`;
    return html`<li>${button}</li>`;
  }

  function choose(other, button = null) {
    for (const one of body.querySelectorAll(".tile")) one.setAttribute("aria-pressed", String(one === button));
    ends.abort();
    ends = new AbortController();
    const here = AbortSignal.any([signal, ends.signal]);
    show(other && sideBySide([render, other], [nameOf(render), nameOf(other)], here));
    if (!other) body.querySelector(".tile").focus();
    alone.hidden = !other;
    say(other ? "Two pictures side by side. They zoom together." : "One picture.");
  }
}
