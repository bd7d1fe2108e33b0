"""Single modules of the studio page, in a real browser and without a user.

The mask of the mending window: the brush at the photo's edges, bounded undo, the file. Colours in words. A product's
outline is straightened.
"""

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.colour.notation import hex_to_rgb
from pipeline.colour.spaces import srgb_to_lab

#: Two halves of different colours with a rim between them, as a lens leaves it, and a mask that keeps all.
HALVES = """
const { Stroke } = await import("/studio/mask/stroke.js");
const { Mask } = await import("/studio/mask/mask.js");
const { History } = await import("/studio/mask/history.js");
const { greyPng } = await import("/studio/mask/png.js");
const { pyramid } = await import("/studio/mask/raster.js");
const [width, height, edge] = [given.width, given.height, given.edge];
const data = Uint32Array.from({ length: width * height }, (_, i) => {
  const noise = ((i * 2654435761) >>> 0) % 9;
  const share = Math.min(1, Math.max(0, ((i % width) - edge) / 3 + 0.5));
  const mix = (from, to) => Math.round(from + (to - from) * share) + noise;
  return (255 << 24) | (mix(60, 190) << 16) | (mix(90, 60) << 8) | mix(200, 50);
});
const levels = pyramid({ width, height, data });
const mask = new Mask({ width, height, data: new Uint8Array(width * height).fill(255) });
const brush = { value: 0, radius: given.radius, follows: true };
const draw = (points, changes = {}) => {
  const stroke = new Stroke(mask, levels, { ...brush, ...changes });
  for (const [x, y] of points) stroke.to(x, y);
  stroke.end();
  return stroke;
};
"""


def run(modules: Any, words: str, **given: Any) -> Any:
    return modules.evaluate(f"async (given) => {{ {HALVES} {words} }}", given)


