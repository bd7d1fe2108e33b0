/** Creates elements. Text is always inserted as text, never parsed as markup. */

import htm from "../vendor/htm.js";

const SVG = "http://www.w3.org/2000/svg";

/** Return an element. `on…` attributes are listeners; false, null and undefined omit an attribute. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/**
 * Return elements from markup: html`<p class="hint" hidden=${none}>${words}</p>`. Several elements form an array.
 *
 * A line break between elements makes no space. Write ${" "} where a space is needed.
 */
export const html = htm.bind(function (tag, attributes, ...children) {
  this[0] = 3; // stops htm from reusing an element without values, which can only be in one place
  return h(tag, attributes, ...children);
});

/** Return an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Replace the children of an element; null and false are skipped. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

const present = (children) =>
  children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled" || name === "open") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

/** Set CSS variables on an element and return it: the page's policy forbids inline styles in markup. */
export function styled(element, variables) {
  for (const [name, value] of Object.entries(variables)) element.style.setProperty(name, value);
  return element;
}

/** Announce words to screen readers. */
export function say(words) {
  const place = document.getElementById("said");
  if (place.textContent !== words) place.textContent = words;
}

const ICONS = {
  arrow_down: "M8 3v10M4 9l4 4 4-4",
  arrow_up: "M8 13V3M4 7l4-4 4 4",
  check: "M3 8.5l3.2 3.2L13 4.8",
  cross: "M4 4l8 8M12 4l-8 8",
  dash: "M4 8h8",
  doubt: "M8 3v6M8 12.4v.2",
  plus: "M8 3v10M3 8h10",
  redo: "M13 6H6a3.500 3.500 0 0 0 0 7h3M10 3l3 3-3 3",
  sides: "M6 4L2.5 8 6 12M10 4l3.500 4L10 12",
  undo: "M3 6h7a3.500 3.500 0 0 1 0 7H7M6 3L3 6l3 3",
};

/** Return a line drawing of 16 × 16, hidden from screen readers: each has words beside it. */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

const MARKS = { pass: "check", warn: "doubt", fail: "cross", unchecked: "dash" };

/** The icon of a rule's status, in a circle. */
export const mark = (status) => html`<span class="mark-${status}" aria-hidden="true">${icon(MARKS[status])}</span>`;
