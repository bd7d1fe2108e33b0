/** The button and Ctrl+Z that undo the draft's last change. */

import { html, icon, say } from "./dom.js";

/** Elements with an undo of their own. */
const OWN_UNDO = "textarea, [contenteditable], dialog, input:not([type=radio], [type=checkbox], [type=range])";

/** Return whether a key asks the page to undo, rather than a field or a window. */
export function asksUndo(event) {
  const wanted = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key === "z";
  const own = wanted && (event.target.closest?.(OWN_UNDO) || document.querySelector("dialog[open]"));
  return wanted && !event.defaultPrevented && !own;
}

/** Return the button, which names the change to undo. It is hidden if there is none. */
export function undoButton({ draft }, signal) {
  const words = html`<span></span>`;
  const button = html`<button class="quiet" id="undo" onclick=${undo}>${icon("undo")}${words}</button>`;
  draft.addEventListener("change", show, { signal });
  addEventListener("keydown", pressed, { signal });
  show();
  return button;

  function show() {
    button.hidden = draft.last === null;
    words.textContent = `Undo: ${draft.last}`;
  }

  function undo() {
    const { last } = draft;
    draft.undo();
    say(`${last} is as it was.`);
    if (button.hidden) document.getElementById("make").focus();
  }

  function pressed(event) {
    if (!asksUndo(event) || draft.last === null) return;
    event.preventDefault();
    undo();
  }
}
