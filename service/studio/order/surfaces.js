/** The assignment of colours to surfaces of the scene, shown beside each colour and as a list. A person can lock it. */

import { dragged } from "../page/drag.js";
import { fill, html, icon, say, styled } from "../page/dom.js";
import { titled } from "../page/words.js";

/** Stand, panel and props: every scene accepts a colour locked there. */
const ACCENT = { name: "accent", title: "Accent", color: null, asked: false };

/**
 * Return {element, show(colours), goesOn(colour), draggable(handle, colour)}.
 *
 * `element` lists the surfaces. `goesOn` returns the control beside a colour, {element, show()}. `draggable` makes an
 * element a handle for a colour and returns it. The order shows a notice about dropped locks.
 */
export function surfacesOf({ draft, catalogue }, order, signal) {
  const list = html`<ul class="surfaces"></ul>`;
  const element = html`
    <div class="surfaces-place">
      <p class="label">Where the colours go</p>${list}
      <p class="hint">Drag a colour onto a surface to keep it there.</p>
    </div>`;
  const word = html`<p class="notice" id="lock-word" hidden></p>`;
  /**
   * The scene's surfaces by name: {name, title, own, colours}; `colours`: the chosen ones there, `own`: else the
   * scene's.
   */
  let surfaces = new Map();
  let listed = "";
  const lockOf = (colour) => Object.keys(draft.colors_on).find((name) => draft.colors_on[name] === colour) ?? "";
  const titleOf = (name) => surfaces.get(name)?.title ?? name;
  order.element.prepend(word);
  const other = ({ detail }) => ("scene_type" in detail || "colours" in detail) && notify("");
  draft.addEventListener("change", other, { signal });
  order.addEventListener("answered", answered);
  return { element, show, goesOn, draggable };

  function answered() {
    const unknown = (order.refusal?.fields ?? []).filter(({ type }) => type === "surface_unknown");
    const refused = (name, colour) => unknown.some(({ msg }) => msg.includes(`${name}:${colour}`));
    const scene = titled(catalogue.scene_types, draft.scene_type);
    unlock(refused, (name, colour) => `${scene} has no ${name}, so ${colour} goes where Backdrop puts it.`);
    if (order.plan) read(order.plan.surfaces ?? []);
  }

  function read(planned) {
    surfaces = new Map();
    for (const { name, title, color, asked } of planned.length ? [...planned, ACCENT] : []) {
      const surface = surfaces.get(name) ?? { name, title, own: asked ? null : color, colours: [] };
      if (asked) surface.colours.push(color);
      surfaces.set(name, surface);
    }
  }

  function notify(words) {
    word.textContent = words;
    word.hidden = !words;
    if (words) say(words);
  }

  /** Lock a colour on a surface; "": Backdrop chooses. */
  function lock(colour, name) {
    const others = Object.entries(draft.colors_on).filter(([one, other]) => one !== name && other !== colour);
    notify("");
    draft.change({ colors_on: Object.fromEntries(name ? [...others, [name, colour]] : others) });
    say(name ? `${colour} stays on ${titleOf(name)}.` : `Backdrop chooses where ${colour} goes.`);
  }

  /** Drop the locks for which `which` returns true, with a notice. */
  function unlock(which, words) {
    const locks = Object.entries(draft.colors_on);
    const gone = locks.filter((one) => which(...one));
    if (!gone.length) return;
    draft.settle({ colors_on: Object.fromEntries(locks.filter((one) => !gone.includes(one))) });
    notify(gone.map((one) => words(...one)).join(" "));
  }

  function draggable(handle, colour) {
    const under = (x, y) => document.elementFromPoint(x, y)?.closest("[data-surface]");
    const mark = (x, y) => {
      for (const one of list.children) one.classList.toggle("over", one === under(x, y));
      return Boolean(under(x, y));
    };
    const drop = (x, y) => under(x, y) && lock(colour, under(x, y).dataset.surface);
    return dragged(handle, colour, { possible: () => surfaces.size > 0, mark, drop });
  }

  function goesOn(colour) {
    const select = html`<select class="goes-on" aria-label="Where ${colour} goes"></select>`;
    const button = html`<button class="quiet round lock"></button>`;
    const line = html`<div class="goes"><span class="hint" aria-hidden="true">Goes on</span>${select}${button}</div>`;
    let places = [];
    let shown = "";
    select.addEventListener("change", () => lock(colour, select.value));
    button.addEventListener("click", () => lock(colour, lockOf(colour) ? "" : places[0].name));
    return { element: line, show: refresh };

    function refresh() {
      const locked = lockOf(colour);
      places = [...surfaces.values()].filter(({ colours }) => colours.includes(colour));
      const on = places.map(({ title }) => title).join(", ");
      line.hidden = !surfaces.size;
      const chosen = locked ? "Backdrop chooses" : `${on || "Nowhere"} (Backdrop chooses)`;
      const options = [["", chosen], ...[...surfaces.values()].map(({ name, title }) => [name, title])];
      if (shown === String([options, locked])) return; // replacing the options would close an open list
      shown = String([options, locked]);
      fill(select, options.map(([name, words]) => html`<option value=${name}>${words}</option>`));
      select.value = locked;
      line.classList.toggle("locked", Boolean(locked));
      fill(button, icon(locked ? "lock" : "unlock"));
      button.disabled = !locked && !on;
      button.title = locked ? "Let Backdrop choose" : "Keep it there";
      button.setAttribute("aria-label", locked ? `Let Backdrop choose for ${colour}` : `Keep ${colour} on ${on}`);
      button.setAttribute("aria-pressed", String(Boolean(locked)));
    }
  }

  function tile({ name, title, own, colours }) {
    const locked = draft.colors_on[name];
    const chosen = locked ? [locked] : colours;
    const swatch = (colour) => styled(html`<span class="swatch"></span>`, { "--colour": colour });
    const swatches = chosen.length ? chosen.map((colour) => draggable(swatch(colour), colour)) : own && swatch(own);
    const words = chosen.length ? chosen.join(", ") : own ? "Scene's own colour" : "Stand, panel, props";
    return html`
      <li class="surface ${chosen.length ? "" : "own"}" data-surface=${name}>
        <span class="surface-swatches">${swatches}</span>
        <div><p class="surface-title">${title}${locked && icon("lock")}</p><p class="hint">${words}</p></div>
      </li>`;
  }

  function show(colours) {
    const removed = (_, colour) => !colours.includes(colour);
    unlock(removed, (name, colour) => `${colour} was removed, so Backdrop chooses a colour for ${titleOf(name)}.`);
    element.hidden = !surfaces.size || !colours.length;
    const key = JSON.stringify([[...surfaces.values()], draft.colors_on]);
    if (key === listed || list.querySelector(".dragging")) return; // a swatch may be under the pointer
    listed = key;
    fill(list, [...surfaces.values()].map(tile));
  }
}
