/** Who is signed in: the key stays in this tab and goes with it. */

const KEY = "backdrop-key";

export const session = {
  get key() {
    return sessionStorage.getItem(KEY);
  },
  open(key) {
    sessionStorage.setItem(KEY, key);
  },
  /** Forget the key and all that the tab has kept beside it. */
  close() {
    sessionStorage.clear();
  },
};

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
