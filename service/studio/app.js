/** The page: which view is shown, and what all of them share. */

import { ask } from "./api.js";
import { html, say } from "./dom.js";
import { Draft } from "./draft.js";
import { composeView } from "./compose.js";
import { galleryView } from "./gallery.js";
import { brandsView } from "./brands_page.js";
import { Header } from "./header.js";
import { ledgerView } from "./ledger.js";
import { Looks } from "./looks/looks.js";
import { Running } from "./running.js";
import { session } from "./session.js";
import { Several } from "./several.js";
import { signInOver, signInView } from "./signin.js";
import { onReturn, persisted } from "./waiting.js";
import { lostWords } from "./words.js";
import { workView } from "./work.js";

const PAGES = { "": "Studio", gallery: "Gallery", brands: "Brands", credits: "Credits" };
const TITLES = { ...PAGES, jobs: "Picture", sign: "Sign in" };
const VIEWS = { "": composeView, gallery: galleryView, brands: brandsView, credits: ledgerView, jobs: workView };

/** What the views are given: catalogue, thumbnails, draft, several photos, looks, header, and ways to go elsewhere. */
const studio = {
  header: new Header(document.getElementById("header"), { pages: PAGES, signOut }),
  catalogue: null,
  thumbnails: {},
  brands: [],
  draft: null,
  several: null,
  looks: null,
  running: new Running(),
  /** The file that is on its way to the stage; null: none is. */
  coming: null,
  go(place) {
    if (location.hash === `#/${place}`) show();
    else location.hash = `#/${place}`;
  },
  /** Read the balance again, and show it. */
  async counted() {
    const { balance } = await ask("/v1/credits");
    studio.header.balance = balance;
    return balance;
  },
  /** Something was ordered: follow it, for its credits may come back, and let the other tabs do so. */
  async ordered() {
    session.ordered();
    await recount();
  },
};

/** Look what is being made, then what is left: a job that ends later is counted when it does. */
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
  if (name === "sign" && main.dataset.view === name) return; // a key that is being typed stays
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  main.inert = true; // what is left can't be used while the next view loads: nobody listens any more
  document.title = `${TITLES[name]} – Backdrop`;
  studio.header.show(session.key ? name : null);
  try {
    const lost = (refusal) => refusal && !signal.aborted && main.dataset.view !== "trouble" && stopped(refusal);
    const open = () => (session.key ? opened(name, rest[0], signal) : signInView(signedIn));
    const view = await persisted(open, { signal, lost });
    if (signal.aborted) return;
    put(view, name || "studio");
    scrollTo(0, 0);
    document.getElementById("key")?.focus({ preventScroll: true });
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    if (error.status === 401) return; // signed out
    stopped(error);
  }
}

/** Under a name of its own, trouble too: the way back to the sign-in would take it for shown. */
function stopped(error) {
  put(trouble(error), "trouble");
}

function put(view, name) {
  main.replaceChildren(view);
  main.dataset.view = name;
  main.inert = false;
}

async function opened(name, argument, signal) {
  if (!studio.draft) await load();
  return VIEWS[name](studio, argument, signal);
}

/** Read what all views need; the brands only where this service has them. */
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
  // Signed out meanwhile, perhaps in again as another: nothing of the first is kept.
  if (session.closings !== closings) throw new DOMException("Signed out.", "AbortError");
  Object.assign(studio, { catalogue: { scene_types, moods, output_presets }, thumbnails, brands });
  studio.draft = new Draft(studio.catalogue);
  studio.several = new Several(studio.draft);
  studio.looks = new Looks(studio.draft);
}

async function signedIn() {
  main.dataset.view = ""; // signed out before the page is there, the sign-in comes anew
  const { closings } = session;
  await show();
  if (session.closings !== closings) return; // the sign-in is shown again
  main.focus({ preventScroll: true });
  say("You are signed in.");
}

function signOut() {
  studio.looks?.clear();
  studio.several?.clear(); // before the tab forgets: it keeps what changes
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
// A photo on its way into the store would be lost.
addEventListener("beforeunload", (event) => {
  if (studio.coming || studio.several?.in("uploading").length) event.preventDefault();
});
studio.running.addEventListener("ended", () => studio.counted().catch((error) => console.info(error)));
/** Another tab ordered, or this one is looked at again. */
const returned = () => studio.draft && recount();
onReturn(returned);
session.addEventListener("ordered", returned);
session.addEventListener("left", signOut);
session.addEventListener("adopted", () => main.dataset.view === "sign" && signedIn());
session.askAgain = () => signInOver(signOut);
if (!session.key) await session.shared();
show();
