/** The API as the page calls it. */

import { session } from "./session.js";

/** What was refused, and why, in words that can be shown. */
export class Refusal extends Error {
  constructor(status, code, message, fields = [], retryAfter = null) {
    super(message);
    /** 0 where no answer came. */
    this.status = status;
    this.code = code;
    /** What is wrong by field: [{loc, msg, type}]. */
    this.fields = fields;
    /** Seconds after which it may be asked again; null: unknown. */
    this.retryAfter = retryAfter;
  }

  /** Whether it may be over in a moment: no answer, too many at once, or trouble on the other side. */
  get passing() {
    return this.status === 0 || this.status === 409 || this.status === 429 || this.status >= 500;
  }

  /** The words about one field of the body or the query, or null. */
  about(name) {
    const found = this.fields.filter((one) => one.loc.includes(name));
    return found.length ? found.map((one) => sentence(one.msg)).join(" ") : null;
  }
}

const AWAY = "The service does not answer. Check the connection. Nothing is lost.";
/** Milliseconds after which a question without an answer counts as lost: the connection may be half open. */
const PATIENCE = 20_000;
/** And an upload that stands still. */
const STALLED = 30_000;

/** GET, or another method with a JSON body. Returns the answer's JSON; throws Refusal. Options as those of `send`. */
export async function ask(path, { method = "GET", within = method === "GET" ? PATIENCE : null, ...options } = {}) {
  const answer = await send(path, { method, within, ...options });
  try {
    return answer.status === 204 ? null : await answer.json();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refusal(0, "unreachable", AWAY); // cut off halfway
  }
}

/**
 * The same, for those who read the answer themselves; a Blob as the body goes as it is.
 *
 * `within`: milliseconds that it may take. `key`: one that is tried; without, it is the session's, and when that one is
 * refused, the request goes out once more with the key that the person gives then.
 */
export async function send(path, options = {}) {
  const { method = "GET", body, headers = {}, signal, cache = "no-store", within = null } = options;
  const key = options.key ?? session.key;
  const sent = { Accept: "application/json", ...headers };
  if (key) sent.Authorization = `Bearer ${key}`;
  const ends = [signal, within && AbortSignal.timeout(within)].filter(Boolean);
  const file = body instanceof Blob;
  if (body !== undefined) sent["Content-Type"] = file ? body.type : "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: sent,
      body: file ? body : body && JSON.stringify(body),
      signal: AbortSignal.any(ends),
      cache,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, "unreachable", AWAY);
  }
  if (answer.ok) return answer;
  const refused = await refusal(answer);
  // Where changes have to be signed the key is good: this page can't sign, and says so in the answer's words.
  const unknown = refused.status === 401 && refused.code !== "signature_required";
  if (unknown && key && !options.key && (await session.renewed(key))) {
    signal?.throwIfAborted();
    return send(path, options);
  }
  throw refused;
}

async function refusal(answer) {
  const { status, headers } = answer;
  // A proxy answers with a page, or with nothing.
  const { code = "refused", detail = `The service answered ${status}.` } = (await answer.json().catch(() => null)) ?? {};
  if (Array.isArray(detail)) {
    return new Refusal(status, detail[0]?.type ?? "invalid", detail.map(({ msg }) => sentence(msg)).join(" "), detail);
  }
  return new Refusal(status, code, detail, [], Number(headers.get("retry-after")) || null);
}

/** PUT a file where an upload said. `onShare` hears 0 to 1. Throws Refusal, or why `signal` was aborted. */
export function put(upload, file, onShare, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not say how far an upload is
    const away = () => reject(new Refusal(0, "unreachable", "The storage does not answer. The photo was not uploaded."));
    let timer;
    const moved = () => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), STALLED);
    };
    signal.addEventListener("abort", () => (request.abort(), reject(signal.reason)), { once: true });
    request.open(upload.method, upload.url);
    for (const [name, value] of Object.entries(upload.headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ lengthComputable, loaded, total }) => {
      moved();
      if (lengthComputable) onShare(loaded / total);
    });
    request.addEventListener("load", () => {
      if (request.status < 300) return resolve();
      const words = request.status === 413 ? "The photo is too large." : `The storage answered ${request.status}.`;
      return reject(new Refusal(request.status, "upload_refused", `${words} The photo was not uploaded.`));
    });
    request.addEventListener("error", away);
    request.addEventListener("abort", away);
    request.addEventListener("loadend", () => clearTimeout(timer));
    moved();
    request.send(file);
  });
}

/** A name for a request, so that it counts once however often it is sent. Not randomUUID: that needs https. */
export function requestKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function sentence(words) {
  const text = words.replace(/^Value error, /, "");
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
