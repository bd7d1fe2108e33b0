/** Questions before a thing is deleted, and refusals beside the control that caused them. */

import { html, say } from "./dom.js";

/** Show a dialogue. Resolves to the value of the pressed button; empty without one, and if `signal` is aborted. */
export function answered(dialog, signal) {
  document.body.append(dialog);
  return new Promise((resolve) => {
    const done = () => (dialog.remove(), resolve(dialog.returnValue));
    dialog.addEventListener("close", done);
    signal?.addEventListener("abort", done, { once: true });
    dialog.showModal();
  });
}

/** Ask over the page before something that can't be undone. Resolves to whether the person pressed `yes`. */
export async function confirmed(words, yes) {
  const dialog = html`
    <dialog class="ask" aria-labelledby="ask-words">
      <p id="ask-words">${words}</p>
      <form class="row" method="dialog">
        <button class="button primary" id="delete-now" value="yes">${yes}</button>
        <button class="button" value="">Keep</button>
      </form>
    </dialog>`;
  return (await answered(dialog)) === "yes";
}

/**
 * Do `work` and say `words`, or show why it was refused in the element `error`.
 *
 * `button` is disabled meanwhile; `work` may change its text, which comes back.
 */
export async function attempt(error, words, work, button = {}) {
  const text = button.textContent;
  error.textContent = "";
  button.disabled = true;
  try {
    await work();
    if (words) say(words);
  } catch (refused) {
    if (refused.name !== "AbortError") error.textContent = refused.words ?? refused.message;
  } finally {
    Object.assign(button, { disabled: false, textContent: text });
  }
}
