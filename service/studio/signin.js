/** The way in: a key, checked before it is kept. */

import { ask } from "./api.js";
import { h } from "./dom.js";
import { session } from "./session.js";

const ending = (name) => [...name].reverse().join("");

/** Return the page that asks for a key. The pictures around it come later: what is typed meanwhile stays. */
export function signInView(signedIn) {
  const mosaic = h("div", { class: "mosaic", "aria-hidden": "true" });
  ask("/studio/thumbnails")
    .catch(() => ({}))
    .then((thumbnails) => mosaic.append(...pictures(thumbnails)))
    .then(() => mosaic.children.length || mosaic.remove());
  const form = keyForm(
    signedIn,
    h("h1", {}, "Your product, in a scene of your choice."),
    h("p", { class: "lead" }, "One photo in. The same product out, untouched, in a scene made for it."),
  );
  return h("div", { class: "sign-in" }, mosaic, form);
}

function pictures(thumbnails) {
  const urls = Object.entries(thumbnails)
    .filter(([name]) => /^scene-/.test(name) && name !== "scene-white")
    // By the names' ends, so that scenes of a kind do not stand side by side.
    .sort(([a], [b]) => ending(a).localeCompare(ending(b)))
    .map(([, url]) => url);
  // Twice, so that no row of a large window stays empty.
  return [...urls, ...urls].map((src) => h("img", { src, alt: "", width: 256, height: 320 }));
}

/** Ask for another key over the page, which stays as it is. Resolves when there is one, or `signOut` was chosen. */
export function signInOver(signOut) {
  return new Promise((resolve) => {
    const form = keyForm(
      done,
      h("h1", { id: "key-again" }, "Your key is no longer good"),
      h("p", { class: "lead" }, "Sign in with the new one. Your photo and your choices stay as they are."),
    );
    const leave = h("button", { class: "button wide", type: "button", onclick: () => (done(), signOut()) }, "Sign out");
    const dialog = h("dialog", { class: "sign-in-over", "aria-labelledby": "key-again" }, form);
    const over = new AbortController();
    form.append(leave);
    document.body.append(dialog);
    // Escape leads nowhere: what waits for the key would wait for ever.
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

/** Return a form below these parts; `signedIn` is called when a key was good and is kept. */
function keyForm(signedIn, ...parts) {
  const words = h("p", { id: "key-error", class: "error", role: "alert" });
  const key = h("input", {
    id: "key",
    class: "text",
    type: "password",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    "aria-describedby": "key-help key-error",
    required: true,
  });
  const button = h("button", { class: "button primary wide", type: "submit" }, "Sign in");
  return h(
    "form",
    { class: "sign-in-form", novalidate: true, onsubmit: enter },
    parts,
    h("label", { for: "key", class: "label" }, "Your key"),
    key,
    h(
      "p",
      { id: "key-help", class: "hint" },
      "Ask the person who set up Backdrop. The key stays in this browser’s open tabs and goes with the last one.",
    ),
    words,
    button,
  );

  async function enter(event) {
    event.preventDefault();
    const given = key.value.trim();
    words.textContent = "";
    key.removeAttribute("aria-invalid");
    if (!given) return wrong("Paste your key here first.");
    if (!/^[\x21-\x7e]+$/.test(given))
      return wrong("A key has letters, digits and signs, without spaces. Copy it once more.");
    button.disabled = true;
    try {
      await ask("/v1/credits", { key: given });
      session.open(given);
      await signedIn();
    } catch (error) {
      wrong(
        error.status === 401
          ? "This key is not known here, or it is no longer good. Check that you copied all of it."
          : error.message,
      );
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
