/** The way in: a key, checked before it is kept. */

import { ask } from "./api.js";
import { h } from "./dom.js";
import { session } from "./session.js";

const ending = (name) => [...name].reverse().join("");

export async function signInView(studio, signedIn) {
  const thumbnails = await ask("/studio/thumbnails").catch(() => ({}));
  const pictures = Object.entries(thumbnails)
    .filter(([name]) => /^scene-/.test(name) && name !== "scene-white")
    // By the names' ends, so that scenes of a kind do not stand side by side.
    .sort(([a], [b]) => ending(a).localeCompare(ending(b)));
  const words = h("p", { id: "key-error", class: "error", role: "alert" }, studio.notice ?? "");
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
  const form = h(
    "form",
    { class: "sign-in-form", novalidate: true, onsubmit: enter },
    h("h1", {}, "Your product, in a scene of your choice."),
    h("p", { class: "lead" }, "One photo in. The same product out, untouched, in a scene made for it."),
    h("label", { for: "key", class: "label" }, "Your key"),
    key,
    h(
      "p",
      { id: "key-help", class: "hint" },
      "Whoever runs this Backdrop gave it to you. It stays in this tab and goes when the tab is closed.",
    ),
    words,
    button,
  );
  studio.notice = null;
  return h(
    "div",
    { class: "sign-in" },
    h(
      "div",
      { class: "mosaic", "aria-hidden": "true" },
      // Twice, so that no row of a large window stays empty.
      [...pictures, ...pictures].map(([, url]) => h("img", { src: url, alt: "", width: 256, height: 320 })),
    ),
    form,
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
    session.open(given);
    try {
      studio.header.balance = (await ask("/v1/credits")).balance;
      await signedIn();
    } catch (error) {
      session.close();
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
