/** The account page: keys, the webhook with its deliveries, and this month's usage. */

import { ask } from "../calls/api.js";
import { wait } from "../calls/waiting.js";
import { attempt, confirmed } from "../page/confirm.js";
import { fill, html, say, styled } from "../page/dom.js";
import { counted, credits, titled, when } from "../page/words.js";

/** Milliseconds between two looks at a message that Backdrop is sending. */
const ASK_EVERY = 2000;
const DELIVERIES = "/v1/webhook/deliveries";

export async function view({ catalogue }, _, signal) {
  const parts = await Promise.all([keys(signal), webhook(signal), usage(catalogue, signal)]);
  return html`
    <div class="sheet-page narrow">
      <div class="page-head"><h1>Account</h1><a class="button small" href="/verify">Check a picture's origin</a></div>
      ${parts}
    </div>`;
}

const part = (id, title, ...children) => html`
  <section class="account-part" aria-labelledby=${id}><h2 id=${id}>${title}</h2>${children}</section>`;

/** Return a field whose refusals are shown below it: {input, error, rows}. */
function field(id, label, button, placeholder = null) {
  const error = html`<p class="error" id="${id}-error" role="alert"></p>`;
  const input = html`
    <input id=${id} class="text" placeholder=${placeholder} autocomplete="off" spellcheck="false"
      aria-describedby="${id}-error" />`;
  const row = html`<div class="row">${input}<button class="button" type="submit">${button}</button></div>`;
  return { input, error, rows: [html`<label class="label" for=${id}>${label}</label>`, row, error] };
}

/** Show a secret in `place`, once. */
function reveal(place, words, secret) {
  const text = html`<input class="text" readonly value=${secret} aria-label=${words} />`;
  // Without https a page may not write to the clipboard: the selected text can be copied by hand.
  const copy = async () => {
    text.select();
    await navigator.clipboard?.writeText(secret);
    say("Copied.");
  };
  const button = html`<button class="button" type="button" onclick=${copy}>Copy</button>`;
  const once = html`<p>${words} Copy it now: it is shown only this once.</p>`;
  fill(place, html`<div class="notice">${once}<div class="row">${text}${button}</div></div>`);
  button.focus();
}

async function keys(signal) {
  const list = html`<ul class="rows"></ul>`;
  const once = html`<div></div>`;
  const { input, error, rows } = field("key-name", "Name of a new key", "Create a key");
  await load();
  return part("keys", "Keys", list, html`<form novalidate onsubmit=${create}>${rows}</form>`, once);

  async function load() {
    fill(list, (await ask("/v1/keys", { signal })).items.map(row));
  }

  function row(key) {
    const called = key.name ?? "Key without a name";
    const until = key.expires_at && `works until ${when(key.expires_at)}`;
    const facts = [`created ${when(key.created_at)}`, until, key.current && "you are signed in with it"];
    const own = key.current ? "You are signed in with it, so you then need another one. " : "";
    const remove = async () => {
      const words = `Delete “${called}”? ${own}Programs that use it stop working.`;
      if (!(await confirmed(words, "Delete the key"))) return;
      await attempt(error, "The key is deleted.", async () => {
        await ask(`/v1/keys/${key.id}`, { method: "DELETE" });
        input.focus();
        await load();
      });
    };
    return html`
      <li>
        <div><strong>${called}</strong><p class="hint">${facts.filter(Boolean).join("  ·  ")}</p></div>
        <button class="button small" aria-label="Delete ${called}" onclick=${remove}>Delete</button>
      </li>`;
  }

  function create(event) {
    event.preventDefault();
    return attempt(error, "The key is created.", async () => {
      const { key } = await ask("/v1/keys", { method: "POST", body: { name: input.value.trim() || null } });
      input.value = "";
      reveal(once, "Your new key.", key);
      await load();
    });
  }
}

