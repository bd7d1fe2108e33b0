"""The kernels of light return the same on any number of threads, and with any number of solids in the way."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from pipeline.geometry.walls import Floor
from pipeline.light.first_light import LightTracer, first_light
from pipeline.scene.composition import compose
from pipeline.scene.trace import trace
from testkit.still_life import spec


def test_two_threads_at_once_give_the_light_of_one_alone() -> None:
    layout = compose(spec("window"), 96, 96, 0.6)
    alone = first_light(layout, 96, 96).light.tobytes()
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda _: first_light(layout, 96, 96).light.tobytes(), range(6))
        assert all(light == alone for light in found)


def test_solids_that_reflect_as_the_open_dome_does_change_nothing() -> None:
    layout = compose(spec("window"), 96, 96, 0.6)
    floor = next(part for part in layout.parts if isinstance(part.solid, Floor))
    below = tuple(replace(floor, solid=Floor(-50.0 - index, back=-3.0)) for index in range(8))
    geometry, more = trace(layout, 96, 96), replace(layout, parts=(*layout.parts, *below))
    send = np.random.default_rng(1).random((3, len(layout.parts) + 1), np.float32)
    # the light of the open dome is the last
    of_more = np.concatenate([send, *(send[:, -1:] for _ in below)], axis=1)
    lights = LightTracer(layout, geometry).dome(send)
    assert np.array_equal(LightTracer(more, geometry).dome(of_more), lights)
    assert lights.std() > 0
