"""The rows of finishes are what NumPy and Pillow make of the same noises."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.geometry.ray import Field
from pipeline.kernels.texture import finishes

N, M, TOP, ROWS = 64, 16, 24, 8
STRIP = slice(TOP, TOP + ROWS)


def noises(*shape: int, seed: int = 1) -> Field:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def enlarged(field: Field) -> Field:
    """Return an m×m tile enlarged to N×N, bicubic; it still tiles."""
    m = field.shape[0]
    padded = Image.fromarray(np.pad(field, 3, mode="wrap"))
    return np.array(padded.resize((N, N), Image.Resampling.BICUBIC, box=(3, 3, m + 3, m + 3)), np.float32)


def smoothstep(value: Field, low: float, high: float) -> Field:
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def strips(count: int) -> list[Field]:
    return [np.empty((ROWS, N), np.float32) for _ in range(count)]


def test_sand_has_dark_grains_where_its_noise_is_highest() -> None:
    even, dark = noises(ROWS, N), 2 * noises(ROWS, N, seed=2)
    (out,) = strips(1)
    finishes.sand(even, dark, out)
    np.testing.assert_allclose(out, 1 + even - 0.24 * np.clip(dark - 2.5, 0, 1), atol=1e-5)


def test_concrete_has_holes_with_lit_lower_edges_and_seams() -> None:
    even, worn = noises(ROWS, N) * np.float32(0.1), noises(ROWS, N, seed=2)
    large, small = 3 * noises(ROWS + 2, N, seed=3), 3 * noises(ROWS + 2, N, seed=4)
    seam, panel = np.abs(noises(N, seed=5)), noises(N, seed=6)
    (out,) = strips(1)
    finishes.concrete(even, large, small, worn, seam, panel, TOP, out)
    pits = np.clip(large - 2.75, 0, 0.4) * 2.5 + np.clip(small - 2.9, 0, 0.7)
    lip = np.maximum(pits[2:] - pits[:-2], 0)
    soft = even + panel[STRIP, None] - seam[STRIP, None] * (0.08 + 0.03 * worn) - 0.42 * pits[2:] + 0.26 * lip
    np.testing.assert_allclose(out, np.exp(soft), rtol=1e-5)


@pytest.mark.parametrize("m", [16, 32, 64])
def test_plaster_is_grain_over_strokes(m: int) -> None:
    where, stroke, even = noises(m, m), noises(m, m, seed=2), noises(ROWS, N, seed=3)
    strokes = np.zeros((1, m, m), np.float32)
    finishes.add_strokes(where, stroke, np.float32(0.02), strokes[0])
    expected = 0.02 * smoothstep(where, -0.4, 0.8) * stroke
    np.testing.assert_allclose(strokes[0], expected, atol=1e-6)
    (out,) = strips(1)
    finishes.plaster(even, strokes, TOP, out)
    np.testing.assert_allclose(out, 1 + even + enlarged(strokes[0])[STRIP], atol=1e-5)


def test_cloth_is_a_plain_weave() -> None:
    slubs, soft = [noises(ROWS, N), noises(ROWS, N, seed=2)], noises(3, M, M, seed=3) * np.float32(0.3)
    (out,) = strips(1)
    finishes.cloth(slubs[0], slubs[1], soft, np.float32(22), TOP, out)
    place = (np.arange(N) + 0.5) * 22 / N
    sway, swing, tone = (enlarged(field)[STRIP] for field in soft)
    phases = np.pi * (place[STRIP, None] + sway), np.pi * (place[None] + swing)
    sines, cosines = [np.sin(phase) for phase in phases], [np.cos(phase) for phase in phases]
    over = smoothstep(cosines[0] * cosines[1], -0.5, 0.5)
    threads = [sine * sine + 0.26 * slub for sine, slub in zip(sines, slubs, strict=True)]
    value = threads[1] + over * (threads[0] - threads[1])
    value += 0.15 * np.abs(sines[0] * sines[1]) + 0.34 * (slubs[0] + slubs[1])
    np.testing.assert_allclose(out, tone + 0.08 * value, atol=2e-5)


@pytest.mark.parametrize("dark", [False, True])
def test_marble_has_veins_where_its_noises_cross(dark: bool) -> None:
    soft, jag = noises(14, M, M), noises(ROWS, N, seed=2) * np.float32(0.1)
    out = strips(3)
    finishes.marble(soft, jag, dark, TOP, out[0], out[1], out[2])
    fields = [enlarged(field)[STRIP] for field in soft]
    ordered = [np.sort(fields[start : start + 4], axis=0) for start in (0, 4)]
    vein, hair = (four[3] - four[2] for four in ordered)
    force = np.maximum(fields[9], 0)
    core = force * np.exp(-np.abs(vein + 0.5 * jag) / (0.055 * force + 0.009))
    lines = np.exp(-(((hair + jag) / 0.04) ** 2)) * fields[10] + np.exp(-((fields[8] / 0.02) ** 2)) * fields[11]
    if dark:
        np.testing.assert_allclose(out[1], 5 * core**2 + 2.2 * lines + fields[12], atol=1e-3)
        return
    level = np.exp(-0.6 * core - 0.26 * lines - fields[12])
    expected = [level * (1 + 0.6 * fields[13]), level, level * (1 - fields[13])]
    np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-3)


def test_boards_have_rings_pores_knots_and_gaps() -> None:
    bend, fibre, pores, tone = (noises(ROWS, N, seed=seed) for seed in range(4))
    rng = np.random.default_rng(5)
    columns = (np.arange(N) + 11) % N
    y = np.linspace(-0.08, 0.0, ROWS).astype(np.float32)
    low = [-0.2, 0.02, 0.01, 0.006, -0.07, -0.01, 0.0, 0.0, 0.2, -0.04, 0.02, 0.0]
    high = [0.2, 0.07, 0.06, 0.0095, 0.07, 0.01, 0.4, 0.4, 0.5, 0.04, 0.05, 1.0]
    planks = rng.uniform(low, high, (N, 12)).T.astype(np.float32).copy()
    planks[11] = planks[11] > 0.5
    late = rng.uniform(0.45, 1, 64).astype(np.float32)
    out = strips(3)
    finishes.board(
        bend, fibre, pores, tone, columns, y, planks, late, np.float32(0.16), out[0], out[1], out[2]
    )  # fmt: skip
    bend, fibre, pores, tone = (field[:, columns] for field in (bend, fibre, pores, tone))
    pith, deep, lean, ring, shade, hue, since, until, knot_x, knot_y, size, dark = planks.astype(np.float64)
    across = y[:, None].astype(np.float64)
    phase = (np.hypot(across - pith, deep + lean * since + 0.028 * bend) + 0.0005 * fibre) / ring
    value = 1 + shade + 0.025 * tone + 0.045 * fibre
    far = (((since - knot_x) / 2.2) ** 2 + (across - knot_y) ** 2) * np.maximum(1 + 4 * (value - 1), 0.2) / size**2
    phase += 5 * dark * np.exp(-far / 4)
    value *= 1 - dark * (0.45 * np.exp(-far * far) + 0.1 * np.exp(-far / 5))
    part = phase - np.floor(phase)
    value *= 1 - 0.27 * part**2 * np.clip((1 - part) * 4, 0, 1) * late[np.floor(phase).astype(int) % 64]
    value *= 1 - 0.16 * np.clip(pores - 1.2, 0, 2) * (1 - 0.6 * part)
    edge = np.minimum(0.08 - np.abs(across), np.minimum(since, until))
    value *= 1 - 0.72 * np.exp(-((edge / 0.0018) ** 2))
    redder = value**0.18
    expected = [value / redder * (1 + hue), value, value * redder * (1 - hue)]
    # Where a ring ends, the last bit of its phase decides which ring a pixel is in.
    clear = np.minimum(part, 1 - part) > 1e-3
    for found, wanted in zip(out, expected, strict=True):
        np.testing.assert_allclose(found[clear], wanted[clear], rtol=1e-3, atol=1e-4)


def test_a_knot_in_the_darkest_wood_leaves_all_three_channels_light() -> None:
    # Tone and fibre at once as low as among some of a large tile's texels.
    still, low = np.zeros((ROWS, N), np.float32), np.full((ROWS, N), -3, np.float32)
    plank = [0.0, 0.05, 0.03, 0.012, -0.14, 0.0, 0.3, 0.3, 0.3, 0.0, 0.011, 1.0]
    planks = np.repeat(np.array(plank, np.float32)[:, None], N, 1)
    planks[6] = np.linspace(0, 0.6, N)
    y, late = np.linspace(-0.08, 0.08, ROWS).astype(np.float32), np.ones(64, np.float32)
    out = strips(3)
    finishes.board(still, low, still, low, np.arange(N), y, planks, late, np.float32(0.16), out[0], out[1], out[2])
    assert np.isfinite(out).all()
    assert min(plane.min() for plane in out) > 0.05


def test_chips_are_polygons_as_pillow_draws_them() -> None:
    rng = np.random.default_rng(1)
    angles = np.arange(14) * 2 * np.pi / 14
    ring = np.stack([np.cos(angles), np.sin(angles)], -1)
    middles = rng.uniform(-4, 2 * N + 4, (30, 1, 2))
    corners = np.trunc(middles + rng.uniform(3, 12, (30, 1, 1)) * ring).astype(np.float32)
    picture = Image.new("I", (2 * N, 2 * N), 0)
    draw = ImageDraw.Draw(picture)
    for index, places in enumerate(corners.reshape(30, -1).tolist()):
        draw.polygon(places, fill=index + 1)
    expected = np.asarray(picture)
    out = np.zeros((2 * N, 2 * N), np.uint16)
    lowest, highest = corners[..., 1].min(1), corners[..., 1].max(1)
    for top in range(0, 2 * N, 16):
        finishes.draw_chips(corners, lowest, highest, top, out[top : top + 16])
    assert (out != expected).mean() < 0.01


def test_terrazzo_is_the_mean_colour_of_its_chips_and_specks_in_the_binder() -> None:
    rng = np.random.default_rng(1)
    chips = rng.integers(0, 3, (2 * ROWS, 2 * N)).astype(np.uint16)
    chips[:, :N] = 0
    colours = rng.random((3, 3)).astype(np.float32)
    dust, veil = 2 * noises(ROWS, N), noises(ROWS, N, seed=2) * np.float32(0.1)
    out = strips(3)
    finishes.terrazzo(chips, colours, dust, veil, out[0], out[1], out[2])
    mean = colours[chips].reshape(ROWS, 2, N, 2, 3).mean((1, 3))
    binder = (chips == 0).reshape(ROWS, 2, N, 2).all((1, 3))
    specks = np.clip(np.abs(dust) - 1.4, 0, 2) * np.sign(dust) * binder
    expected = mean * (1 + veil + 0.015 * dust + 0.13 * specks)[..., None]
    np.testing.assert_allclose(np.stack(out, -1), expected, atol=1e-5)
