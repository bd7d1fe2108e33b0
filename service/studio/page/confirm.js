/** Questions before a thing is deleted, and refusals beside the control that caused them. */

import { html, say } from "./dom.js";

/** Ask over the page before something that can't be undone. Resolves to whether the person pressed `yes`. */
export function confirmed(words, yes) {
  return new Promise((resolve) => {
    const dialog = html`
      <dialog class="ask" aria-labelledby="ask-words">
        <p id="ask-words">${words}</p>
        <form class="row" method="dialog">
          <button class="button primary" id="delete-now" value="yes">${yes}</button>
          <button class="button" value="">Keep</button>
        </form>
      </dialog>`;
    dialog.addEventListener("close", () => (dialog.remove(), resolve(dialog.returnValue === "yes")));
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Do `work` and say `words`, or show why it was refused in the element `error`. */
export async function attempt(error, words, work) {
  error.textContent = "";
  try {
    await work();
    say(words);
  } catch (refused) {
    if (refused.name !== "AbortError") error.textContent = refused.message;
  }
}