async function webhook(signal) {
  const once = html`<div></div>`;
  const list = html`<ul class="rows"></ul>`;
  const { input, error, rows } = field("webhook-url", "URL", "Save", "https://shop.example/hooks");
  const act = (words, work) => () => attempt(error, words, async () => (await work(), await load()));
  const post = (path) => ask(path, { method: "POST" });
  const test = act("The test is on its way.", () => post("/v1/webhook/test"));
  const renew = act("There is a new secret. The previous one also signs for 24 hours.", async () => {
    reveal(once, "The new secret.", (await post("/v1/webhook/secret")).secret);
  });
  const remove = act("The webhook is removed.", async () => {
    await ask("/v1/webhook", { method: "DELETE" });
    input.value = "";
    input.focus();
    fill(once);
  });
  const question = "Remove the webhook? Messages that wait for it are dropped.";
  const asked = async () => (await confirmed(question, "Remove it")) && remove();
  const acts = html`
    <div class="row">
      <button class="button small" type="button" onclick=${test}>Send a test</button>
      <button class="button small" type="button" onclick=${renew}>New secret</button>
      <button class="button small" type="button" onclick=${asked}>Remove …</button>
    </div>`;
  const gone = html`<p class="notice">It answered 410 Gone, so Backdrop stopped. Save it to start again.</p>`;
  let looking = new AbortController();
  signal.addEventListener("abort", () => looking.abort());
  await load();
  const about = html`<p class="hint">Backdrop reports the end of each job and order to this URL.</p>`;
  const form = html`<form novalidate onsubmit=${save}>${rows}${gone}${acts}</form>`;
  return part("webhook", "Webhook", about, form, once, list);

  async function load() {
    const missing = (refused) => (refused.status === 404 ? null : Promise.reject(refused));
    const hook = await ask("/v1/webhook", { signal }).catch(missing);
    if (hook) input.value = hook.url;
    acts.hidden = !hook;
    gone.hidden = !hook?.disabled_at;
    await look();
  }

  /** Show the latest deliveries, and look again while one is under way. */
  async function look() {
    looking.abort();
    const mine = (looking = new AbortController()).signal;
    const { items } = await ask(`${DELIVERIES}?limit=20`, { signal });
    if (mine.aborted || signal.aborted) return;
    const at = [...list.children].findIndex((one) => one.contains(document.activeElement));
    fill(list, items.map(row));
    list.children[at]?.querySelector("button").focus();
    if (!items.some(({ state }) => state === "waiting")) return;
    wait(ASK_EVERY, mine).then(() => mine.aborted || look().catch(console.info));
  }

  function row({ id, type, job_id: job, state, last_status: status, last_error: why, created_at: at }) {
    const again = act("The message is on its way again.", () => post(`${DELIVERIES}/${id}/redeliver`));
    const facts = [when(at), state, status ? `answered ${status}` : why].filter(Boolean).join("  ·  ");
    return html`
      <li data-state=${state}>
        <div>${job ? html`<a href="#/jobs/${job}">${type}</a>` : type}<p class="hint">${facts}</p></div>
        <button class="button small" aria-label="Send again: ${type}, ${when(at)}" onclick=${again}>Send again</button>
      </li>`;
  }

  function save(event) {
    event.preventDefault();
    return act("The webhook is saved.", async () => {
      const { secret } = await ask("/v1/webhook", { method: "PUT", body: { url: input.value.trim() } });
      if (secret) reveal(once, "The secret that signs the messages.", secret);
    })();
  }
}

async function usage({ output_presets }, signal) {
  const first = `${new Date().toISOString().slice(0, 7)}-01`; // the service counts in UTC
  const error = html`<p class="error" role="alert"></p>`;
  const words = html`<p class="hint"></p>`;
  const body = html`<tbody></tbody>`;
  const by = html`
    <select id="usage-by" class="text" onchange=${() => attempt(error, "", load)}>
      <option value="day">By day</option><option value="preset">By sales channel</option>
    </select>`;
  const label = html`<label class="unseen" for="usage-by">Usage</label>`;
  const heads = [[label, by], "Pictures", "Credits"].map((one) => html`<th scope="col">${one}</th>`);
  const table = html`<table class="ledger usage"><thead><tr>${heads}</tr></thead>${body}</table>`;
  await attempt(error, "", load);
  return part("usage", "Usage this month", words, error, table);

  async function load() {
    const { rows, totals } = await ask(`/v1/usage?from=${first}&by=${by.value}`, { signal });
    const paid = rows.filter((row) => row.ordered || row.credits_net);
    const most = Math.max(1, ...paid.map((row) => row.credits_net));
    const called = (key) =>
      by.value === "day" ? when(`${key}T12:00`).replace(/,.*/, "") : titled(output_presets, key ?? "Other");
    const bar = (row) => styled(html`<span class="line"></span>`, { "--share": Math.max(0, row.credits_net) / most });
    const free = `${counted(totals.previews, "free preview")}, ${counted(totals.cutouts, "cut-out")}`;
    words.textContent = `${counted(totals.succeeded, "picture")} for ${credits(totals.credits_net)}. ${free}.`;
    table.hidden = !paid.length;
    fill(
      body,
      paid.map((row) => html`
        <tr>
          <th scope="row">${called(row.key)}${bar(row)}</th><td>${row.succeeded}</td>
          <td class="amount">${row.credits_net}</td>
        </tr>`),
    );
  }
}
