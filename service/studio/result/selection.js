/** The selected pictures of the gallery, to download or delete together. */

import { ask } from "../calls/api.js";
import { attempt, confirmed } from "../page/confirm.js";
import { html } from "../page/dom.js";
import { saveAll } from "../calls/saving.js";
import { counted } from "../page/words.js";

export class Selection {
  #picked = new Map();
  #list;
  #gone;
  #words = html`<strong></strong>`;
  #error = html`<p class="error" role="alert"></p>`;
  #save = html`<button class="button primary" id="save" onclick=${() => this.#download()}></button>`;

  /** `list` contains the boxes; `gone` is called after pictures were deleted. */
  constructor(list, gone) {
    this.#list = list;
    this.#gone = gone;
    this.element = html`
      <section class="selection" aria-label="Selected pictures" hidden>
        <div class="row">
          ${this.#words} ${this.#save}
          <button class="button" id="delete" onclick=${() => this.#deleteAll()}>Delete …</button>
          <button class="button" onclick=${() => this.#all()}>Select all shown</button>
          <button class="button" onclick=${() => this.clear()}>Select none</button>
        </div>
        ${this.#error}
      </section>`;
    this.#show();
  }

  /** Return the checkbox of a render. */
  box(render, name) {
    const pick = ({ target }) => {
      if (target.checked) this.#picked.set(render.public_id, render);
      else this.#picked.delete(render.public_id);
      this.#show();
    };
    return html`<label class="pick"><input type="checkbox" aria-label="Select ${name}" onchange=${pick} /></label>`;
  }

  clear() {
    this.#picked.clear();
    for (const input of this.#boxes) input.checked = false;
    this.#show();
  }

  get #boxes() {
    return this.#list.querySelectorAll(".pick input");
  }

  #all() {
    for (const input of this.#boxes) if (!input.checked) input.click();
  }

  #show() {
    const count = this.#picked.size;
    this.element.hidden = !count;
    this.#error.textContent = "";
    this.#words.textContent = `${counted(count, "picture")} selected`;
    this.#save.textContent = count === 1 ? "Download" : "Download as zip";
  }

  #download() {
    const renders = [...this.#picked.values()];
    const fetched = (done) => (this.#save.textContent = `Fetching ${done} of ${renders.length}`);
    return attempt(this.#error, "Saved.", () => saveAll(renders, fetched), this.#save);
  }

  async #deleteAll() {
    const count = this.#picked.size;
    const words = `Delete ${counted(count, "picture")}? This can't be undone, and the credits are not refunded.`;
    if (!(await confirmed(words, "Delete for good"))) return;
    await attempt(this.#error, `${counted(count, "picture")} deleted.`, async () => {
      for (const id of [...this.#picked.keys()]) {
        const gone = (error) => error.status === 404 || Promise.reject(error);
        await ask(`/v1/renders/${id}`, { method: "DELETE" }).catch(gone);
        this.#picked.delete(id);
        this.#show();
      }
      this.#gone();
    });
  }
}
