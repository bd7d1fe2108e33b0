/** The price, what stands in the way, and the button: the plan of a picture before it is paid for. */

import { ask } from "./api.js";
import { h, say } from "./dom.js";
import { LookButton } from "./looks/button.js";
import { placeTrouble } from "./place/ways_out.js";
import { SUBMIT, asked, submitted } from "./submit.js";
import { undoButton } from "./undo.js";
import { wait } from "./waiting.js";
import { WARNINGS, counted, credits, lostWords, titled } from "./words.js";

/** Typing and clicking go on: ask when they pause. */
const PAUSE = 250;
/** After this, what did not get through is asked again. */
const AGAIN = 3000;

/** Fires `told` when the service has said what it makes of the draft. */
export class Order extends EventTarget {
  /** What the service would do; null: not asked, or refused. */
  plan = null;
  /** Why it would refuse; null: it would not. */
  refusal = null;
  /** The cut-out of the photo on the stage; null: none yet, or nothing was found. */
  cut = null;
  /** What the button was refused for, which no plan takes back. */
  #refusedOrder = null;
  #studio;
  #signal;
  #asking = new AbortController();
  #timer;
  #busy = false;
  #parts;
  #look;
  /** Brings what is doubtful of the cut-out into view, the first thing to do; null: nothing is. */
  #doubt = null;

