/** Orders of the tray: each is sent, charged and followed as a whole. */

import { ask, send } from "../calls/api.js";
import { lookOf } from "../looks/single.js";
import { UNMOVED } from "../order/options.js";
import { posted } from "../calls/submit.js";

const ORDERS = "/v1/orders";
/** The API's limits of photos in an order, and of pictures in an answer. */
const MOST_PHOTOS = 200;
const PAGE = 100;
const LONGEST_NAME = 200;

/**
 * Return the orders for these items: [{body, photos}], `photos` with the items of each photo by channel.
 *
 * An order has one look for all its photos. Items with another scene, placement or seed go into orders of their own.
 */
export function ordersFor(items, draft) {
  const looks = new Map();
  for (const item of items) {
    const look = lookFor(item, draft);
    const key = JSON.stringify(look);
    if (!looks.has(key)) looks.set(key, { look, photos: new Map() });
    const { photos } = looks.get(key);
    const source = item.key ?? item.render;
    photos.set(source, [...(photos.get(source) ?? []), item]);
  }
  return [...looks.values()].flatMap(({ look, photos }) => sameChannels(photos, draft).flatMap((some) => bodies(look, some, draft)));
}

/** Return what all pictures of an order share. */
function lookFor(item, draft) {
  const { preset: _, ...photo } = item;
  const { scene_type, mood, dominant_colors, pilot_brand } = draft.body(photo);
  const placement = Object.fromEntries(
    Object.entries({ ...UNMOVED, ...item.placement }).filter(([name, value]) => value !== UNMOVED[name]),
  );
  const { layers, ...options } = draft.paid(photo);
  const white = draft.laid(item).layers === undefined; // a channel on white has none
  const { seed } = lookOf(item, draft) ?? draft;
  return {
    ...{ scene_type, mood, dominant_colors },
    ...(pilot_brand ? { pilot_brand } : {}),
    ...(seed === null ? {} : { seed }),
    options: { ...placement, ...options, ...(layers && !white ? { layers: JSON.parse(layers) } : {}) },
  };
}

/** Return photos grouped by their channels: an order has a picture for each photo and each channel. */
function sameChannels(photos, draft) {
  const groups = new Map();
  for (const items of photos.values()) {
    const presets = items.map((item) => item.preset ?? draft.preset.name);
    const key = presets.join();
    if (!groups.has(key)) groups.set(key, { presets, photos: [] });
    groups.get(key).photos.push(items);
  }
  return [...groups.values()];
}

function bodies(look, { presets, photos }) {
  const made = [];
  for (let from = 0; from < photos.length; from += MOST_PHOTOS) {
    const some = photos.slice(from, from + MOST_PHOTOS);
    made.push({ body: { ...look, photos: some.map(([first]) => photoOf(first)), presets }, photos: some });
  }
  return made;
}

function photoOf({ key, render, name }) {
  const reference = name?.replace(/\p{Cc}/gu, " ").slice(0, LONGEST_NAME);
  const source = render ? { source_render_public_id: render } : { source_image_s3_key: key };
  return { ...source, ...(reference ? { reference } : {}) };
}

/**
 * Return what the orders would cost, how many pictures are the same as others, and which photos can't be used:
 * {cost, same, faults: [[item, message]]}. Throws Refusal.
 */
export async function priced(orders, signal) {
  let [cost, same] = [0, 0];
  const faults = [];
  for (const { body, photos } of orders) {
    const plan = await ask(`${ORDERS}?dry_run=true`, { method: "POST", body, signal });
    cost += plan.credits_cost;
    same += plan.pictures - plan.distinct_pictures;
    for (const { photo, message } of plan.faults) faults.push(...photos[photo].map((item) => [item, message]));
  }
  return { cost, same, faults };
}

/** Send an order, and mark its items. Throws Refusal. */
export async function sent({ body, photos }) {
  const { order_id } = await posted(ORDERS, body);
  const waits = { job_id: null, status: "NOT_STARTED", stage: null, progress: 0 };
  photos.forEach((items, photo) => {
    for (const item of items) Object.assign(item, { order: order_id, photo, job: { ...waits, output_preset: item.preset } });
  });
}

/** Read an order and update the jobs of its items. Throws Refusal. */
export async function followed(id, items, signal) {
  let cursor = null;
  do {
    const query = new URLSearchParams({ limit: PAGE, ...(cursor ? { cursor } : {}) });
    const { items: pictures, next_cursor } = await ask(`${ORDERS}/${id}?${query}`, { signal });
    for (const picture of pictures) {
      const same = (item) => item.photo === picture.photo && (!item.preset || item.preset === picture.output_preset);
      const item = items.find(same);
      if (item) item.job = picture;
    }
    cursor = next_cursor;
  } while (cursor);
}

/** Return the file of an order: "archive", all pictures as a zip, or "sheet", the contact sheet. Throws Refusal. */
export async function fileOf(id, name) {
  const answer = await send(`${ORDERS}/${id}/${name}`, { headers: { Accept: "*/*" } });
  return answer.blob();
}
