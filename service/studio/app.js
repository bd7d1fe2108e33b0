/** The page: it shows one view and keeps the state that all views share. */

import { ask } from "./calls/api.js";
import { html, say } from "./page/dom.js";
import { Draft } from "./order/draft.js";
import { Header } from "./account/header.js";
import { Looks } from "./looks/looks.js";
import { Part, loadParts } from "./page/part.js";
import { Running } from "./calls/running.js";
import { session } from "./calls/session.js";
import { Several } from "./several/photos.js";
import { signInOver, signInView } from "./account/signin.js";
import { onReturn, persisted, wait } from "./calls/waiting.js";
import { lostWords } from "./page/words.js";

const PAGES = { "": "Studio", gallery: "Gallery", brands: "Brands", credits: "Credits", account: "Account" };
const TITLES = { ...PAGES, jobs: "Picture", sign: "Sign in" };
const VIEWS = {
  "": new Part("order/compose.js"),
  jobs: new Part("result/work.js"),
  gallery: new Part("result/gallery.js"),
  brands: new Part("account/brands.js"),
  credits: new Part("account/ledger.js"),
  account: new Part("account/account.js"),
};

/** Milliseconds from a view to the parts that it may need next: its own pictures and calls come first. */
const SETTLED = 500;

/** Passed to each view. */
const studio = {
  header: new Header(document.getElementById("header"), { pages: PAGES, signOut }),
  catalogue: null,
  thumbnails: {},
  brands: [],
  draft: null,
  several: null,
  looks: null,
  running: new Running(),
  /** The file that is being uploaded for the stage; null: none. */
  coming: null,
  go(place) {
    if (location.hash === `#/${place}`) show();
    else location.hash = `#/${place}`;
  },
  /** Read the balance and show it. */
  async counted() {
    const { balance } = await ask("/v1/credits");
    studio.header.balance = balance;
    return balance;
  },
  /** After an order: watch its jobs, whose credits may be refunded, and let other tabs do so. */
  async ordered() {
    session.ordered();
    await recount();
  },
};

/** Look for running jobs, then read the balance. A job that ends later updates it again. */
async function recount() {
  await studio.running.look();
  if (!session.key) return;
  await studio.counted().catch((error) => console.info(error));
}

const main = document.getElementById("main");
let leaving = new AbortController();

async function show() {
  const [, place, ...rest] = location.hash.replace(/\?.*/, "").split("/");
  const name = session.key ? (Object.hasOwn(VIEWS, place ?? "") ? (place ?? "") : "") : "sign";
  if (name === "sign" && main.dataset.view === name) return; // keep a key that is being typed
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  main.inert = true; // no handler works any more while the next view loads
  document.title = `${TITLES[name]} – Backdrop`;
  studio.header.show(session.key ? name : null);
  try {
    const lost = (refusal) => refusal && !signal.aborted && main.dataset.view !== "trouble" && stopped(refusal);
    const open = () => (session.key ? opened(name, rest[0], signal) : signInView(signedIn));
    const view = await persisted(open, { signal, lost });
    if (signal.aborted) return;
    put(view, name || "studio");
    scrollTo(0, 0);
    wait(SETTLED, signal).then(() => signal.aborted || loadParts());
    document.getElementById("key")?.focus({ preventScroll: true });
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    if (error.status === 401) return; // the session ended
    stopped(error);
  }
}

/** Errors have a view name of their own: under the view's name, the page would take the view as shown. */
function stopped(error) {
  put(trouble(error), "trouble");
}

function put(view, name) {
  main.replaceChildren(view);
  main.dataset.view = name;
  main.inert = false;
}

async function opened(name, argument, signal) {
  const [{ view }] = await Promise.all([VIEWS[name].get(), studio.draft ?? load()]);
  signal.throwIfAborted();
  return view(studio, argument, signal);
}

/** Load the data that all views need. Brands stay empty if this service has none. */
async function load() {
  const { closings } = session;
  const items = async (path) => (await ask(path)).items;
  const [scene_types, moods, output_presets, thumbnails, brands] = await Promise.all([
    items("/v1/scene-types"),
    items("/v1/moods"),
    items("/v1/output-presets"),
    ask("/studio/thumbnails").catch(() => ({})),
    items("/v1/brands").catch((error) => (error.passing || error.status === 401 ? Promise.reject(error) : [])),
    studio.counted(),
  ]);
  // If the person signed out meanwhile, discard the data: the next session may belong to another client.
  if (session.closings !== closings) throw new DOMException("Signed out.", "AbortError");
  Object.assign(studio, { catalogue: { scene_types, moods, output_presets }, thumbnails, brands });
  studio.draft = new Draft(studio.catalogue);
  studio.draft.brands = brands;
  studio.several = new Several(studio.draft);
  studio.looks = new Looks(studio.draft);
}

async function signedIn() {
  main.dataset.view = ""; // forces a new sign-in if the person signs out before the page loads
  const { closings } = session;
  await show();
  if (session.closings !== closings) return; // the sign-in is shown again
  main.focus({ preventScroll: true });
  say("You are signed in.");
}

function signOut() {
  studio.looks?.clear();
  studio.several?.clear(); // before the session closes: clearing writes to the tab's storage
  studio.running.stop();
  session.close();
  studio.draft = studio.several = studio.looks = studio.coming = null;
  studio.running.jobs = [];
  studio.header.balance = null;
  if (location.hash) history.replaceState(null, "", location.pathname);
  show();
}

function trouble(error) {
  console.info(error);
  const missing = error.status === 404;
  const again = html`<button class="button" onclick=${show}>Try again</button>`;
  return html`
    <section class="trouble">
      <h1>${missing ? "Not found" : "This did not work"}</h1>
      <p role="alert">${error.passing ? lostWords(error) : error.message}</p>
      <p>${missing ? html`<a class="button" href="#/">To the studio</a>` : again}</p>
    </section>`;
}

addEventListener("hashchange", show);
// Leaving would lose a photo that is being uploaded.
addEventListener("beforeunload", (event) => {
  if (studio.coming || studio.several?.in("uploading").length) event.preventDefault();
});
studio.running.addEventListener("ended", () => studio.counted().catch((error) => console.info(error)));
/** Called when another tab ordered, or when this page becomes visible again. */
const returned = () => studio.draft && recount();
onReturn(returned);
session.addEventListener("ordered", returned);
session.addEventListener("left", signOut);
session.addEventListener("adopted", () => main.dataset.view === "sign" && signedIn());
session.askAgain = () => signInOver(signOut);
if (!session.key) await session.shared();
show();
