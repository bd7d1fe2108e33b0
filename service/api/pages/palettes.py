"""The colours of the scenes' thumbnails: the ones they show, and the ones a caller's palette would give."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.colour.assignment import Assignment, Colour, assign
from pipeline.colour.gamuts import linear_of
from pipeline.colour.notation import rgb_to_hex
from pipeline.colour.spaces import linear_to_srgb
from pipeline.core.spec import Scene
from pipeline.scene.surfaces import ACCENT, surfaces
from service.catalogue.catalogue import Catalogue

MOST_COLOURS = 6
#: The number of cached answers. Each takes about 0.1 s of one core to compute.
_KEPT = 200
#: Share of colourless light in a tube's room, chosen by eye.
WHITE_LIGHT = 0.45


@dataclass(frozen=True)
class Palettes:
    """The colours of the thumbnails' surfaces, by their numbers in the pictures `scene-NAME-slots`."""

    #: Where `service.worker.thumbnails` puts its pictures and `slots.json`; may be missing.
    folder: Path
    catalogue: Catalogue
    _answers: dict[Any, bytes] = field(default_factory=dict)

    def of(self, colours: tuple[str, ...], on: tuple[tuple[str, str], ...] = ()) -> bytes:
        """Return JSON that maps each scene with a thumbnail to its surfaces' colours: `from` now, `to` with `colours`.

        `colours`: #rrggbb, as in an order; without any, `to` equals `from`. `on`: pairs of a surface and the colour
        that it gets, for scenes with that surface.
        """
        try:
            text = (self.folder / "slots.json").read_text()
        except OSError:
            return b"{}"
        key = text, colours, on
        if key not in self._answers:
            if len(self._answers) >= _KEPT:
                self._answers.clear()
            self._answers[key] = json.dumps(self._worked_out(json.loads(text), colours, on)).encode()
        return self._answers[key]

    def _worked_out(
        self, slots: dict[str, list[tuple[str, str]]], colours: tuple[str, ...], on: tuple[tuple[str, str], ...]
    ) -> dict[str, Any]:
        slot_on = {name: colours.index(colour) for name, colour in on if colour in colours}
        asked, plans, found = [linear_of(one) for one in colours], dict[Any, Assignment](), dict[str, Any]()
        for name, rows in slots.items():
            scene = self.catalogue.scenes.get(name)
            if scene is None or not {row[0] for row in rows} <= {ACCENT, *(one.name for one in surfaces(scene))}:
                continue  # the thumbnail is out of date: another catalogue made it
            now = [colour for _, colour in rows]
            then = _painted(scene, rows, asked, slot_on, plans) if asked else now
            if scene.kind == "neon":
                now, then = _in_tube_light(rows, now, then)
            found[name] = {"from": now, "to": then}
        return found


def _painted(
    scene: Scene,
    rows: list[tuple[str, str]],
    asked: list[Any],
    slot_on: Mapping[str, int],
    plans: dict[Any, Assignment],
) -> list[str]:
    places = surfaces(scene)
    if places not in plans:
        fixed = {one.name: slot_on[one.name] for one in places if one.name in slot_on}
        plans[places] = assign(asked, places, fixed=fixed, accents=[slot_on[ACCENT]] if ACCENT in slot_on else [])
    plan = plans[places]
    # The stand has the tube's colour. Stand, panel and props then take the unused colours, then tones of all.
    first = [plan.surfaces["tube"]] if "tube" in plan.surfaces else []
    accents = iter([*first, *plan.left, *plan.tones, *range(plan.asked)] * len(rows))
    slots = [next(accents) if name == ACCENT else plan.surfaces[name] for name, _ in rows]
    return [_hex(plan.colours[slot]) for slot in slots]


def _in_tube_light(rows: list[tuple[str, str]], now: list[str], then: list[str]) -> tuple[list[str], list[str]]:
    """Return the colours as the tube lights them on wall and floor."""
    names = [name for name, _ in rows]
    if "tube" not in names:
        return now, then
    tubes = [_light(colours[names.index("tube")]) for colours in (now, then)]
    pairs = []
    for name, before, after in zip(names, now, then, strict=True):
        if name in ("wall", "floor"):
            factor = linear_of(after) * tubes[1] / np.maximum(linear_of(before) * tubes[0], 1e-5)
            # Two light colours with the same ratio, as #rrggbb has finer steps there.
            pairs.append((_hex(np.minimum(1, 1 / np.maximum(factor, 1e-3))), _hex(np.minimum(1, factor))))
        else:
            pairs.append((before, after))
    return [one for one, _ in pairs], [one for _, one in pairs]


def _light(tube: str) -> Colour:
    """Return the linear light in a tube's room: the tube's colour and some colourless light."""
    colour = linear_of(tube)
    return WHITE_LIGHT + (1 - WHITE_LIGHT) * colour / max(float(colour.max()), 1e-3)


def _hex(linear: Colour) -> str:
    return rgb_to_hex(linear_to_srgb(linear))
