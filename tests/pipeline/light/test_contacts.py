"""Light where things touch: as at the picture's own size."""

from dataclasses import replace

import numpy as np

from pipeline.geometry.ray import Field
from pipeline.geometry.solids import Ball, Block, Drum
from pipeline.geometry.walls import Floor
from pipeline.light.contacts import ContactLight, Exposed
from pipeline.light.exposure import Exposure
from pipeline.light.first_light import first_light
from pipeline.light.upsample import Upsampling
from pipeline.scene.layout import Layout, Part
from pipeline.scene.trace import trace
from tests.pipeline.light.test_first_light import bare

SIZE = 512


def crowded() -> Layout:
    """A drum, a ball and a block that stand on a floor, and touch."""
    solids = Drum(-0.22, 0, -0.3, 0.12, 0.1), Ball(0, 0.1, -0.3, 0.1)
    return bare(*(Part(solid, 2, "prop") for solid in (*solids, Block(0.2, 0, -0.3, 0.1, 0.1, 0.1, 0.2))))


def gained(gains: Field) -> Exposure:
    """Return an exposure with these gains alone, parts×3."""
    return Exposure(gains, np.ones_like(gains), 1.0)


def brought(layout: Layout, size: int, gains: Field) -> tuple[ContactLight | None, Field]:
    """The contact light in a picture of twice a grid's size, and the grid's light, upsampled to it."""
    low, geometry = first_light(layout, size // 2, size // 2), trace(layout, size, size)
    small = Upsampling.of(low.light, low.geometry.surface)
    return Exposed(low, small, gained(gains)).at_contacts(layout, geometry), small.over(geometry.surface)


def test_light_where_things_touch_matches_the_pictures_own_size() -> None:
    layout = crowded()
    found, coarse = brought(layout, SIZE, np.ones((4, 3), np.float32))
    assert found is not None
    rows, columns = found.place.T
    expected = first_light(layout, SIZE, SIZE).light[rows, columns]
    off = np.abs(found.light - expected).mean(1)
    assert 0.002 * SIZE**2 < len(rows) < 0.1 * SIZE**2
    # Its samples are shared once more than there, and the parts' reflections come from the coarser grid.
    assert np.median(off) < 0.02
    assert off.mean() < 0.6 * np.abs(coarse[rows, columns] - expected).mean()


def test_it_is_exposed_as_its_part_and_changed_as_the_network_changed_the_grid() -> None:
    layout = crowded()
    plain, _ = brought(layout, SIZE, np.ones((4, 3), np.float32))
    gains = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
    low, geometry = first_light(layout, SIZE // 2, SIZE // 2), trace(layout, SIZE, SIZE)
    change = Upsampling.of(np.full((8, 8, 3), 1, np.float32), trace(layout, 8, 8).surface)
    small = Upsampling.of(low.light, low.geometry.surface)
    found = Exposed(replace(low, change=change), small, gained(gains)).at_contacts(layout, geometry)
    assert plain is not None
    assert found is not None
    part = geometry.part[found.place[:, 0], found.place[:, 1]]
    np.testing.assert_allclose(found.light, 2 * plain.light * gains[part], rtol=1e-5)


def test_it_is_written_into_its_strip() -> None:
    values, shares = np.arange(9, dtype=np.float32).reshape(3, 3), np.array([1, 0.5, 1], np.float32)
    light = ContactLight(np.array([[3, 1], [4, 0], [9, 2]], np.int32), values, shares)
    strip = np.full((4, 3, 3), -1, np.float32)
    light.into(strip, 4)
    assert strip[0, 0].tolist() == [1, 1.5, 2]
    assert (strip != -1).sum() == 3


def test_without_contact_there_is_no_contact_light() -> None:
    layout = replace(bare(), parts=(Part(Floor(0.0, -8.0), 1, "floor"),))
    assert brought(layout, 128, np.ones((1, 3), np.float32))[0] is None


def test_the_underside_of_a_thing_on_a_floor_gets_no_light_from_below_it() -> None:
    layout = bare(Part(Ball(0.0, 0.08, -0.3, 0.2, 0.5), 2, "prop"))
    found, _ = brought(layout, 1024, np.ones((2, 3), np.float32))
    assert found is not None
    geometry = trace(layout, 1024, 1024)
    rows, columns = found.place.T
    under = (geometry.part[rows, columns] == 1) & (
        geometry.places(found.place, geometry.surface[rows, columns])[1][1] < 0
    )
    assert under.sum() > 50
    assert found.light[under].max() < 0.5
