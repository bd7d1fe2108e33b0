"""Equal values of `pixels_of` are equal pictures, and other values other pictures: both are compared by their bytes."""

from dataclasses import replace
from functools import reduce

import pytest

from pipeline.core.order import Acceptance, Dressing, Frame, Ground, Lettering, Output, Placement, Shadow
from pipeline.core.spec import Limits, Spec
from pipeline.delivery.output import pixels_of
from pipeline.swap import swap
from testkit.still_life import PHOTO, cut_out_png, networks, preset, spec, still_life

SMALL = preset((128, 128))
OWN = cut_out_png(*still_life(64, 64))
#: Changes that only a scene shows.
UNSEEN = [
    {"seed": 2},
    {"palette": ("#ff0000",)},
    {"style_words": "bold"},
    {"pinned": True},
    {"dressing": Dressing("none")},
    {"mood": replace(spec().mood, name="n", softness=0.1, exposure=0.5)},
    {"scene": spec("podium").scene},
    {"scene": spec("flatlay").scene},
    {"output": Output(format="png")},
]  # fmt: skip
SEEN = [
    {"shadow": Shadow("soft")},
    {"shadow": Shadow("hard", shadow_strength=0.9)},
    {"shadow": Shadow("none")},
    {"placement": Placement(scale=0.8)},
    {"frame": Frame("25%")},
    {"output": Output(96, 96)},
]  # fmt: skip
GROUNDS = {
    "white": spec("white", place=replace(SMALL, background="white")),
    "white without shadows": spec("white", place=replace(SMALL, background="white", shadow=False)),
    "transparent": spec("white", place=replace(SMALL, background="transparent")),
    "colour": replace(spec("sweep", place=SMALL), ground=Ground("color", "teal")),
    "picture": replace(spec("sweep", place=SMALL), ground=Ground("image", background_image="own")),
}


def picture(asked: Spec) -> bytes:
    files = {"own": OWN}
    return swap(PHOTO, asked, networks(), limits=Limits(), clock=float, files=files).data


@pytest.mark.parametrize("ground", GROUNDS)
def test_two_specs_have_the_same_pixels_exactly_if_their_pictures_are_the_same(ground: str) -> None:
    plain = GROUNDS[ground]
    unseen = [replace(plain, **one) for one in UNSEEN]  # type: ignore[arg-type]
    all_unseen = reduce(lambda asked, one: replace(asked, **one), UNSEEN, plain)  # type: ignore[arg-type]
    asked = [plain, all_unseen, *(replace(plain, **one) for one in SEEN)]  # type: ignore[arg-type]

    files, keys = [picture(one) for one in asked], [pixels_of(one) for one in asked]

    assert [files.index(one) for one in files] == [keys.index(one) for one in keys]
    assert {pixels_of(one) for one in unseen} == {keys[0]}


def test_in_a_scene_all_of_it_counts_and_only_the_spelling_of_the_output_does_not() -> None:
    asked = [spec("sweep", place=SMALL), *(replace(spec("sweep", place=SMALL), **one) for one in UNSEEN)]  # type: ignore[arg-type]

    keys = [pixels_of(one) for one in asked]

    assert [keys.index(one) for one in keys] == [*range(len(UNSEEN)), 0]


def test_layers_and_limits_keep_the_palette_that_they_read() -> None:
    asked = replace(GROUNDS["transparent"], lettering=Lettering('[{"text": "New", "color": "accent"}]'))
    limited = replace(GROUNDS["colour"], ground=Ground(), scene=spec("white").scene, acceptance=Acceptance("standard"))

    for one in (asked, limited):
        assert pixels_of(one) != pixels_of(replace(one, palette=("#ff0000",)))
