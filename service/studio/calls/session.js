/**
 * The session: the API key stays in this tab's session storage and goes with the tab.
 *
 * Open tabs share the key, so that a second tab need not ask for it. It is never written to local storage.
 */

const KEY = "backdrop-key";
/** Milliseconds to wait for another tab's answer. */
const TABS_ANSWER = 200;

const tabs = new BroadcastChannel("backdrop");
/** A promise that resolves when the person has entered another key or signed out; null: not asking. */
let renewal = null;
let heard = () => {};

/** Fires `adopted` for another tab's key, `left` when another tab signed out, `ordered` when another tab ordered. */
class Session extends EventTarget {
  /** Number of sign-outs in this tab. */
  closings = 0;
  /** Ask the person for another key over the page. Resolves when there is a key, or after signing out. */
  askAgain = async () => {};

  constructor() {
    super();
    tabs.addEventListener("message", ({ data }) => this.#heard(data));
  }

  get key() {
    return sessionStorage.getItem(KEY);
  }

  open(key) {
    const before = this.key;
    sessionStorage.setItem(KEY, key);
    tabs.postMessage({ key, before });
  }

  /** Delete the key and all that this tab stored, and sign out the other tabs with the same key. */
  close() {
    if (this.key) tabs.postMessage({ left: this.key });
    this.#forget();
  }

  /** Take the key of another open tab, if there is one. */
  shared() {
    return new Promise((resolve) => {
      heard = resolve;
      tabs.postMessage({ wanted: true });
      setTimeout(resolve, TABS_ANSWER);
    });
  }

  /** Return whether there is another key than the refused one. Asks once for all requests. */
  async renewed(refused) {
    if (this.key === refused) await (renewal ??= this.askAgain().finally(() => (renewal = null)));
    return this.key !== null && this.key !== refused;
  }

  /** Report to the other tabs that credits were spent. */
  ordered() {
    tabs.postMessage({ ordered: this.key });
  }

  #forget() {
    this.closings += 1;
    sessionStorage.clear();
  }

  #heard({ key, before, wanted, left, ordered }) {
    if (wanted && this.key && !renewal) tabs.postMessage({ key: this.key });
    // A new key replaces only the refused key that it was entered for.
    if (key && (this.key === null || this.key === before)) {
      sessionStorage.setItem(KEY, key);
      heard();
      this.dispatchEvent(new Event("adopted"));
    }
    if (left && left === this.key) {
      this.#forget();
      this.dispatchEvent(new Event("left"));
    }
    if (ordered && ordered === this.key) this.dispatchEvent(new Event("ordered"));
  }
}

export const session = new Session();

/** Return a value from the tab's storage, or null. */
export function kept(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

/** Store a value in the tab; null deletes it. Returns whether it was stored: storage may be full. */
export function keep(name, value) {
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
