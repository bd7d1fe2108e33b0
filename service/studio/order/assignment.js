/**
 * The colours that an order would give a scene's surfaces: `pipeline.colour.assignment`, `gamuts`, `harmony` and
 * `spaces` in the page. They have the reasons and the units. Colours are linear light unless they are #rrggbb.
 */

import { LINEAR, fromOklab, hexOf, toByte, toOklab } from "./palette.js";

const [OWN, SAMPLE, LEFT, LATER, ORDER, MUSTARD, ALIKE, APART] = [0.3, 0.06, 0.2, 0.5, 0.15, 0.35, 0.12, 10];
const [TONES, DARKEST, PALEST, COUNT] = [[-2.4, -1.6, -1, 1, 1.6, 2.4], 14, 93, 6];
const [STEP, CHROMA, SLACK, FAR] = [0.085, 0.8, 4.001, 20];
const GOLD = { regions: [[55, 76, 42, 72, 72, 96]] };
const SHINING = ["tube"];
/** Share of colourless light in a tube's room, chosen by eye. */
const WHITE_LIGHT = 0.45;
const XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];

const sum = (values) => values.reduce((total, one) => total + one, 0);
const within = (low, value, high) => Math.min(high, Math.max(low, value));
const beyond = (value, low, high) => Math.max(low - value, value - high, 0);
const best = (all, cost) => all.map((one) => [cost(one), one]).reduce((a, b) => (b[0] < a[0] ? b : a))[1];
const lightOf = (hex) => [1, 3, 5].map((at) => LINEAR[Number.parseInt(hex.slice(at, at + 2), 16)]);
const hex = (linear) => hexOf(linear.map(toByte));

