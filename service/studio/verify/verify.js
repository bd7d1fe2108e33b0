/** The page that checks a file's marks. It sends no key. */

import { fill, html } from "../page/dom.js";
import { Header } from "../account/header.js";

const NAMES = { xmp: "Metadata (XMP)", c2pa: "Content credentials (C2PA)", watermark: "Invisible watermark" };
const AWAY = "The service does not answer. Check the connection, and try again.";

const place = (name) => document.getElementById(name);
const shown = (...children) => fill(place("result"), ...children);
let latest = 0;

new Header(place("header"), {}).show(null);
place("file").addEventListener("change", ({ target }) => target.files.length && check(target.files[0]));
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  addEventListener(name, (event) => {
    event.preventDefault(); // a file that misses the field must not replace the page
    place("drop").classList.toggle("over", name === "dragenter" || name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) check(event.dataTransfer.files[0]);
  });
}

async function check(file) {
  const mine = ++latest;
  shown(html`<p>Checking ${file.name} …</p>`);
  let answer = html`<p class="notice bad">${AWAY}</p>`;
  try {
    const reply = await fetch("/v1/verify", { method: "POST", body: file });
    answer = reply.ok ? found(file.name, await reply.json()) : refused(await reply.json());
  } catch {
    // the words for no answer stay
  }
  place("file").value = ""; // the same file can be chosen again
  if (mine === latest) shown(answer); // else another file was chosen meanwhile
}

function refused({ detail }) {
  return html`<p class="notice bad">${typeof detail === "string" ? detail : detail.map((one) => one.msg).join(" ")}</p>`;
}

function found(name, { marks, holds }) {
  if (!marks.length) {
    return html`<h2>No mark in ${name}</h2>
      <p>A missing mark proves nothing: marks can be removed, and many tools write none.</p>`;
  }
  return html`<h2>${holds ? "Marks found" : "A mark is broken"} in ${name}</h2>
    <dl class="found">${marks.map(
      ({ kind, value, meaning, intact }) => html`<div class=${intact ? null : "broken"}>
        <dt>${NAMES[kind]}</dt><dd>${meaning}</dd>${meaning.includes(value) ? null : html`<dd class="hint">${value}</dd>`}
      </div>`,
    )}</dl>`;
}