  constructor(studio, signal) {
    super();
    this.#studio = studio;
    this.#signal = signal;
    this.#parts = {
      notice: h("div", { class: "notices", "aria-live": "polite" }),
      price: h("p", { class: "price", id: "price" }),
      check: h("button", { class: "button primary", id: "check", onclick: () => this.#doubt() }, "Check the cut-out"),
      button: h("button", { class: "button primary", id: "make", onclick: () => this.#submit() }, "Make the picture"),
    };
    this.#look = new LookButton(studio, () => (this.plan?.brand ? this.plan.seed : null), signal);
    const { notice, price, check, button } = this.#parts;
    const buttons = h("div", { class: "order-buttons" }, check, this.#look.element, button);
    const row = h("div", { class: "order-row" }, price, buttons);
    const undo = undoButton(studio, signal);
    this.element = h("div", { class: "order" }, undo, notice, placeTrouble(studio, this, signal), this.#look.notice, row);
  }

  /** Have the cut-out checked first: `look` brings it into view; null: there is no need. */
  check(look) {
    this.#doubt = look;
    this.#show();
  }

  start() {
    const changed = (event) => {
      if (event && "source" in event.detail) this.cut = null;
      this.#changed();
    };
    this.#studio.draft.addEventListener("change", changed, { signal: this.#signal });
    // Of several photos the first tells for all: the others differ in nothing that a plan knows.
    let told = null;
    const { several, looks } = this.#studio;
    const heard = () => {
      const first = several.ordering ? told : (several.ready[0]?.key ?? null);
      const same = first === told;
      told = first;
      // While it orders, and after a refusal, what was said stays to be read.
      return same || this.#busy ? this.#show() : changed();
    };
    several.addEventListener("change", heard, { signal: this.#signal });
    // Once there is a look at the photo, the plan knows what its product and its place come to.
    let { seen, chosen } = looks;
    const looked = () => {
      const [knows, chooses] = [looks.seen !== seen, looks.chosen !== chosen];
      ({ seen, chosen } = looks);
      if (knows && !this.#busy) changed();
      else if (chooses) this.#show();
    };
    looks.addEventListener("change", looked, { signal: this.#signal });
    this.#signal.addEventListener("abort", () => (clearTimeout(this.#timer), this.#asking.abort()));
    changed();
  }

  /** The photo on the stage is cut out: the plan knows more then. */
  cutOut(view) {
    this.cut = view;
    if (view && !this.#busy && !this.#studio.draft.forbidden) this.#ask();
  }

  /** Whether the product has no place in the chosen scene. */
  get placeless() {
    return Boolean(this.cut && this.plan && !this.plan.place && !this.#studio.several.items.length);
  }

  #changed() {
    clearTimeout(this.#timer);
    this.#asking.abort();
    this.plan = this.refusal = this.#refusedOrder = null;
    this.#show();
    if (this.#source && !this.#studio.draft.forbidden) this.#timer = setTimeout(() => this.#ask(), PAUSE);
  }

  /** The photo that is asked about; null: none yet. */
  get #source() {
    const { draft, several } = this.#studio;
    return several.items.length ? (several.ready[0] ?? null) : draft.source;
  }

  /** The channels of the pictures that the button makes, one for each. */
  get #wanted() {
    const { draft, several, catalogue } = this.#studio;
    const own = (name) => catalogue.output_presets.filter((item) => item.name === name);
    if (!several.items.length) return draft.source ? draft.presets : [];
    return several.ready.flatMap(({ preset }) => (preset ? own(preset) : draft.presets));
  }

  /** How many pictures the button makes. */
  get #count() {
    return this.#wanted.length;
  }

  /** What they cost. */
  get #price() {
    return this.#wanted.reduce((sum, preset) => sum + preset.credits, 0);
  }

  async #ask() {
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    const { draft, looks, several } = this.#studio;
    const source = this.#source;
    if (!source) return; // Its photos were ordered, or taken away, since the question was put off.
    const look = several.items.length ? null : looks.seen;
    try {
      const query = asked({ seed: draft.seed, placement: draft.placement, dressing: draft.dressing(source) });
      query.set("dry_run", "true");
      const body = draft.body(look ? { render: look.job.render.public_id } : source);
      this.plan = await ask(`${SUBMIT}?${query}`, { method: "POST", body, signal });
      this.#studio.header.balance = this.plan.balance;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (look && error.status === 404) return void looks.expire(look); // and the photo itself is asked about
      this.refusal = error;
      if (error.passing && !signal.aborted) wait(AGAIN, signal).then(() => signal.aborted || this.#ask());
    }
    if (signal.aborted) return;
    // What the button was refused stays to be read, whether a plan was asked for before it or after.
    if (this.plan && this.refusal !== this.#refusedOrder) this.refusal = null;
    this.#tell();
  }

  #tell() {
    this.#show();
    this.dispatchEvent(new Event("told"));
  }

  async #submit() {
    const { draft, several } = this.#studio;
    if (this.#busy || this.#parts.button.getAttribute("aria-disabled") === "true") return;
    this.#busy = true;
    this.#show();
    try {
      const { presets } = draft;
      if (several.items.length || presets.length > 1) {
        const count = this.#count;
        const alone = several.items.length ? null : { ...draft.source, placement: draft.placement };
        if (presets.length > 1) several.spread(presets.map(({ name }) => name), alone);
        await several.order(draft).finally(() => this.#studio.ordered());
        say(`${counted(count, "picture")} ordered.`);
        this.#busy = false;
        this.#changed();
        return;
      }
      const accepted = await submitted(draft.body(), {
        seed: draft.seed,
        name: draft.source.reference,
        placement: draft.placement,
        dressing: draft.dressing(),
      });
      say("Accepted. Your picture is being made.");
      this.#studio.ordered();
      this.#studio.go(`jobs/${accepted.job_id}`);
    } catch (error) {
      this.refusal = this.#refusedOrder = error;
      this.#busy = false;
      this.#tell();
    }
  }

  #show() {
    const { draft, several, looks } = this.#studio;
    const { notice, price, check, button } = this.#parts;
    check.hidden = !this.#doubt;
    button.classList.toggle("primary", !this.#doubt);
    const wanted = this.#wanted;
    const count = wanted.length;
    const [{ credits: each }] = [...wanted, draft.preset];
    const alike = wanted.every((preset) => preset.credits === each);
    const left = this.plan ? `${credits(this.plan.balance)} left` : draft.preset.title;
    const parts = alike ? `${count} × ${each}` : wanted.map((preset) => preset.credits).join(" + ");
    price.replaceChildren(
      h("strong", {}, credits(count ? this.#price : each)),
      h("span", {}, count > 1 ? `${parts}  ·  ${left}` : left),
    );
    const blocked =
      !count ||
      draft.forbidden ||
      this.#tooDear ||
      several.uploading.length ||
      (this.refusal && !this.refusal.passing);
    button.setAttribute("aria-disabled", String(Boolean(blocked || this.#busy)));
    const one = looks.chosen ? "Make this picture" : "Make the picture";
    button.textContent = this.#busy ? "Sending …" : count > 1 ? `Make ${count} pictures` : one;
    this.#look.show(!count || draft.forbidden || (this.refusal && !this.refusal.passing));
    notice.replaceChildren(...this.#notices());
  }

  /** Whether what the button makes costs more than there is. */
  get #tooDear() {
    return this.plan !== null && this.#price > this.plan.balance;
  }

  #notices() {
    const { draft, several } = this.#studio;
    if (draft.forbidden) return [forbidden(this.#studio)];
    if (several.uploading.length) return [h("p", { class: "notice hint" }, "The photos are on their way.")];
    if (!this.#count) {
      const next = several.items.length
        ? "All pictures are ordered. Add photos, or clear the stage for new ones."
        : "Add a photo first.";
      return [h("p", { class: "notice hint" }, next)];
    }
    if (this.refusal) return [h("p", { class: "notice bad", role: "alert" }, this.#refused())];
    const told = (this.plan?.warnings ?? [])
      .filter(({ code }) => code !== "insufficient_credits" && !(code === "scene_unsuited" && this.placeless))
      .map(({ code, message }) => h("p", { class: "notice", "data-code": code }, WARNINGS[code]?.join(" ") ?? message));
    if (this.#tooDear) {
      const price = credits(this.#price);
      const words = `This costs ${price}, and you have ${credits(this.plan.balance)}. Ask the person who set up Backdrop for more; your settings stay here.`;
      told.unshift(h("p", { class: "notice bad", role: "alert" }, words));
    }
    const background = this.#background();
    if (background) told.push(background);
    return told;
  }

  /** Say which background is made, where that is settled. */
  #background() {
    const { draft, looks } = this.#studio;
    const { chosen } = looks;
    if (draft.seed === null) {
      const brands = this.plan?.brand && this.plan.seed !== null;
      return brands ? h("p", { class: "notice hint" }, "This brand has a background of its own.") : null;
    }
    const got = "You get the look that you chose, in full size and without the mark.";
    if (chosen) return h("p", { class: "notice hint" }, got);
    const looked = looks.items.some((item) => item.seed === draft.seed);
    return h(
      "p",
      { class: "notice hint" },
      looked ? "The background that you chose, the product moved since. " : "The same background is made again. ",
      h("button", { class: "link", onclick: () => draft.change({ seed: null }) }, "Use a new one"),
    );
  }

  #refused() {
    const { refusal } = this;
    if (refusal.status === 404) return "The photo is no longer there. Drop it again.";
    if (refusal.status === 422 && ["scene_type", "mood", "dominant_colors", "colors_on"].some((field) => refusal.about(field))) {
      return "Something above can't be used: it says there what.";
    }
    return refusal.passing && refusal !== this.#refusedOrder ? lostWords(refusal) : refusal.message;
  }
}

/** What a channel forbids, and the two ways out. */
function forbidden({ draft, catalogue }) {
  const sibling = catalogue.output_presets.find((item) => item.name === draft.preset.scene_sibling);
  const rule =
    draft.preset.background === "transparent"
      ? "has no background at all, so no scene"
      : "takes nothing but pure white behind the product";
  return h(
    "div",
    { class: "notice bad", role: "alert" },
    h(
      "p",
      {},
      h("strong", {}, draft.preset.title),
      ` ${rule}. “${titled(catalogue.scene_types, draft.scene_type)}” can't be used there.`,
    ),
    h(
      "p",
      { class: "row" },
      h("button", { class: "button small", onclick: () => draft.change({ scene_type: "white" }) }, "Use pure white"),
      sibling
        ? h(
            "button",
            { class: "button small", onclick: () => draft.change({ output_preset: sibling.name }) },
            `Use ${sibling.title}`,
          )
        : null,
    ),
  );
}
