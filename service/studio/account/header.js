/** The bar on top: pages, credits, sign-out. */

import { fill, html, svg } from "../page/dom.js";
import { credits } from "../page/words.js";

export class Header {
  #element;
  #pages;
  #signOut;
  #balance = html`<span class="balance" id="balance"></span>`;

  /** `pages`: page names to titles. */
  constructor(element, { pages, signOut }) {
    this.#element = element;
    this.#pages = pages;
    this.#signOut = signOut;
  }

  /** Credits left; null: not known. */
  set balance(count) {
    this.#balance.textContent = count === null ? "" : credits(count);
  }

  /** Show the bar for a view; null: signed out. */
  show(place) {
    const current = (name) => (name === place ? "page" : null);
    const link = ([name, words]) => html`<li><a href="#/${name}" aria-current=${current(name)}>${words}</a></li>`;
    const signedIn = place !== null;
    const bar = html`
      <a class="wordmark" href="/#/" aria-label="Backdrop, to the studio">${mark()}Backdrop</a>
      ${signedIn && html`<nav aria-label="Pages"><ul>${Object.entries(this.#pages).map(link)}</ul></nav>`}
      <div class="header-end">
        ${signedIn && [this.#balance, html`<button class="quiet" onclick=${this.#signOut}>Sign out</button>`]}
      </div>`;
    fill(this.#element, bar);
  }
}

function mark() {
  const path = svg("path", { d: "M5 4v13c0 6.500 4 10.500 10.500 10.500H28" });
  const circle = svg("circle", { cx: "20", cy: "15", r: "5.500" });
  return svg("svg", { class: "mark", viewBox: "0 0 32 32", "aria-hidden": "true" }, path, circle);
}
