/** Calls to the API. */

import { session } from "./session.js";

/** An error from the API or the storage. Its message can be shown to people. */
export class Refusal extends Error {
  constructor(status, code, message, fields = [], retryAfter = null) {
    super(message);
    /** The HTTP status; 0 if no answer came. */
    this.status = status;
    this.code = code;
    /** Errors by field: [{loc, msg, type}]. */
    this.fields = fields;
    /** Seconds to wait before the next try; null: unknown. */
    this.retryAfter = retryAfter;
  }

  /** Whether a retry may succeed: no answer, too many requests, or a fault of the service. */
  get passing() {
    return this.status === 0 || this.status === 409 || this.status === 429 || this.status >= 500;
  }

  /** Return the messages about one field of the body or the query, or null. */
  about(name) {
    const part = (one) => String(one).split(/[[.]/)[0] === name; // layers[0].size is about layers
    const found = this.fields.filter(({ loc }) => loc.some(part));
    return found.length ? found.map((one) => sentence(one.msg)).join(" ") : null;
  }
}

/** Return the error of a call that got no answer. */
export const unreachable = () =>
  new Refusal(0, "unreachable", "The service does not answer. Check the connection. Nothing is lost.");
/** Milliseconds to wait for an answer: a half-open connection may hang without an error. */
export const PATIENCE = 20_000;
/** Milliseconds without progress after which an upload is aborted. */
const STALLED = 30_000;

/**
 * Send a request with an optional JSON body and return the answer's JSON. Throws Refusal. Takes the options of `send`.
 */
export async function ask(path, { method = "GET", within = method === "GET" ? PATIENCE : null, ...options } = {}) {
  const answer = await send(path, { method, within, ...options });
  try {
    return answer.status === 204 ? null : await answer.json();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw unreachable(); // cut off halfway
  }
}

/**
 * Send a request and return the Response. A Blob as the body is sent unchanged. Throws Refusal.
 *
 * `within`: timeout in milliseconds. `key`: the API key to use instead of the session's. If the service refuses the
 * session's key, the page asks for another one and sends the request again.
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
    throw unreachable();
  }
  if (answer.ok) return answer;
  const refused = await refusal(answer);
  // With signature_required the key is valid, but this page cannot sign requests. The answer says so.
  const unknown = refused.status === 401 && refused.code !== "signature_required";
  if (unknown && key && !options.key && (await session.renewed(key))) {
    signal?.throwIfAborted();
    return send(path, options);
  }
  throw refused;
}

async function refusal(answer) {
  const { status, headers } = answer;
  // A proxy may answer with HTML or an empty body.
  const { code = "refused", detail = `The service answered ${status}.` } = (await answer.json().catch(() => null)) ?? {};
  if (Array.isArray(detail)) {
    return new Refusal(status, detail[0]?.type ?? "invalid", detail.map(({ msg }) => sentence(msg)).join(" "), detail);
  }
  return new Refusal(status, code, detail, [], Number(headers.get("retry-after")) || null);
}

/**
 * Upload a file by PUT. `onShare` gets the progress, 0 to 1. Throws Refusal, or the reason why `signal` was aborted.
 */
export function put(upload, file, onShare, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not report upload progress
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

/** Return a random idempotency key. randomUUID would need https. */
export function requestKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function sentence(words) {
  const text = words.replace(/^Value error, /, "");
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
