/** The order: price, problems and button. A dry run plans the picture before a person pays. */

import { ask } from "../calls/api.js";
import { fill, html, say } from "../page/dom.js";
import { LookButton } from "../looks/button.js";
import { USUAL, lacking } from "./options.js";
import { placeTrouble } from "../place/ways_out.js";
import { askAbout } from "../several/ask.js";
import { ordersFor, priced } from "../several/orders.js";
import { SUBMIT, asked, existing, order } from "../calls/submit.js";
import { undoButton } from "../page/undo.js";
import { wait } from "../calls/waiting.js";
import { WARNINGS, counted, credits, isShown, lostWords, samePictures, titled } from "../page/words.js";

/** Milliseconds to wait for further typing and clicks before a dry run. */
const PAUSE = 250;
/** Warnings that `placeTrouble` replaces where the product has no place. */
const PLACELESS = ["scene_unsuited", "no_honest_placement"];
/** Milliseconds until a failed dry run is repeated. */
const AGAIN = 3000;

/** Fires `answered` when the service has planned or refused the draft. */
export class Order extends EventTarget {
  /** The service's plan; null: not asked yet, or refused. */
  plan = null;
  /** The Refusal of the dry run or the order; null: none. */
  refusal = null;
  /** The cut-out of the photo on the stage; null: none yet, or no product found. */
  cut = null;
  /** This tab's job for the picture, if it was ordered before; null: none. */
  #made = null;
  /** The Refusal of an order, which a later plan must not clear. */
  #refusedOrder = null;
  #studio;
  #signal;
  #asking = new AbortController();
  #timer;
  #busy = false;
  #parts;
  #look;
  /** The price of several pictures, and how many are the same as others: {of, cost, same}; null: not asked yet. */
  #quote = null;
  /** Brings a doubtful cut-out into view, to be checked first; null: no doubt. */
  #doubt = null;

  constructor(studio, signal) {
    super();
    this.#studio = studio;
    this.#signal = signal;
    const pressed = () => button.getAttribute("aria-disabled") === "true" || this.#submit();
    const notice = html`<div class="notices" id="order-notices" aria-live="polite"></div>`;
    const price = html`<p class="price" id="price"></p>`;
    const check = html`
      <button class="button primary" id="check" hidden onclick=${() => this.#doubt()}>Check the cut-out</button>`;
    const button = html`
      <button class="button primary" id="make" aria-describedby="order-notices" onclick=${pressed}></button>`;
    this.#parts = { notice, price, check, button };
    this.#look = new LookButton(studio, () => (this.plan?.brand ? this.plan.seed : null), signal);
    this.element = html`
      <div class="order">
        ${undoButton(studio, signal)} ${notice} ${placeTrouble(studio, this, signal)} ${this.#look.notice}
        <div class="order-row">
          ${price}
          <div class="order-buttons">${check}${this.#look.element}${button}</div>
        </div>
      </div>`;
  }

