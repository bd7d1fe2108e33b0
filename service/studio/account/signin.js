/** The sign-in: checks a key before storing it. */

import { ask } from "../calls/api.js";
import { html } from "../page/dom.js";
import { session } from "../calls/session.js";

const ending = (name) => [...name].reverse().join("");

/** Return the sign-in page. Its pictures load later, without losing a key that is being typed. */
export function signInView(signedIn) {
  const mosaic = html`<div class="mosaic" aria-hidden="true"></div>`;
  ask("/studio/thumbnails")
    .catch(() => ({}))
    .then((thumbnails) => mosaic.append(...pictures(thumbnails)))
    .then(() => mosaic.children.length || mosaic.remove());
  const head = html`
    <h1>Your product, in a scene of your choice.</h1>
    <p class="lead">Add one photo. Backdrop puts the same product, unchanged, into a scene made for it.</p>`;
  return html`<div class="sign-in">${mosaic}${keyForm(signedIn, head)}</div>`;
}

function pictures(thumbnails) {
  const urls = Object.entries(thumbnails)
    .filter(([name]) => /^scene-/.test(name) && !/-white$|-slots$/.test(name))
    // Sort by the reversed names, so that similar scenes are not neighbours.
    .sort(([a], [b]) => ending(a).localeCompare(ending(b)))
    .map(([, url]) => url);
  // Twice, to fill every row of a large window.
  return [...urls, ...urls].map((src) => html`<img src=${src} alt="" width="256" height="320" />`);
}

/** Ask for another key over the current page. Resolves when there is a key, or after signing out. */
export function signInOver(signOut) {
  return new Promise((resolve) => {
    const head = html`
      <h1 id="key-again">Your key no longer works</h1>
      <p class="lead">Sign in with a new one. Your photo and your choices stay.</p>`;
    const leave = () => (done(), signOut());
    const foot = html`<button class="button wide" type="button" onclick=${leave}>Sign out</button>`;
    const form = keyForm(done, head, foot);
    const dialog = html`<dialog class="sign-in-over" aria-labelledby="key-again">${form}</dialog>`;
    const over = new AbortController();
    document.body.append(dialog);
    // Reopen after Escape: requests wait for the key.
    dialog.addEventListener("close", () => over.signal.aborted || dialog.showModal());
    for (const name of ["adopted", "left"]) session.addEventListener(name, done, { signal: over.signal });
    dialog.showModal();
    dialog.querySelector("#key").focus();

    function done() {
      over.abort();
      dialog.remove();
      resolve();
    }
  });
}

/** Return the form; `signedIn` is called after a valid key was stored. */
function keyForm(signedIn, head, foot = null) {
  const words = html`<p id="key-error" class="error" role="alert"></p>`;
  const key = html`
    <input id="key" class="text" type="password" autocomplete="off" autocapitalize="off" spellcheck="false" required
      aria-describedby="key-help key-error" />`;
  const button = html`<button class="button primary wide" type="submit">Sign in</button>`;
  return html`
    <form class="sign-in-form" novalidate onsubmit=${enter}>
      ${head}
      <label for="key" class="label">Your key</label>
      ${key}
      <p id="key-help" class="hint">
        Ask the person who set up Backdrop. The key stays in this browser's open tabs, until you close the last one.
      </p>
      ${words} ${button} ${foot}
    </form>`;

  async function enter(event) {
    event.preventDefault();
    const given = key.value.trim();
    words.textContent = "";
    key.removeAttribute("aria-invalid");
    if (!given) return wrong("Paste your key here first.");
    if (!/^[\x21-\x7e]+$/.test(given)) return wrong("A key has no spaces or special letters. Copy it again.");
    button.disabled = true;
    try {
      await ask("/v1/credits", { key: given });
      session.open(given);
      await signedIn();
    } catch (error) {
      const unknown = "This key is unknown or no longer works. Check that you copied all of it.";
      wrong(error.status === 401 ? unknown : error.message);
    } finally {
      button.disabled = false;
    }
  }

  function wrong(text) {
    words.textContent = text;
    key.setAttribute("aria-invalid", "true");
    key.focus();
  }
}
