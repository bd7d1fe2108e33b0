/** Retries after temporary failures: with back-off, or at once when the network or the page returns. */

/** Milliseconds until the next try by number of failures; the last value repeats. */
const AGAIN = [1000, 2000, 4000, 8000];

/** Call `heard` when the network is back and when the page becomes visible, until `signal` is aborted, if given. */
export function onReturn(heard, signal) {
  addEventListener("online", heard, { signal });
  document.addEventListener("visibilitychange", () => document.hidden || heard(), { signal });
}

/** Wait for `time` milliseconds, until `onReturn` fires, or until `signal` is aborted. */
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
 * Run `work` until it succeeds and return its result, with retries while the service is away.
 *
 * `lost` gets each temporary Refusal, and null at the end. Throws any other error, and AbortError if `signal` is
 * aborted.
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
      const pause = AGAIN[Math.min(failures, AGAIN.length) - 1];
      await wait(Math.max(pause, 1000 * error.retryAfter), signal);
      signal.throwIfAborted();
    }
  }
}

/** Do `work` every `time` milliseconds while `goes()`, with retries. Ends when `signal` is aborted. Throws as `persisted`. */
export async function repeated(work, time, goes, { signal, lost }) {
  while (goes()) {
    await wait(time, signal);
    if (signal.aborted) return;
    await persisted(work, { signal, lost }).catch((error) => signal.aborted || Promise.reject(error));
  }
}
