/** A round dial for a direction on the floor, seen from above. */

import { html, styled } from "../page/dom.js";

/** Degrees of the arrow keys and the pointer, and of the page keys. */
const STEP = 5;
const WIDE = 45;
const WHERE = ["away from you", "back to the right", "to the right", "front to the right"];
const MORE = ["towards you", "front to the left", "to the left", "back to the left"];

/** Return a direction in words: "90 degrees, to the right". */
export function directionWords(degrees) {
  const where = [...WHERE, ...MORE][Math.round(degrees / 45) % 8];
  return `${degrees} degrees, ${where}`;
}

/** Return {element, show(degrees)} of a dial. `heard` gets whole degrees, 0 to 359; `usual`: shown for null. */
export function dial(title, usual, heard) {
  let at = usual;
  const knob = html`
    <div class="dial" role="slider" tabindex="0" aria-label=${title} aria-valuemin="0" aria-valuemax="359"
      onkeydown=${pressed} onpointerdown=${down} onpointermove=${(event) => event.buttons && turn(event)}>
      <span class="dial-shadow"></span><span class="dial-product"></span><span class="dial-knob"></span>
      <span class="dial-word back" aria-hidden="true">back</span><span class="dial-word front" aria-hidden="true">front</span>
    </div>`;
  return { element: knob, show };

  function show(degrees) {
    at = degrees ?? usual;
    styled(knob, { "--turn": `${at}deg` });
    knob.setAttribute("aria-valuenow", at);
    knob.setAttribute("aria-valuetext", degrees === null ? "automatic" : directionWords(at));
    knob.classList.toggle("automatic", degrees === null);
  }

  function put(degrees) {
    heard(((Math.round(degrees) % 360) + 360) % 360);
  }

  function pressed(event) {
    const by = { ArrowRight: STEP, ArrowUp: STEP, ArrowLeft: -STEP, ArrowDown: -STEP, PageUp: WIDE, PageDown: -WIDE };
    const to = { Home: 0, End: 180 };
    if (event.key in by) put(at + by[event.key]);
    else if (event.key in to) put(to[event.key]);
    else return;
    event.preventDefault();
  }

  function down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    knob.setPointerCapture(event.pointerId);
    knob.focus({ preventScroll: true });
    turn(event);
  }

  function turn({ clientX, clientY }) {
    const { left, top, width, height } = knob.getBoundingClientRect();
    const [x, y] = [clientX - left - width / 2, clientY - top - height / 2];
    if (Math.hypot(x, y) < width / 10) return; // in the middle there is no direction
    put(STEP * Math.round(((180 / Math.PI) * Math.atan2(x, -y)) / STEP));
  }
}