  /** Ask the person to check the cut-out first: `look` brings it into view; null: not needed. */
  check(look) {
    this.#doubt = look;
    if (!this.#signal.aborted) this.show(); // there is no draft after signing out
  }

  start() {
    const changed = (event) => {
      if (event && "source" in event.detail) this.cut = null;
      this.#changed();
    };
    this.#studio.draft.addEventListener("change", changed, { signal: this.#signal });
    // Of several photos, the first one stands for all in the plan.
    let first = null;
    const { several, looks } = this.#studio;
    const heard = () => {
      const before = first;
      if (!several.ordering) first = several.ready[0]?.key ?? null;
      // Messages stay while an order is being sent and after a refusal.
      if (first !== before && !this.#busy) return changed();
      this.show();
      if (this.plan) this.#askPrice();
    };
    several.addEventListener("change", heard, { signal: this.#signal });
    // A plan for a previewed photo is more exact about its product and placement.
    let { seen, chosen } = looks;
    const looked = () => {
      const [knows, chooses] = [looks.seen !== seen, looks.chosen !== chosen];
      ({ seen, chosen } = looks);
      if (knows && !this.#busy) changed();
      else if (chooses) this.show();
    };
    looks.addEventListener("change", looked, { signal: this.#signal });
    this.#signal.addEventListener("abort", () => (clearTimeout(this.#timer), this.#asking.abort()));
    changed();
  }

  /** Plan again after a photo was cut out, since the plan then includes its placement. */
  cutOut(view) {
    this.cut = view;
    if (view && !this.#busy && !this.#studio.draft.forbidden) this.#ask();
  }

  /** Whether the product does not fit the chosen scene. */
  get placeless() {
    return Boolean(this.cut && this.plan && !this.plan.place && !this.#studio.several.items.length);
  }

  #changed() {
    clearTimeout(this.#timer);
    this.#asking.abort();
    this.plan = this.refusal = this.#refusedOrder = this.#made = null;
    this.show();
    if (this.#source && !this.#studio.draft.forbidden) this.#timer = setTimeout(() => this.#ask(), PAUSE);
  }

  /** The photo to plan for; null: none yet. */
  get #source() {
    const { draft, several } = this.#studio;
    return several.items.length ? (several.ready[0] ?? null) : draft.source;
  }

  /** The body and the options of a single picture. */
  get #request() {
    const { draft } = this.#studio;
    const { seed, placement, source } = draft;
    return [draft.body(), { seed, name: source.reference, placement, options: draft.paid() }];
  }

  /** The pictures to order, as items of the tray with a channel each. */
  get #pictures() {
    const { draft, several } = this.#studio;
    const { source, placement } = draft;
    const photos = several.items.length ? several.ready : source ? [{ ...source, placement }] : [];
    return photos.flatMap((item) => (item.preset ? [item] : draft.presets.map(({ name }) => ({ ...item, preset: name }))));
  }

  /** The channels of the pictures to order, one for each picture. */
  get #wanted() {
    const { output_presets } = this.#studio.catalogue;
    return this.#pictures.map(({ preset }) => output_presets.find(({ name }) => name === preset)).filter(Boolean);
  }

  get #count() {
    return this.#wanted.length;
  }

  get #price() {
    if (this.plan?.credits_cost === 0 && this.#count === 1) return 0; // in a sandbox
    return this.#quote?.of === this.#quoted ? this.#quote.cost : this.#wanted.reduce((sum, preset) => sum + preset.credits, 0);
  }

  /** What a quote is for: the bodies of the orders. */
  get #quoted() {
    return JSON.stringify(ordersFor(this.#pictures, this.#studio.draft).map(({ body }) => body));
  }

  /** Ask what several pictures cost together, as soon as all photos are ready. */
  async #askPrice() {
    const { draft, several } = this.#studio;
    const of = this.#quoted;
    if (this.#count < 2 || several.coming.length || this.#busy || this.#quote?.of === of) return;
    this.#quote = { of, cost: this.#price };
    try {
      const { cost, same } = await priced(ordersFor(this.#pictures, draft), this.#signal);
      if (this.#quote.of !== of) return; // a later question is on its way
      this.#quote = { of, cost, same };
    } catch (error) {
      if (this.#signal.aborted) return;
      if (error.passing) this.#quote = null;
      else this.refusal = error;
    }
    this.show();
  }

  async #ask() {
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    const { draft, looks, several } = this.#studio;
    const source = this.#source;
    if (!source) return; // the photos were ordered or removed in the meantime
    const look = several.items.length ? null : looks.seen;
    try {
      const query = asked({ seed: draft.seed, placement: draft.placement, options: draft.paid(source) });
      query.set("dry_run", "true");
      const body = draft.body(look ? { render: look.job.render.public_id } : source);
      const one = !several.items.length && draft.presets.length === 1;
      const before = one && existing(this.#studio, ...this.#request);
      const [plan, made] = await Promise.all([ask(`${SUBMIT}?${query}`, { method: "POST", body, signal }), before]);
      if (signal.aborted) return;
      [this.plan, this.#made] = [plan, made];
      this.#studio.header.balance = this.plan.balance;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (look && error.status === 404) return void looks.expire(look); // this plans again for the photo itself
      this.refusal = error;
      if (error.passing && !signal.aborted) wait(AGAIN, signal).then(() => signal.aborted || this.#ask());
    }
    if (signal.aborted) return;
    // Keep the message of a refused order, even if a plan arrives before or after it.
    if (this.plan && this.refusal !== this.#refusedOrder) this.refusal = null;
    this.#announce();
  }

  #announce() {
    this.show();
    if (this.plan) this.#askPrice();
    this.dispatchEvent(new Event("answered"));
  }

  async #submit() {
    const { draft, several } = this.#studio;
    if (this.#busy) return;
    const many = several.items.length > 0;
    const agreed = many ? await this.#agreed() : [];
    if (!agreed || this.#signal.aborted) return;
    this.#busy = true;
    this.show();
    try {
      const { presets, placement, source } = draft;
      if (many || presets.length > 1) {
        const items = many ? agreed : [several.put({ ...source, placement })];
        const ordered = presets.length > 1 ? several.spread(items, presets.map(({ name }) => name)) : items;
        const count = await several.order(ordered).finally(() => this.#studio.ordered());
        say(`${counted(count, "picture")} ordered.`);
        this.#busy = false;
        this.#changed();
        return;
      }
      await order(this.#studio, ...this.#request);
    } catch (error) {
      this.refusal = this.#refusedOrder = error;
      this.#busy = false;
      this.#announce();
    }
  }

  /** Return the photos to order, after asking about the doubtful ones; null: the person checks them first. */
  async #agreed() {
    const { several } = this.#studio;
    const { ready, doubtful } = several;
    if (!doubtful.length) return ready;
    const answer = await askAbout(doubtful, this.#count, this.#signal);
    if (answer === "without") return ready.filter((item) => !doubtful.includes(item));
    if (answer === "all") {
      await several.trust(doubtful);
      return ready;
    }
    const tile = document.querySelector(".several [data-doubt]");
    tile?.scrollIntoView({ block: "center" });
    tile?.querySelector("button:not([hidden])").focus({ preventScroll: true });
    return null;
  }

  show() {
    const { draft, several, looks } = this.#studio;
    const { notice, price, check, button } = this.#parts;
    check.hidden = !this.#doubt || several.items.length > 0;
    button.classList.toggle("primary", check.hidden);
    const wanted = this.#wanted;
    const count = wanted.length;
    const [{ credits: each }] = [...wanted, draft.preset];
    const alike = wanted.every((preset) => preset.credits === each);
    const left = this.plan ? `${credits(this.plan.balance)} left` : draft.preset.title;
    const same = this.#quote?.of === this.#quoted && this.#quote.same;
    const parts = same ? samePictures(same) : alike ? `${count} × ${each}` : wanted.map((preset) => preset.credits).join(" + ");
    fill(
      price,
      html`<strong>${this.#made ? "Ordered already" : credits(count ? this.#price : each)}</strong>`,
      html`<span>${count > 1 ? `${parts}  ·  ${left}` : left}</span>`,
    );
    const impossible = !count || draft.forbidden || this.#lacks || (this.refusal && !this.refusal.passing);
    const barred = impossible || this.#tooDear;
    const blocked = barred || several.coming.length;
    button.setAttribute("aria-disabled", String(Boolean(blocked || this.#busy)));
    const one = this.#made ? "Open the picture" : looks.chosen ? "Make this picture" : "Make the picture";
    button.textContent = this.#busy ? "Sending …" : count > 1 ? `Make ${count} pictures` : one;
    this.#look.show(impossible);
    const notices = this.#notices(barred);
    // An unchanged message stays, since the focus may be in it.
    if (notices.map((one) => one.outerHTML).join("") !== notice.innerHTML) fill(notice, notices);
  }

  /** Whether the order costs more than the balance. */
  get #tooDear() {
    // An order whose answer was lost may be paid already. Pressing again repeats it with the same key.
    return !this.#made && !this.#refusedOrder?.passing && this.plan !== null && this.plan.credits_cost > 0 && this.#price > this.plan.balance;
  }

  /** What the background lacks, in words; null: nothing. */
  get #lacks() {
    return this.#wanted.some((preset) => preset.scene_allowed) ? lacking(this.#studio.draft.ground) : null;
  }

  #notices(barred) {
    const { draft, several } = this.#studio;
    if (draft.forbidden) return [forbidden(this.#studio)];
    if (several.coming.length) return [this.#waiting(barred)];
    if (!this.#count) return [hint(this.#nothing())];
    if (this.#lacks) {
      const scene = html`<button class="link" onclick=${() => draft.change({ ground: USUAL.ground })}>use a scene</button>`;
      return [hint([`Background: ${this.#lacks} first, or `, scene, "."])];
    }
    if (this.refusal) return [bad(this.#refused())];
    const warned = (this.plan?.warnings ?? [])
      .filter(({ code }) => isShown(code) && code !== "insufficient_credits" && !(this.placeless && PLACELESS.includes(code)))
      .map(({ code, message }) => html`<p class="notice" data-code=${code}>${this.#warned(code, message)}</p>`);
    const left = several.in("blocked").length;
    if (left) warned.unshift(hint(`${counted(left, "photo")} can't be made like this, and ${left === 1 ? "is" : "are"} left out.`));
    if (this.#tooDear) {
      const have = `This costs ${credits(this.#price)}, and you have ${credits(this.plan.balance)}.`;
      warned.unshift(bad(`${have} Ask the person who set up Backdrop for more; your settings stay here.`));
    }
    return [...warned, this.#background()].filter(Boolean);
  }

  /** Say how many photos are still being prepared, and offer to order the others now. */
  #waiting(barred) {
    const { several } = this.#studio;
    const count = (state, words) => several.in(state).length && `${counted(several.in(state).length, "photo")} ${words}`;
    const parts = [count("uploading", "being uploaded"), count("cutting", "being cut out")];
    const others = this.#count === 1 ? "Make the one that is ready" : `Make the ${this.#count} that are ready`;
    const now = html`<button class="link" onclick=${() => this.#submit()}>${others}</button>`;
    return hint([`${parts.filter(Boolean).join(", ")}. `, !barred && !this.#busy && now]);
  }

  /** Return why there is nothing to order. */
  #nothing() {
    const { several, coming } = this.#studio;
    if (several.in("blocked").length) {
      const which = several.items.some(({ job }) => job) ? "The photos that are left can't" : "None of these photos can";
      return `${which} be made like this. Each photo shows what to do.`;
    }
    if (several.items.length) return "All pictures are ordered. Add photos, or clear the stage for new ones.";
    return coming ? "Uploading …" : "Add a photo first.";
  }

  #warned(code, message) {
    const { own_view: stance, changed } = this.plan.scene ?? {};
    if (code === "scene_unsuited" && changed) {
      const { draft, several } = this.#studio;
      const press = () => draft.change({ placement: { ...draft.placement, stance } });
      const own = html`<button class="link" onclick=${press}>Show the scene's own view</button>`;
      return [changed, " ", !several.items.length && own];
    }
    if (code === "scene_lacks") return message; // it names the things
    return WARNINGS[code]?.join(" ") ?? message;
  }

  /** Return a note on the background, if it is determined. */
  #background() {
    const { draft, looks } = this.#studio;
    const fresh = html`<button class="link" onclick=${() => draft.change({ seed: null })}>Use a new background</button>`;
    if (this.#made) {
      return hint(["You have ordered this picture. Opening it costs nothing. ", draft.seed !== null && fresh]);
    }
    if (draft.seed === null) {
      return this.plan?.brand && this.plan.seed !== null && hint("This brand has its own background.");
    }
    if (looks.chosen) return hint("You get the preview that you chose, in full size and without the watermark.");
    const looked = looks.items.some((item) => item.seed === draft.seed);
    const follows = looks.large !== null || looks.coming !== null;
    const kept = follows ? "You keep this background." : "You keep the background that you chose; the product has moved.";
    const words = looked ? kept : "You get the same background again.";
    return hint([words, " ", fresh]);
  }

  #refused() {
    const { refusal } = this;
    if (refusal.status === 404) return "The photo is no longer there. Drop it again.";
    const own = Object.values(USUAL).flatMap(Object.keys);
    const fields = ["scene_type", "mood", "dominant_colors", "colors_on", ...own];
    if (refusal.status === 422 && fields.some((field) => refusal.about(field))) {
      return "One of your choices above can't be used. The reason is shown there.";
    }
    return refusal.passing && refusal !== this.#refusedOrder ? lostWords(refusal) : refusal.message;
  }
}

const hint = (words) => html`<p class="notice hint">${words}</p>`;
const bad = (words) => html`<p class="notice bad" role="alert">${words}</p>`;

/** Return the conflict of channel and scene, with two ways out. */
function forbidden({ draft, catalogue }) {
  const sibling = catalogue.output_presets.find((item) => item.name === draft.preset.scene_sibling);
  const rule = draft.preset.background === "transparent" ? "has no background" : "takes pure white backgrounds only";
  const scene = titled(catalogue.scene_types, draft.scene_type);
  const use = (changes, words) =>
    html`<button class="button small" onclick=${() => draft.change(changes)}>Use ${words}</button>`;
  return html`
    <div class="notice bad" role="alert">
      <p><strong>${draft.preset.title}</strong> ${rule}. You can't use “${scene}” there.</p>
      <p class="row">
        ${use({ scene_type: "white" }, "pure white")}
        ${sibling && use({ output_preset: sibling.name }, sibling.title)}
      </p>
    </div>`;
}