function labOf(linear) {
  const [x, y, z] = XYZ.map((row) => {
    const ratio = sum(row.map((weight, i) => weight * linear[i])) / sum(row);
    return ratio > (6 / 29) ** 3 ? Math.cbrt(ratio) : (ratio * (29 / 6) ** 2) / 3 + 4 / 29;
  });
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** Return 1 for equal Lab colours, and 0 from APART on in CIEDE2000. */
function alike([l1, a1, b1], [l2, a2, b2]) {
  const { PI, abs, atan2, cos, exp, hypot, max, sin, sqrt } = Math;
  const seventh = (chroma) => sqrt(chroma ** 7 / (chroma ** 7 + 25 ** 7));
  const stretch = 1.5 - 0.5 * seventh((hypot(a1, b1) + hypot(a2, b2)) / 2);
  const [c1, c2] = [hypot(a1 * stretch, b1), hypot(a2 * stretch, b2)];
  const [h1, h2] = [atan2(b1, a1 * stretch), atan2(b2, a2 * stretch)].map((hue) => (hue < 0 ? hue + 2 * PI : hue));
  const grey = c1 * c2 === 0;
  const turn = abs(h2 - h1) > PI ? h2 - h1 - 2 * PI * Math.sign(h2 - h1) : h2 - h1;
  const far = abs(h1 - h2) > PI ? (h1 + h2 < 2 * PI ? PI : -PI) : 0;
  const [l, c, h] = [(l1 + l2) / 2, (c1 + c2) / 2, grey ? h1 + h2 : (h1 + h2) / 2 + far];
  const [c6, c30, c63] = [PI / 6, PI / 30, (63 * PI) / 180];
  const t = 1 - 0.17 * cos(h - c6) + 0.24 * cos(2 * h) + 0.32 * cos(3 * h + c30) - 0.2 * cos(4 * h - c63);
  const light = (l2 - l1) / (1 + (0.015 * (l - 50) ** 2) / sqrt(20 + (l - 50) ** 2));
  const chroma = (c2 - c1) / (1 + 0.045 * c);
  const hue = (2 * sqrt(c1 * c2) * sin(turn / 2)) / (1 + 0.015 * c * t);
  const rotation = -2 * seventh(c) * sin((PI / 3) * exp(-((((h * 180) / PI - 275) / 25) ** 2)));
  return max(0, 1 - sqrt(max(0, light ** 2 + chroma ** 2 + hue ** 2 + rotation * chroma * hue)) / APART);
}

/** Return how far a Lab colour is beyond a material's regions. */
function distance({ regions }, [light, a, b]) {
  const [chroma, hue] = [Math.hypot(a, b), (Math.atan2(b, a) * 180) / Math.PI];
  const away = regions.map(([low, high, dull, vivid, first, last]) => {
    const turn = Math.min(180, ...[-360, 0, 360, 720].map((turns) => beyond(hue + turns, first, last)));
    const aside = 2 * Math.min(chroma, vivid) * Math.sin((turn * Math.PI) / 360);
    return Math.hypot(beyond(light, low, high), beyond(chroma, dull, vivid), aside);
  });
  return Math.min(...away);
}

const isGold = (lab) => distance(GOLD, lab) <= 0;
const oddness = (gamut, lab) => {
  const far = distance(gamut, lab);
  return gamut.wears === null && far > SLACK ? Infinity : Math.min(far / FAR, gamut.wears ?? 1);
};

/** Return a lighter or darker colour of the same hue, as dull as it must be. */
function tone(colour, steps) {
  const [l, a, b] = toOklab(colour);
  const shares = Array.from({ length: 21 }, (_, i) => CHROMA * (1 - i / 20));
  const tones = shares.map((share) => fromOklab([within(0.06, l + steps * STEP, 0.985), share * a, share * b]));
  const found = tones.find((one) => one.every((value) => value >= -1e-4 && value <= 1 + 1e-4)) ?? tones.at(-1);
  return found.map((value) => within(0, value, 1));
}

/** Return {colours, places, left, tones}: slots are indices of `colours`, which begin with the asked ones. */
function assign(asked, surfaces, gamuts, on) {
  const labs = asked.map(labOf);
  const gold = labs.map(isGold);
  const near = labs.map((one) => labs.map((two) => alike(one, two)));
  const odd = surfaces.map(([name, material, share]) =>
    labs.map((lab, slot) => {
      const mustard = gold[slot] && labs.length > 1 && !SHINING.includes(material) ? MUSTARD : 0;
      return name in on ? 0 : share * (oddness(gamuts[material], lab) + mustard);
    }),
  );
  const free = [-1, ...asked.keys()].filter((slot) => !Object.values(on).includes(slot));
  const more = (one, name) => (name in on ? [on[name]] : free.filter((slot) => slot < 0 || !one.includes(slot)));
  const longer = (all, [name]) => all.flatMap((one) => more(one, name).map((slot) => [...one, slot]));
  const chosen = best(surfaces.reduce(longer, [[]]), (slots) => {
    const placed = slots.filter((slot) => slot >= 0);
    const left = labs.map((_, slot) => (placed.includes(slot) || gold[slot] ? 0 : LEFT * LATER ** slot));
    const costs = surfaces.map(([, , share], i) => (slots[i] >= 0 ? odd[i][slots[i]] : OWN * share));
    const areas = surfaces.flatMap(([, material, share], i) => (SHINING.includes(material) ? [] : [[slots[i], share]]));
    const sorted = areas.filter(([slot]) => slot >= 0).sort(([a], [b]) => a - b);
    const order = sorted.flatMap(([, area], i) => sorted.slice(i + 1).map(([, later]) => Math.max(0, later - area)));
    const same = placed.slice(1).map((slot, i) => near[placed[i]][slot]);
    return sum(left) + sum(costs) + ORDER * sum(order) + ALIKE * sum(same);
  });
  const bases = gold.includes(false) ? asked.filter((_, slot) => !gold[slot]) : asked;
  const missing = Array.from({ length: Math.max(0, COUNT - asked.length) }, (_, i) => {
    const [base, step] = [bases[i % bases.length], 1 + 0.8 * Math.floor(i / bases.length)];
    return tone(base, toOklab(base)[0] > 0.6 ? -step : step);
  });
  const colours = [...asked, ...missing];
  const tones = [...colours.keys()].slice(asked.length);
  const beside = chosen.filter((slot) => slot >= 0).map((slot) => labs[slot]);
  const places = {};
  for (const [i, [name, material]] of surfaces.entries()) {
    places[name] = chosen[i] >= 0 ? chosen[i] : colours.push(own(gamuts[material], bases, labs, beside)) - 1;
    if (chosen[i] < 0) beside.push(labOf(colours.at(-1)));
  }
  return { colours, places, left: [...asked.keys()].filter((slot) => !chosen.includes(slot)), tones };
}

/** Return the colour of a surface without an asked one: a tone, or the material's own sample. */
function own(gamut, bases, labs, beside) {
  const mean = [0, 1, 2].map((axis) => sum(labs.map((lab) => lab[axis])) / labs.length);
  const away = (lab) => Math.hypot(lab[0] - mean[0], 0.5 * (lab[2] - mean[2]));
  const tones = bases.flatMap((colour) => TONES.map((steps) => [tone(colour, steps), 0]));
  const visible = tones.filter(([found]) => DARKEST <= labOf(found)[0] && labOf(found)[0] <= PALEST);
  const samples = gamut.samples.map(lightOf);
  if (samples.length) visible.push([best(samples, (one) => away(labOf(one))), SAMPLE]);
  const others = beside.length ? beside : labs;
  const light = sum(others.map(([l]) => l)) / others.length;
  return best(visible.length ? visible : tones, ([found, more]) => {
    const lab = labOf(found);
    const close = Math.abs(lab[0] - light) / 400 + sum(beside.map((other) => ALIKE * alike(lab, other)));
    return Math.round(1e4 * (oddness(gamut, lab) + more + close + (isGold(lab) ? MUSTARD : 0)));
  })[0];
}

/**
 * Return {from, to}: the colours of a thumbnail's surfaces by number, now and with the asked colours, #rrggbb.
 *
 * Scene and `gamuts`: as /studio/surfaces has them. `asked`: #rrggbb. `locks`: asked colours by surface.
 */
export function recoloured({ slots, surfaces }, gamuts, asked, locks) {
  const there = ["accent", ...surfaces.map(([name]) => name)];
  const kept = Object.entries(locks).map(([name, colour]) => [name, asked.indexOf(colour)]);
  const on = Object.fromEntries(kept.filter(([name, slot]) => there.includes(name) && slot >= 0));
  const plan = assign(asked.map(lightOf), surfaces, gamuts, on);
  const first = "tube" in plan.places ? [plan.places.tube] : [];
  const accents = [...first, ...plan.left, ...plan.tones, ...asked.keys()];
  let used = 0;
  const chosen = slots.map(([name]) => (name === "accent" ? accents[used++ % accents.length] : plan.places[name]));
  const [from, to] = [slots.map(([, colour]) => colour), chosen.map((slot) => hex(plan.colours[slot]))];
  const tube = slots.findIndex(([name]) => name === "tube");
  if (tube < 0) return { from, to };
  // Wall and floor are seen in the tube's light.
  const [old, fresh] = [from, to].map((colours) => {
    const light = lightOf(colours[tube]);
    return light.map((one) => WHITE_LIGHT + ((1 - WHITE_LIGHT) * one) / Math.max(...light, 1e-3));
  });
  for (const [i, [name]] of slots.entries()) {
    if (name !== "wall" && name !== "floor") continue;
    const before = lightOf(from[i]).map((one, at) => Math.max(one * old[at], 1e-5));
    const factor = lightOf(to[i]).map((one, at) => (one * fresh[at]) / before[at]);
    // Two light colours with the same ratio, as #rrggbb has finer steps there.
    from[i] = hex(factor.map((one) => Math.min(1, 1 / Math.max(one, 1e-3))));
    to[i] = hex(factor.map((one) => Math.min(1, one)));
  }
  return { from, to };
}
