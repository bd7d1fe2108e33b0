/** What fails for a while is tried again: after some time, or at once when there is a reason to believe that it works. */

/** Milliseconds until the next try, after one failure, two, and so on; the last from then on. */
const AGAIN = [1000, 2000, 4000, 8000];

export const backOff = (failures) => AGAIN[Math.min(failures, AGAIN.length) - 1];

/** Call `heard` when the network is back, and when the page is looked at again, until `signal`; without one, always. */
export function onReturn(heard, signal) {
  addEventListener("online", heard, { signal });
  document.addEventListener("visibilitychange", () => document.hidden || heard(), { signal });
}

/** Wait so many milliseconds, or until `onReturn`, or until `signal`. */
export function wait(time, signal) {
  return new Promise((resolve) => {
    const over = new AbortController();
    const end = () => (clearTimeout(timer), over.abort(), resolve());
    const timer = setTimeout(end, time);
    onReturn(end, over.signal);
    signal?.addEventListener("abort", end, { signal: over.signal });
    if (signal?.aborted) end();
  });
}

/**
 * Do something, again and again while the service is away, and return what comes of it.
 *
 * `lost` hears each refusal that may be over in a moment, and null at the end. Throws any other, and an AbortError where
 * the signal says so.
 */
export async function persisted(work, { signal, lost }) {
  for (let failures = 1; ; failures++) {
    try {
      const made = await work();
      lost(null);
      return made;
    } catch (error) {
      if (signal.aborted || !error.passing) throw error;
      lost(error);
      await wait(Math.max(backOff(failures), 1000 * error.retryAfter), signal);
      signal.throwIfAborted();
    }
  }
}
