/** Follows a job to its end. */

import { ask } from "./api.js";
import { persisted, wait } from "./waiting.js";

const ASK_EVERY = 500;
/** Milliseconds to wait for an answer: a half-open connection may hang without an error. */
const PATIENCE = 8000;

export const over = (job) => job.status === "SUCCESS" || job.status === "FAILURE";

/**
 * Report each state of a job to `seen` until the job is over, and return it. Returns at once if `signal` is aborted.
 *
 * `lost` gets a Refusal while the service is away, and null afterwards. Throws the Refusal of an unknown job.
 */
export async function follow(jobId, seen, { signal, lost = () => {} }) {
  const look = () => ask(`/v1/jobs/${jobId}`, { signal, within: PATIENCE });
  while (!signal.aborted) {
    const job = await persisted(look, { signal, lost }).catch((error) => signal.aborted || Promise.reject(error));
    if (signal.aborted) return null;
    seen(job);
    if (over(job)) return job;
    await wait(ASK_EVERY, signal);
  }
  return null;
}
