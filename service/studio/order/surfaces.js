/** The assignment of colours to surfaces of the scene, shown beside each colour. A person can lock it. */

import { fill, html, say } from "../page/dom.js";
import { titled } from "../page/words.js";

/** Stand, panel and props: every scene accepts a colour locked there. */
const ACCENT = { name: "accent", title: "Accent", asked: false };

/**
 * Return {show(colours), goesOn(colour)}.
 *
 * `goesOn` returns the control beside a colour, {element, show()}. `show` drops the locks of other colours. The order
 * shows a notice about dropped locks.
 */
export function surfacesOf({ draft, catalogue }, order, signal) {
  const word = html`<p class="notice" id="lock-word" hidden></p>`;
  /** The scene's surfaces by name: {name, title, colours}; `colours`: the chosen ones there. */
  let surfaces = new Map();
  const lockOf = (colour) => Object.keys(draft.colors_on).find((name) => draft.colors_on[name] === colour) ?? "";
  const titleOf = (name) => surfaces.get(name)?.title ?? name;
  order.element.prepend(word);
  const other = ({ detail }) => ("scene_type" in detail || "colours" in detail) && notify("");
  draft.addEventListener("change", other, { signal });
  order.addEventListener("answered", answered);
  return { show, goesOn };

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
      const surface = surfaces.get(name) ?? { name, title, colours: [] };
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

  function goesOn(colour) {
    const select = html`<select class="goes-on" aria-label="Where ${colour} goes"></select>`;
    const line = html`<div class="goes"><span class="hint" aria-hidden="true">Goes on</span>${select}</div>`;
    let shown = "";
    select.addEventListener("change", () => lock(colour, select.value));
    return { element: line, show: refresh };

    function refresh() {
      const all = [...surfaces.values()];
      const locked = lockOf(colour);
      const on = all.filter(({ colours }) => colours.includes(colour)).map(({ title }) => title).join(", ");
      line.hidden = !surfaces.size;
      const chosen = locked ? "Backdrop chooses" : `${on || "Nowhere"} (Backdrop chooses)`;
      const options = [["", chosen], ...all.map(({ name, title }) => [name, title])];
      if (shown === String([options, locked])) return; // replacing the options would close an open list
      shown = String([options, locked]);
      fill(select, options.map(([name, words]) => html`<option value=${name}>${words}</option>`));
      select.value = locked;
      line.classList.toggle("locked", Boolean(locked));
    }
  }

  function show(colours) {
    const removed = (_, colour) => !colours.includes(colour);
    unlock(removed, (name, colour) => `${colour} was removed, so Backdrop chooses a colour for ${titleOf(name)}.`);
  }
}
