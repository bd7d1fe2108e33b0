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
    /** Seconds after which it may be asked again; null: not told. */
    this.retryAfter = retryAfter;
  }

  /** The words about one field of the body, or null. */
  about(name) {
    const found = this.fields.filter((one) => one.loc[0] === "body" && one.loc.includes(name));
    return found.length ? found.map((one) => sentence(one.msg)).join(" ") : null;
  }
}

const AWAY = "The service does not answer. Check the connection; nothing is lost, and this page tries again.";

/** GET, or another method with a JSON body. Returns the answer's JSON; throws Refusal. */
export async function ask(path, { method = "GET", body, headers = {}, signal } = {}) {
  const answer = await send(path, { method, body, headers, signal });
  return answer.status === 204 ? null : answer.json();
}

/** The same, for those who read the answer themselves; a Blob as the body goes as it is. */
export async function send(path, { method = "GET", body, headers = {}, signal, cache = "no-store" } = {}) {
  const sent = { Accept: "application/json", ...headers };
  if (session.key) sent.Authorization = `Bearer ${session.key}`;
  const file = body instanceof Blob;
  if (body !== undefined) sent["Content-Type"] = file ? body.type : "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: sent,
      body: file ? body : body && JSON.stringify(body),
      signal,
      cache,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "unreachable", AWAY);
  }
  if (answer.ok) return answer;
  throw await refusal(answer);
}

async function refusal(answer) {
  let told = {};
  try {
    told = await answer.json();
  } catch {
    // a proxy's page, or nothing
  }
  const refused = Array.isArray(told.detail)
    ? new Refusal(
        answer.status,
        told.detail[0]?.type ?? "invalid",
        told.detail.map((one) => sentence(one.msg)).join(" "),
        told.detail,
      )
    : new Refusal(
        answer.status,
        told.code ?? "refused",
        told.detail ?? `The service answered ${answer.status}.`,
        [],
        Number(answer.headers.get("retry-after")) || null,
      );
  // The key is good where changes have to be signed: this page can't, and says so in the answer's words.
  if (answer.status === 401 && refused.code !== "signature_required")
    document.dispatchEvent(new CustomEvent("unknown-key"));
  return refused;
}

/** PUT a file where an upload said. `onShare` hears 0 to 1. Throws Refusal. */
export function put(upload, file, onShare) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not tell how far an upload is
    request.open(upload.method, upload.url);
    for (const [name, value] of Object.entries(upload.headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener(
      "progress",
      (event) => event.lengthComputable && onShare(event.loaded / event.total),
    );
    request.addEventListener("load", () => {
      if (request.status < 300) return resolve();
      const words =
        request.status === 413 ? "The photo weighs more than is taken here." : `The store answered ${request.status}.`;
      return reject(new Refusal(request.status, "upload_refused", `${words} The photo was not uploaded.`));
    });
    request.addEventListener("error", () =>
      reject(new Refusal(0, "unreachable", "The store does not answer. The photo was not uploaded.")),
    );
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