@pytest.mark.parametrize(("width", "radius"), [(300, 24), (1800, 200)], ids=["small", "on a coarser level"])
def test_a_stroke_ends_at_the_photos_edge_and_a_plain_one_at_its_own(modules: Any, width: int, radius: int) -> None:
    edge, middle = width // 2, width // 3
    words = """
    draw([[given.edge - 0.6 * given.radius, given.middle], [given.edge - 0.6 * given.radius, given.middle + 20]]);
    const row = [...mask.data.subarray(given.middle * width, (given.middle + 1) * width)];
    draw([[given.edge - 0.6 * given.radius, given.middle]], { follows: false });
    return [row, [...mask.data.subarray(given.middle * width, (given.middle + 1) * width)]];
    """
    followed, plain = run(modules, words, width=width, height=width * 2 // 3, edge=edge, middle=middle, radius=radius)

    assert max(followed[edge - radius : edge - 4]) <= 8, "the stroke's side is erased up to the edge"
    assert min(followed[edge + 5 :]) >= 247, "and nothing beyond it"
    assert followed[edge - 4 : edge + 5] == sorted(followed[edge - 4 : edge + 5]), "the rim is a ramp"
    assert plain[edge + radius // 5] < 100, "a plain brush goes over the edge"


def test_a_stroke_removes_the_isolated_rest_within_its_path(modules: Any) -> None:
    words = """
    for (let y = 96; y < 104; y++) for (let x = 56; x < 64; x++) data[y * width + x] = 0xff20ffff;
    draw([[40, 100], [80, 100]]);
    return mask.data[100 * width + 60];
    """
    assert run(modules, words, width=300, height=200, edge=200, radius=24) == 0


@pytest.mark.parametrize("width", [300, 6000], ids=["small", "on a coarser level"])
def test_crumbs_of_erased_parts_are_removed_when_saving_and_nothing_else(modules: Any, width: int) -> None:
    words = """
    const { withoutCrumbs } = await import("/studio/mask/crumbs.js");
    const fill = (to, value, x0, y0, x1, y1) => {
      for (let y = y0; y < y1; y++) to.fill(value, y * width + x0, y * width + x1);
    };
    const third = width / 3;
    const before = mask.data.slice();
    fill(before, 0, 0, 0, third, 40); // a corner that was not kept, but for something small
    fill(before, 255, 40, 8, 48, 16);
    mask.data.set(before);
    fill(mask.data, 0, 0, 40, third, height);
    fill(mask.data, 255, 0, 100, 8, 108); // a crumb of what was erased
    fill(mask.data, 255, 16, 24, 24, 32); // and something brought back
    mask.refresh(mask.whole);
    const tidy = withoutCrumbs(mask, before);
    const same = tidy.every((value, at) => value === mask.data[at] || (at % width < 8 && mask.data[at] === 255));
    return [tidy[104 * width + 4], tidy[12 * width + 44], tidy[28 * width + 20], same, withoutCrumbs(mask, mask.data)];
    """
    assert run(modules, words, width=width, height=200, edge=200, radius=24) == [0, 255, 255, True, None]


def test_undo_and_redo_are_exact_and_bounded_in_memory(modules: Any) -> None:
    words = """
    const history = new History(mask, 8 * 256 * 256);
    const states = [mask.data.slice()];
    for (let i = 0; i < 12; i++) {
      history.add(draw([[100 + 60 * i, 128], [140 + 60 * i, 300]]).before);
      states.push(mask.data.slice());
    }
    const bytes = history.bytes;
    const same = (one) => one.every((value, i) => value === mask.data[i]);
    let undone = 0;
    while (history.undo()) {
      undone++;
      if (!same(states[12 - undone])) return "undo differs";
    }
    while (history.redo());
    return [bytes, undone, same(states[12])];
    """
    held, undone, same = run(modules, words, width=1000, height=700, edge=900, radius=20)

    assert held <= 8 * 256 * 256
    assert 0 < undone < 12, "the oldest states were dropped"
    assert same


def test_the_masks_file_is_grey_and_has_every_byte(modules: Any) -> None:
    words = """
    draw([[100, 60], [200, 160]]);
    const bytes = new Uint8Array(await (await greyPng(mask.levels[0])).arrayBuffer());
    const text = (all) => btoa([...all].map((byte) => String.fromCharCode(byte)).join(""));
    return [text(bytes), text(mask.data)];
    """
    written, held = (base64.b64decode(one) for one in run(modules, words, width=301, height=203, edge=150, radius=30))

    picture = Image.open(io.BytesIO(written))
    assert (picture.mode, picture.size) == ("L", (301, 203))
    assert np.asarray(picture).tobytes() == held
    assert len(set(held)) > 2


def test_colours_are_read_in_ordinary_words(modules: Any) -> None:
    script = """async (all) => {
      const { toHex } = await import("/studio/order/colours.js");
      return all.map(toHex);
    }"""
    known = {"light blue": "#add8e6", "Dark Green": "#006400", "off-white": "#f7f4ec", "navy": "#000080"}
    known |= {"navy blue": "#000080", "sage green": "#9caf88", "dark grey": "#545454", "darkgray": "#a9a9a9"}
    known |= {"#ABC": "#aabbcc", "rgb(20, 80, 60)": "#14503c", "ivory ": "#fffff0"}
    assert modules.evaluate(script, [*known]) == [*known.values()]
    unknown = ["nearly blue", "light", "blue-ish", "hopeful green", "transparent", "light #aabbcc", ""]
    assert modules.evaluate(script, unknown) == [None] * len(unknown)

    def lab(colour: str) -> list[float]:
        return [float(one) for one in srgb_to_lab(hex_to_rgb(colour)[None])[0]]

    names = ["pink", "pale pink", "burgundy", "deep burgundy", "grey", "warm grey", "cool grey"]
    pink, pale, burgundy, deep, grey, warm, cool = map(lab, modules.evaluate(script, names))
    assert pink[0] < pale[0] < 98
    assert 5 < deep[0] < burgundy[0]
    assert warm[2] > grey[2] + 3 > cool[2] + 6, "yellower, and bluer"


def test_a_leaning_product_is_straightened_and_one_without_an_axis_is_left(modules: Any) -> None:
    words = """async ([degrees, bulge]) => {
      const { uprightTurn } = await import("/studio/place/outline.js");
      const slope = Math.tan((degrees * Math.PI) / 180);
      const rows = Array.from({ length: 160 }, (_, i) => {
        const y = (i + 0.5) / 160;
        const middle = 0.5 + (slope * (0.5 - y)) / 0.5;
        return [middle - 0.2, middle + 0.2 + bulge * (y > 0.5), y];
      });
      return uprightTurn({ rows, aspect: 0.5 });
    }"""
    for degrees in (-7.0, 0.0, 4.0):
        turn = modules.evaluate(words, [degrees, 0])
        assert abs(turn + degrees) < 0.1, "a product that leans to the right is turned to the left"
    assert modules.evaluate(words, [3, 0.5]) is None
