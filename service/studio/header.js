/** The bar on top: where one is, what one has, light or dark, the way out. */

import { h, icon, svg } from "./dom.js";
import { credits } from "./words.js";

const PLACES = [
  ["", "Studio"],
  ["gallery", "Gallery"],
  ["brands", "Brands"],
  ["credits", "Credits"],
];

export class Header {
  #element;
  #balance;
  #signOut;

  constructor(element, { signOut }) {
    this.#element = element;
    this.#signOut = signOut;
    this.#balance = h("span", { class: "balance", id: "balance" });
  }

  /** Credits that are left; null: not known. */
  count = null;

  set balance(count) {
    this.count = count;
    this.#balance.textContent = count === null ? "" : credits(count);
  }

  /** Show it for a place; null: nobody is signed in. */
  show(place) {
    const links = PLACES.map(([name, words]) =>
      h("li", {}, h("a", { href: `#/${name}`, "aria-current": name === place ? "page" : null }, words)),
    );
    this.#element.replaceChildren(
      h("a", { class: "wordmark", href: "#/", "aria-label": "Backdrop, to the studio" }, mark(), "Backdrop"),
      place === null ? "" : h("nav", { "aria-label": "Pages" }, h("ul", {}, links)),
      h(
        "div",
        { class: "header-end" },
        place === null ? null : this.#balance,
        themeButton(),
        place === null ? null : h("button", { class: "quiet", onclick: this.#signOut }, "Sign out"),
      ),
    );
  }
}

function mark() {
  return svg(
    "svg",
    { class: "mark", viewBox: "0 0 32 32", "aria-hidden": "true" },
    svg("path", { d: "M5 4v13c0 6.500 4 10.500 10.500 10.500H28" }),
    svg("circle", { cx: "20", cy: "15", r: "5.500" }),
  );
}

function themeButton() {
  const button = h("button", { class: "quiet round", id: "theme", onclick: turn }, icon("moon"));
  const name = () => {
    const other = globalThis.theme.shown === "dark" ? "light" : "dark";
    button.setAttribute("aria-label", `Show it ${other}`);
    button.title = `Show it ${other}`;
  };
  function turn() {
    globalThis.theme.turn();
    name();
  }
  name();
  return button;
}
