/** The pictures that are being made now, whichever tab or program ordered them. */

import { ask } from "./api.js";

const ASK_EVERY = 2000;

/** Fires `change`, and `ended` when one of them is over: its credits may have come back. */
export class Running extends EventTarget {
  jobs = [];
  #timer = null;
  #looking = null;

  /** Look now, and from then on until none is left, or nobody sees the page. */
  async look() {
    this.stop();
    const { signal } = (this.#looking = new AbortController());
    let again = 5 * ASK_EVERY;
    try {
      const pages = await Promise.all(
        ["IN_PROGRESS", "NOT_STARTED"].map((status) =>
          ask(`/v1/jobs?operation=swap&status=${status}&limit=5`, { signal }),
        ),
      );
      const before = this.jobs;
      this.jobs = pages.flatMap((page) => page.items).filter((job) => job.output_preset);
      again = this.jobs.length ? ASK_EVERY : null;
      const now = new Set(this.jobs.map((job) => job.job_id));
      this.dispatchEvent(new Event("change"));
      if (before.some((job) => !now.has(job.job_id))) this.dispatchEvent(new Event("ended"));
    } catch (error) {
      if (signal.aborted) return;
      console.info(error);
    }
    if (again !== null && !signal.aborted && !document.hidden) this.#timer = setTimeout(() => this.look(), again);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#looking?.abort();
  }
}
