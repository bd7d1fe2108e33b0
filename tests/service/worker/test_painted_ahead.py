"""A hub model paints before its worker is ready, where that saves time."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import pytest

from models.hub.controlnet import DepthChoice
from models.hub.pipelines import MemoryChoice
from pipeline.core.errors import OutOfMemory
from pipeline.core.networks import Capabilities, Laid, Networks, Painted, PaintRequest
from service.settings import Settings
from service.worker import networks as opening
from testkit import still_life


class Painter:
    """Paints its drawing, and keeps the requests."""

    capabilities = Capabilities(size=48, holds=True)

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[int, ...], Laid | None]] = []

    def paint(self, requests: Sequence[PaintRequest]) -> list[Painted]:
        self.asked += [(one.conditions.depth.shape, one.laid) for one in requests]
        return [one.conditions.sketch for one in requests]


@pytest.fixture(name="painter")
def _painter(monkeypatch: pytest.MonkeyPatch) -> Painter:
    """Replaces the loading of networks, after kernels and cut-out."""
    painter = Painter()
    monkeypatch.setattr(
        opening, "open_networks", lambda settings: Networks(still_life.networks().segmenter, painter, {})
    )
    monkeypatch.setattr(opening, "compile_kernels", lambda settings, report: False)
    return painter


def test_it_paints_a_square_and_a_tall_picture_round_a_product_before_the_worker_has_its_networks(
    painter: Painter,
) -> None:
    assert opening.open_for_jobs(Settings(warm_up=True)).generator is painter
    (square, held), (tall, also_held) = painter.asked
    assert square[0] == square[1]
    assert tall[0] > 1.2 * tall[1]
    assert held is not None
    assert also_held is not None


def test_its_error_keeps_the_worker_from_starting(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Painter, requests: object) -> NoReturn:
        raise OutOfMemory("too little")

    monkeypatch.setattr(Painter, "paint", fails)
    with pytest.raises(OutOfMemory):
        opening.open_for_jobs(Settings(warm_up=True))


def test_by_default_it_paints_ahead_on_cuda_alone(painter: Painter) -> None:
    opening.open_for_jobs(Settings())
    assert painter.asked == []
    for device, expected in (("cuda bfloat16", True), ("cpu float32", False)):
        networks = Networks(still_life.networks().segmenter, painter, {"generator_device": device})
        assert opening.paints_ahead(Settings(), networks) is expected
        assert opening.paints_ahead(Settings(warm_up=not expected), networks) is not expected


def test_the_settings_name_a_hub_models_options() -> None:
    named = Settings(controlnet="a/net@main", control_scale=0.7, offload="text", compile=True, vae_tiling=True)
    choice = opening.generator_choice(named)
    assert choice.depth == DepthChoice("a/net@main", 0.7)
    assert choice.memory == MemoryChoice("text", vae_tiling=True, compiled=True)
    assert opening.generator_choice(Settings(controlnet="")).depth is None


def test_the_settings_set_a_hub_models_attempts_and_its_replacement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "load_networks", lambda *_, **__: still_life.networks())
    opened = opening._load(Settings())
    assert (opened.paintings, opened.falls_back) == (2, True)
    opened = opening._load(Settings(generator_paintings=3, generator_fallback="fail"))
    assert (opened.paintings, opened.falls_back) == (3, False)


def test_a_dash_means_none_where_none_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECOND_SEGMENTER", "VIEWPOINT", "CONTROLNET", "GENERATOR_FAMILY"):
        monkeypatch.setenv(f"BACKDROP_{name}", "-")
    settings = Settings()
    assert (settings.second_segmenter, settings.viewpoint) == ("", "")
    assert (settings.controlnet, settings.generator_family) == (None, None)
    monkeypatch.setenv("BACKDROP_GENERATOR", "-")
    with pytest.raises(ValueError, match=r"means none, but a value is required\. Unset BACKDROP_GENERATOR"):
        Settings()


@pytest.mark.parametrize(("device", "many"), [("cpu", 0), ("cuda", 1)])
def test_only_networks_on_a_device_make_a_swap_before_the_first_job(
    painter: Painter, device: str, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, warmed = opening.open_networks(Settings()), list[Networks]()
    monkeypatch.setattr(
        opening, "open_networks", lambda settings: replace(opened, versions={"segmenter_device": device})
    )
    monkeypatch.setattr(opening, "warm_up", warmed.append)

    opening.open_for_jobs(Settings(warm_up=False))

    assert len(warmed) == many
