"""The colours of the page's thumbnails equal those that the pipeline gives the surfaces of an order."""

import random
from typing import Any

import numpy as np

from pipeline.colour.assignment import assign
from pipeline.colour.gamuts import linear_of
from pipeline.colour.notation import rgb_to_hex
from pipeline.colour.spaces import linear_to_srgb
from pipeline.core.spec import Scene
from pipeline.scene.surfaces import ACCENT, surfaces
from service.catalogue.catalogue import load_catalogue
from tests.support.up import Up

RECOLOURED = """async ([scenes, gamuts, cases]) => {
  const { recoloured } = await import("/studio/assignment.js");
  return cases.map(([name, colours, locks]) => recoloured(scenes[name], gamuts, colours, locks));
}"""
LIT = 0.45


def hexed(linear: Any) -> str:
    return rgb_to_hex(linear_to_srgb(np.asarray(linear, np.float32)))


def expected(scene: Scene, slots: list[list[str]], colours: list[str], locks: dict[str, str]) -> dict[str, list[str]]:
    places = surfaces(scene)
    on = {name: colours.index(colour) for name, colour in locks.items()}
    fixed = {one.name: on[one.name] for one in places if one.name in on}
    accents = [on[ACCENT]] if ACCENT in on else []
    plan = assign([linear_of(one) for one in colours], places, fixed=fixed, accents=accents)
    free = [plan.surfaces["tube"]] if "tube" in plan.surfaces else []
    left = iter([*free, *plan.left, *plan.tones, *range(plan.asked)] * len(slots))
    to = [hexed(plan.colours[next(left) if name == ACCENT else plan.surfaces[name]]) for name, _ in slots]
    now = [colour for _, colour in slots]
    if "tube" not in plan.surfaces:
        return {"from": now, "to": to}
    tube = [name for name, _ in slots].index("tube")
    light = [LIT + (1 - LIT) * linear_of(one[tube]) / max(linear_of(one[tube]).max(), 1e-3) for one in (now, to)]
    for i, (name, _) in enumerate(slots):
        if name in ("wall", "floor"):
            factor = linear_of(to[i]) * light[1] / np.maximum(linear_of(now[i]) * light[0], 1e-5)
            now[i], to[i] = hexed(np.minimum(1, 1 / np.maximum(factor, 1e-3))), hexed(np.minimum(1, factor))
    return {"from": now, "to": to}


def near(one: dict[str, list[str]], other: dict[str, list[str]]) -> bool:
    """Return whether colours differ by one code at most: the page computes with twice as many digits."""
    codes = [
        np.array([list(bytes.fromhex(hue[1:])) for key in ("from", "to") for hue in it[key]]) for it in (one, other)
    ]
    return codes[0].shape == codes[1].shape and bool((abs(codes[0] - codes[1]) <= 1).all())


def test_the_page_gives_thumbnails_the_colours_that_an_order_gives_its_surfaces(visit: Any, up: Up) -> None:
    page = visit().page
    page.goto(up.address)
    catalogue, rng = load_catalogue(None), random.Random(49)
    given = page.evaluate("fetch('/studio/surfaces').then((answer) => answer.json())")
    assert len(given["scenes"]) > 15

    def colour(_: int) -> str:
        some = rng.choice(["#000000", "#ffffff", "#c9a24a", "#979797", "#ff0000"])
        return some if rng.random() < 0.2 else f"#{rng.randrange(1 << 24):06x}"

    cases = list[tuple[str, list[str], dict[str, str]]]()
    for name in [*given["scenes"]] * 12:
        colours = [colour(i) for i in range(rng.randint(1, 6))]
        places = rng.sample([ACCENT, *(one.name for one in surfaces(catalogue.scenes[name]))], 1)
        cases.append((name, colours, {place: rng.choice(colours) for place in places if rng.random() < 0.3}))
    found = page.evaluate(RECOLOURED, [given["scenes"], given["gamuts"], cases])
    slots = {name: scene["slots"] for name, scene in given["scenes"].items()}
    wanted = [expected(catalogue.scenes[name], slots[name], colours, locks) for name, colours, locks in cases]
    assert [one for one in zip(cases, found, wanted, strict=True) if not near(one[1], one[2])] == []
