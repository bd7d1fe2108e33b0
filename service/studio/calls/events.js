/** Follows a job by its event stream. EventSource cannot send a key, so the page reads the stream with fetch. */

import { ask, send } from "./api.js";
import { backOff, onReturn, wait } from "./waiting.js";

/** Milliseconds of silence after which a stream is dead: the service sends a heartbeat every 15 s. */
const SILENCE = 20_000;
/** Milliseconds between polls without a stream. */
const ASK_EVERY = 1000;
/** Milliseconds to wait for an answer: a half-open connection may hang without an error. */
const PATIENCE = 8000;
/** Milliseconds to wait after a stream was refused: there are too many, or this service has none. */
const REFUSED = 30_000;

export const over = (job) => job.status === "SUCCESS" || job.status === "FAILURE";

/**
 * Report each state of a job to `seen` until the job is over. Polls when the stream fails.
 *
 * `seen` gets {status, stage, progress, attempt, queue_position, error, credits_refunded}. `lost` gets a Refusal while
 * the service is away, and null afterwards. Resolves when the job is over; rejects with a Refusal for an unknown job.
 */
export async function follow(jobId, seen, { signal, lost = () => {} }) {
  let last = null;
  let failures = 0;
  let done = false;
  let refusedUntil = 0;
  const report = (state, id = null) => {
    last = id ?? last;
    failures = 0;
    lost(null);
    seen(state);
    done = over(state);
    return done;
  };
  while (!signal.aborted) {
    if (Date.now() >= refusedUntil) {
      const refused = await stream(jobId, last, signal, report);
      if (refused) refusedUntil = Date.now() + REFUSED;
    }
    if (done || signal.aborted) return;
    try {
      const job = await ask(`/v1/jobs/${jobId}`, { signal, within: PATIENCE });
      if (report({ queue_position: null, ...job })) return;
    } catch (error) {
      if (signal.aborted) return;
      if (!error.passing) throw error;
      failures += 1;
      lost(error);
    }
    await wait(failures ? backOff(failures) : ASK_EVERY, signal);
  }
}

/** Read a stream until it ends, falls silent, or the page becomes visible again. Returns true if it was refused. */
async function stream(jobId, last, signal, report) {
  const closed = new AbortController();
  const close = () => closed.abort();
  let timer = setTimeout(close, SILENCE);
  onReturn(close, closed.signal);
  addEventListener("offline", close, { signal: closed.signal });
  signal.addEventListener("abort", close, { signal: closed.signal });
  const headers = { Accept: "text/event-stream", ...(last === null ? {} : { "Last-Event-ID": last }) };
  try {
    const answer = await send(`/v1/jobs/${jobId}/events`, { headers, signal: closed.signal });
    if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) return true;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return false;
      clearTimeout(timer);
      timer = setTimeout(close, SILENCE);
      const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop();
      for (const event of blocks.map(parsed)) {
        if (event.name === "job" && event.data && report(JSON.parse(event.data), event.id)) return false;
      }
    }
  } catch (error) {
    return Boolean(error.status);
  } finally {
    clearTimeout(timer);
    close();
  }
}

/** Return {name, id, data} of one block of a stream. */
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
