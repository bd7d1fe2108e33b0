/** A job's life as it happens, by the event stream; EventSource sends no key, so it is read with fetch. */

import { ask, send } from "./api.js";
import { backOff, onReturn, wait } from "./waiting.js";

/** A stream that is silent longer than this is dead: it has a heartbeat every 15 s. */
const SILENCE = 20_000;
/** Between two questions where there is no stream. */
const ASK_EVERY = 1000;
/** A question without an answer counts as lost after this: the connection may be half open. */
const PATIENCE = 8000;
/** Until another stream is asked for where one was refused: there are too many, or this service has none. */
const REFUSED = 30_000;

export const over = (job) => job.status === "SUCCESS" || job.status === "FAILURE";

/**
 * Tell `seen` each state of a job until it is over, whatever becomes of the stream: beside it the job is asked for.
 *
 * `seen` gets {status, stage, progress, attempt, queue_position, error, credits_refunded}. `lost` hears the Refusal while
 * the service is away, and null when it is not. Resolves when the job is over; rejects with a Refusal for a job that is
 * not there.
 */
export async function follow(jobId, seen, { signal, lost = () => {} }) {
  let last = null;
  let failures = 0;
  let done = false;
  let refusedUntil = 0;
  const told = (state, id = null) => {
    last = id ?? last;
    failures = 0;
    lost(null);
    seen(state);
    done = over(state);
    return done;
  };
  while (!signal.aborted) {
    if (Date.now() >= refusedUntil) {
      const refused = await stream(jobId, last, signal, told);
      if (refused) refusedUntil = Date.now() + REFUSED;
    }
    if (done || signal.aborted) return;
    try {
      const job = await ask(`/v1/jobs/${jobId}`, { signal, within: PATIENCE });
      if (told({ queue_position: null, ...job })) return;
    } catch (error) {
      if (signal.aborted) return;
      if (!error.passing) throw error;
      failures += 1;
      lost(error);
    }
    await wait(failures ? backOff(failures) : ASK_EVERY, signal);
  }
}

/** Read one stream until it ends, falls silent, or the page comes back. Returns whether there was none to be had. */
async function stream(jobId, last, signal, told) {
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
        if (event.name === "job" && event.data && told(JSON.parse(event.data), event.id)) return false;
      }
    }
  } catch (error) {
    return Boolean(error.status);
  } finally {
    clearTimeout(timer);
    close();
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
