/** The page: which view is shown, and what all of them share. */

import { ask } from "./api.js";
import { h, say } from "./dom.js";
import { Draft } from "./draft.js";
import { composeView } from "./compose.js";
import { galleryView } from "./gallery.js";
import { brandsView } from "./brands_page.js";
import { Header } from "./header.js";
import { ledgerView } from "./ledger.js";
import { Looks } from "./looks/looks.js";
import { session } from "./session.js";
import { Several } from "./several.js";
import { signInView } from "./signin.js";
import { workView } from "./work.js";

const TITLES = {
  "": "Studio",
  gallery: "Gallery",
  brands: "Brands",
  credits: "Credits",
  jobs: "Picture",
  sign: "Sign in",
};
const VIEWS = { "": composeView, gallery: galleryView, brands: brandsView, credits: ledgerView, jobs: workView };

/** What the views are given: catalogue, thumbnails, draft, several photos, looks, header, and ways to go elsewhere. */
const studio = {
  header: new Header(document.getElementById("header"), { signOut }),
  catalogue: null,
  thumbnails: {},
  brands: [],
  draft: null,
  several: null,
  looks: null,
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
};

const main = document.getElementById("main");
let leaving = new AbortController();

async function show() {
  const [, place, ...rest] = location.hash.replace(/\?.*/, "").split("/");
  const name = session.key ? (Object.hasOwn(VIEWS, place ?? "") ? (place ?? "") : "") : "sign";
  if (name === "sign" && main.dataset.view === name) return; // a key that is being typed stays
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  document.title = `${TITLES[name]} – Backdrop`;
  studio.header.show(session.key ? name : null);
  try {
    const view = session.key ? await opened(name, rest[0], signal) : await signInView(studio, signedIn);
    if (signal.aborted) return;
    main.replaceChildren(view);
    main.dataset.view = name || "studio";
    scrollTo(0, 0);
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    if (error.status === 401) return; // the sign-in comes up by itself
    main.replaceChildren(trouble(error));
    main.dataset.view = "trouble"; // or the way back to the sign-in would take it for shown
  }
}

async function opened(name, argument, signal) {
  if (!studio.draft) await load();
  return VIEWS[name](studio, argument, signal);
}

/** Read what all views need; the brands only where this service has them. */
async function load() {
  const { key } = session;
  const items = async (path) => (await ask(path)).items;
  const [scene_types, moods, output_presets, thumbnails, brands] = await Promise.all([
    items("/v1/scene-types"),
    items("/v1/moods"),
    items("/v1/output-presets"),
    ask("/studio/thumbnails").catch(() => ({})),
    items("/v1/brands").catch((error) => (error.status === 401 ? Promise.reject(error) : [])),
    studio.counted(),
  ]);
  // Signed out meanwhile, perhaps in again as another: nothing of the first is kept.
  if (session.key !== key) throw new DOMException("Signed out.", "AbortError");
  Object.assign(studio, { catalogue: { scene_types, moods, output_presets }, thumbnails, brands });
  studio.draft = new Draft(studio.catalogue);
  studio.several = new Several();
  studio.looks = new Looks(studio.draft);
}

async function signedIn() {
  main.dataset.view = ""; // whoever signs out before the page is there gets the sign-in anew
  await show();
  main.focus({ preventScroll: true });
  say("You are signed in.");
}

function signOut(words) {
  studio.looks?.clear();
  studio.several?.clear(); // before the tab forgets: it keeps what changes
  session.close();
  studio.draft = studio.several = studio.looks = null;
  studio.header.balance = null;
  studio.notice = typeof words === "string" ? words : null;
  if (location.hash) history.replaceState(null, "", location.pathname);
  show();
}

function trouble(error) {
  console.info(error);
  const again = h("button", { class: "button", onclick: show }, "Try again");
  return h(
    "section",
    { class: "trouble" },
    h("h1", {}, error.status === 404 ? "There is nothing here" : "This did not work"),
    h("p", { role: "alert" }, error.message),
    h("p", {}, error.status === 404 ? h("a", { class: "button", href: "#/" }, "To the studio") : again),
  );
}

addEventListener("hashchange", show);
document.addEventListener("unknown-key", () => {
  if (session.key && studio.draft) signOut("Your key is no longer good. Sign in with the new one.");
});
show();
