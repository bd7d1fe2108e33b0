/** The studio view: the photo on the stage, and the settings beside it. */

import { brandChoice } from "./brands.js";
import { choicesOf, propsChoice } from "./choices.js";
import { colourChoice } from "./colours.js";
import { html } from "../page/dom.js";
import { Order } from "./order.js";
import { photoStage } from "../stage/stage.js";
import { presetChoice } from "./presets.js";
import { Repainted } from "./repaint.js";
import { Part } from "../page/part.js";
import { tray } from "../result/tray.js";

const MORE = new Part("more/more.js");

export async function view(studio, _, signal) {
  const order = new Order(studio, signal);
  const { catalogue, thumbnails } = studio;
  const scene = choicesOf(studio, order, signal, {
    field: "scene_type",
    title: "Scene",
    items: catalogue.scene_types,
    open: true,
    fitting: () => order.cut?.suitable_scene_types ?? catalogue.scene_types.map(({ name }) => name),
    all: "All scenes",
    picture: (item) => thumbnails[`scene-${item.name}`],
    repainted: new Repainted(studio, signal),
    more: propsChoice(studio, signal),
    own: "a walnut table by a wall",
    ownHelp:
      "Backdrop builds the nearest of these: a table of wood, marble, stone or linen, a podium, an arch, a window, a " +
      "curtain, sand, neon, or a garden far off. It builds nothing else.",
  });
  const mood = choicesOf(studio, order, signal, {
    field: "mood",
    title: "Mood",
    items: catalogue.moods,
    picture: (item) => thumbnails[`mood-${item.name}`],
    own: "quiet",
    ownHelp:
      "Your own words give an ordinary light, unless Backdrop has a model that reads them.",
  });
  const page = html`
    <div class="studio">
      ${photoStage(studio, order, signal)}
      <section class="panel" aria-label="What to make">
        <h1 class="unseen">A new picture</h1>
        ${tray(studio, signal)}
        ${brandChoice(studio)}
        <div class="choices">
          ${presetChoice(studio, order, signal)}${scene}${colourChoice(studio, order, signal)}${mood}
          ${MORE.show(more, signal)}
        </div>
        ${order.element}
      </section>
    </div>`;
  order.start();
  return page;

  function more({ moreChoices }) {
    const element = moreChoices(studio, order, signal);
    if (order.refusal) order.dispatchEvent(new Event("answered")); // it may have come before
    return element;
  }
}
