/**
 * Who is signed in: the key stays in this tab and goes with it.
 *
 * Tabs that are open at the same time share it, so that a second one need not ask; it is never written to the disk.
 */

const KEY = "backdrop-key";
/** Milliseconds in which another tab answers. */
const TABS_ANSWER = 200;

const tabs = new BroadcastChannel("backdrop");
/** The key is asked for anew: a promise of whether there is one now. */
let renewal = null;
let heard = () => {};

/** Fires `adopted` when the key is another tab's, `left` when another one signed out, `ordered` when one ordered. */
class Session extends EventTarget {
  /** How often this tab was signed out. */
  closings = 0;
  /** Asks the person for another key over the page; resolves when there is one, or they signed out. */
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

  /** Forget the key and all that the tab has kept beside it, here and in the other tabs. */
  close() {
    if (this.key) tabs.postMessage({ left: this.key });
    this.#forget();
  }

  /** Take the key of another tab that is open, if there is one. */
  shared() {
    return new Promise((resolve) => {
      heard = resolve;
      tabs.postMessage({ wanted: true });
      setTimeout(resolve, TABS_ANSWER);
    });
  }

  /** Return whether there is another key than the one that was refused; it is asked for, once for all requests. */
  async renewed(refused) {
    if (this.key === refused) await (renewal ??= this.askAgain().finally(() => (renewal = null)));
    return this.key !== null && this.key !== refused;
  }

  /** Let the other tabs know that credits were spent. */
  ordered() {
    tabs.postMessage({ ordered: this.key });
  }

  #forget() {
    this.closings += 1;
    sessionStorage.clear();
  }

  #heard({ key, before, wanted, left, ordered }) {
    if (wanted && this.key && !renewal) tabs.postMessage({ key: this.key });
    // A key in place of one that was refused is for the tabs that have that one.
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

/** Return what the tab has kept under a name, or null. */
export function kept(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

/** Keep something in the tab. What finds no room is not kept: the page works on without. */
export function keep(name, value) {
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
