"""That light's kernels give the same on any number of threads."""

from concurrent.futures import ThreadPoolExecutor

from pipeline.light.first_light import first_light
from pipeline.scene.composition import compose
from tests.support.still_life import spec


def test_two_threads_at_once_give_the_light_of_one_alone() -> None:
    layout = compose(spec("window"), 96, 96, 0.6)
    alone = first_light(layout, 96, 96).light.tobytes()
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda _: first_light(layout, 96, 96).light.tobytes(), range(6))
        assert all(light == alone for light in found)
