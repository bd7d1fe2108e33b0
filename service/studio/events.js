/** A job's life as it happens, by the event stream; EventSource sends no key, so it is read with fetch. */

import { ask, send } from "./api.js";

/** A stream that is silent longer than this is dead: it has a heartbeat every 15 s. */
const SILENCE = 40_000;
/** Between two questions where there is no stream. */
const ASK_EVERY = 500;
const WAITS = [250, 1000, 2000, 5000];

export const over = (job) => job.status === "SUCCESS" || job.status === "FAILURE";

/**
 * Tell `seen` each state of a job until it is over, through lost connections.
 *
 * `seen` gets {status, stage, progress, attempt, queue_position, error, credits_refunded}. `lost` hears whether the
 * service is away. Resolves when the job is over; rejects with a Refusal for a job that is not there.
 */
export async function follow(jobId, seen, { signal, lost = () => {} }) {
  let last = null;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const streamed = await stream(jobId, last, signal, (state, id) => {
        last = id ?? last;
        failures = 0;
        lost(false);
        seen(state);
        return over(state);
      });
      if (streamed === "over") return;
      if (streamed === "none") return await poll(jobId, seen, { signal, lost });
      await pause(WAITS[0], signal); // cut: the service was stopped, or a proxy had enough
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) throw error;
      lost(true);
      await pause(WAITS[Math.min(failures++, WAITS.length - 1)], signal);
    }
  }
}

/** Read one connection; "over", "cut", or "none" where the service has no such stream. */
async function stream(jobId, last, signal, seen) {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE);
  const headers = { Accept: "text/event-stream", ...(last === null ? {} : { "Last-Event-ID": last }) };
  let answer;
  try {
    answer = await send(`/v1/jobs/${jobId}/events`, { headers, signal: AbortSignal.any([signal, silence.signal]) });
    if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) return "none";
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "cut";
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE);
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop();
      for (const event of blocks.map(parsed)) {
        if (event.name !== "job" || !event.data) continue;
        if (seen(JSON.parse(event.data), event.id)) {
          reader.cancel().catch(() => {});
          return "over";
        }
      }
    }
  } catch (error) {
    if ([404, 405, 406, 429].includes(error.status)) return "none"; // asking tells what is missing
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Return name, id and data of one block of a stream. */
export function parsed(block) {
  const event = { name: "message", id: null, data: "" };
  for (const line of block.split("\n")) {
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === "event") event.name = value;
    else if (field === "id") event.id = value;
    else if (field === "data") event.data += (event.data && "\n") + value;
  }
  return event;
}

async function poll(jobId, seen, { signal, lost }) {
  while (!signal.aborted) {
    try {
      const job = await ask(`/v1/jobs/${jobId}`, { signal });
      lost(false);
      seen({ queue_position: null, ...job });
      if (over(job)) return;
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 404 || error.status === 401) throw error;
      lost(true);
    }
    await pause(ASK_EVERY, signal);
  }
}

function pause(time, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, time);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
