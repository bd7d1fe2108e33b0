/** Pictures that are picked in the gallery: to be downloaded together, or deleted. */

import { ask, send } from "./api.js";
import { h, say } from "./dom.js";
import { saveAll } from "./saving.js";
import { counted } from "./words.js";

export class Selection {
  #picked = new Map();
  #list;
  #gone;
  #words = h("strong", {});
  #error = h("p", { class: "error", role: "alert" });
  #save = h("button", { class: "button primary", id: "save", onclick: () => this.#download() });
  #delete = h("button", { class: "button", id: "delete", onclick: () => this.#ask.showModal() }, "Delete …");
  #ask = h(
    "dialog",
    { class: "ask", "aria-labelledby": "ask-words" },
    h("p", { id: "ask-words" }),
    h(
      "form",
      { class: "row", method: "dialog" },
      h("button", { class: "button primary", id: "delete-now", value: "delete" }, "Delete for good"),
      h("button", { class: "button", value: "" }, "Keep"),
    ),
  );

  /** `list` holds the boxes; `gone` is called when pictures were deleted. */
  static async of(list, gone) {
    return new Selection(list, gone, await deletes());
  }

  constructor(list, gone, canDelete) {
    this.#list = list;
    this.#gone = gone;
    this.#delete.hidden = !canDelete;
    this.#ask.addEventListener("close", () => this.#ask.returnValue === "delete" && this.#deleteAll());
    this.element = h(
      "section",
      { class: "selection", "aria-label": "Selected pictures", hidden: true },
      h(
        "div",
        { class: "row" },
        this.#words,
        this.#save,
        this.#delete,
        h("button", { class: "button", onclick: () => this.#all() }, "Select all shown"),
        h("button", { class: "button", onclick: () => this.clear() }, "Select none"),
      ),
      this.#error,
      this.#ask,
    );
    this.#show();
  }

  /** Return the box that picks a render. */
  box(render, name) {
    const input = h("input", {
      type: "checkbox",
      "aria-label": `Select ${name}`,
      onchange: () => {
        if (input.checked) this.#picked.set(render.public_id, render);
        else this.#picked.delete(render.public_id);
        this.#show();
      },
    });
    return h("label", { class: "pick" }, input);
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
    this.#ask.querySelector("p").textContent =
      `Delete ${counted(count, "picture")}? They can't be had back, and what they cost is not given back.`;
  }

  async #download() {
    this.#error.textContent = "";
    this.#save.disabled = true;
    const renders = [...this.#picked.values()];
    try {
      await saveAll(renders, (done) => (this.#save.textContent = `Fetching ${done} of ${renders.length}`));
      say("Saved.");
      this.#show();
    } catch (error) {
      this.#show();
      this.#error.textContent = error.message;
    } finally {
      this.#save.disabled = false;
    }
  }

  async #deleteAll() {
    const count = this.#picked.size;
    try {
      for (const id of [...this.#picked.keys()]) {
        await ask(`/v1/renders/${id}`, { method: "DELETE" }).catch(
          (error) => error.status === 404 || Promise.reject(error),
        );
        this.#picked.delete(id);
      }
      say(`${counted(count, "picture")} deleted.`);
      this.#gone();
    } catch (error) {
      this.#show();
      this.#error.textContent = error.message;
    }
  }
}

/** Whether this service deletes renders; an older one does not. */
async function deletes() {
  const answer = await send("/v1/renders/none", { method: "OPTIONS" }).catch(() => null);
  return answer?.headers.get("allow")?.includes("DELETE") ?? false;
}
