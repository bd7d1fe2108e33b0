"""Flow pipelines start at their family's noise, at any size, and paint as many pixels as in their training."""

import functools
import json
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.hub.families import FAMILIES, family_of
from models.hub.recipe import painted_size
from models.hub.start import noise_schedule, schedule
from pipeline.background.paint import paint_picture
from pipeline.core.networks import Laid
from pipeline.scene.composition import compose
from service.catalogue.catalogue import load_catalogue
from testkit.still_life import preset, spec
from tests.lanes import rest_at_night
from tests.models.hub.tiny_families import TINY_FAMILIES
from tests.support.tiny_pipelines import FolderOf, load_pipeline, paint


@pytest.mark.parametrize(
    ("name", "kind", "size"),
    rest_at_night(
        [
            # the pipeline whose noise depends on the picture's size
            ("FLUX.1-dev", "FluxImg2ImgPipeline", (128, 64)),
            ("FLUX.1-dev", "FluxImg2ImgPipeline", (64, 64)),
            ("FLUX.1-schnell", "FluxImg2ImgPipeline", (64, 64)),
            ("Z-Image-Turbo", "ZImageImg2ImgPipeline", (64, 64)),
            ("stable-diffusion-3.5-medium", "StableDiffusion3Img2ImgPipeline", (64, 64)),
            ("FLUX.2-klein-4B", "Flux2KleinInpaintPipeline", (96, 96)),
            ("FLUX.1-Kontext-dev", "FluxKontextInpaintPipeline", (128, 64)),
            ("Z-Image-Turbo", "ZImageInpaintPipeline", (64, 64)),
        ]
    ),
)
def test_the_first_noise_is_the_requested_one_and_all_steps_run(
    tiny_folder: FolderOf, name: str, kind: str, size: tuple[int, int]
) -> None:
    import diffusers
    import torch

    pipe = getattr(diffusers, kind).from_pretrained(tiny_folder(name))
    pipe.set_progress_bar_config(disable=True)
    picture = Image.new("RGB", size, (200, 120, 40))
    masked: dict[str, Any] = {"mask_image": Image.new("L", size, 255)} if "Inpaint" in kind else {}
    masked |= {"_auto_resize": False} if "Kontext" in kind else {}
    ran: list[int] = []

    def step(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        ran.append(index)
        return tensors

    sigmas = noise_schedule(pipe, 0.72, 3, *size)
    generator = torch.Generator().manual_seed(0)
    pipe(
        prompt="a wall", image=picture, width=size[0], height=size[1], strength=1.0, num_inference_steps=3,
        sigmas=sigmas, generator=generator, callback_on_step_end=step, output_type="np", **masked,
    )  # fmt: skip
    assert float(pipe.scheduler.sigmas[0]) == pytest.approx(0.72, abs=1e-5)
    assert list(pipe.scheduler.sigmas) == sorted(pipe.scheduler.sigmas, reverse=True)
    assert ran == [0, 1, 2]


def test_a_familys_start_noise_equals_its_strength(tiny_folder: FolderOf) -> None:
    """Nothing changes where the shift does not depend on the size. By `strength` alone FLUX.1 [dev]'s noise would."""
    family = family_of({"_class_name": "ZImagePipeline", "scheduler": {"shift": 3.0}})
    assert family is not None
    assert family.start_noise is not None
    exact = load_pipeline(tiny_folder("Z-Image-Turbo"), size=64)
    by_strength = load_pipeline(tiny_folder("Z-Image-Turbo"), size=64, strength=schedule(5, 0.6)[1])
    np.testing.assert_allclose(paint(exact), paint(by_strength), atol=1e-5)
    assert "noise=0.8333" in exact.version
    assert "noise" not in by_strength.version


def test_only_flow_families_have_a_start_noise() -> None:
    for family in FAMILIES:
        # Qwen-Image's schedule is stretched at its end, and no start is exact on it.
        grid = family.name.startswith(("SD", "Stable Diffusion 1", "Qwen-Image"))
        painted_round = family.image == "start" or family.inpaints is not None
        assert (family.start_noise is not None) == (painted_round and not grid), family.name


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(
    "name",
    rest_at_night(
        [
            *("FLUX.2-klein-4B", "FLUX.1-Kontext-dev", "FLUX.2-klein-9b-kv"),
            *("Qwen-Image-Edit", "Qwen-Image-Edit-2511"),
        ]
    ),
)
def test_an_edit_model_gets_an_instruction_and_keeps_the_given_size(
    tiny_folder: FolderOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, held: bool
) -> None:
    if name.startswith("Qwen"):  # it can't be saved
        folder, pipe = tmp_path, TINY_FAMILIES[name](tmp_path)
        (folder / "model_index.json").write_text(json.dumps({"_class_name": type(pipe).__name__}))
        monkeypatch.setattr("models.loading.open_pipeline", lambda *_, **__: pipe)
    else:
        folder = tiny_folder(name)
    generator = load_pipeline(folder, size=128, steps=2)
    painter = generator._inpaint if held and generator._inpaint is not None else generator._pipe
    kind, call = type(painter), dict[str, Any]()

    @functools.wraps(kind.__call__)
    def spied(pipe: Any, **given: Any) -> Any:
        call.update(given)
        return SimpleNamespace(images=[np.zeros((given["height"], given["width"], 3))])

    monkeypatch.setattr(kind, "__call__", spied)
    asked = spec("podium", palette=("#2f5d50", "#e8c7b8"), place=preset((512, 256)))

    def lay(drawing: np.ndarray) -> Laid | None:
        return Laid(drawing, np.zeros(drawing.shape[:2], np.float32)) if held else None

    paint_picture(asked, compose(asked, 512, 256, 0.6), 512, 256, generator, lambda done: None, lay=lay)
    said = (
        f"Put the product on {asked.scene.prompt}, keep it unchanged" if held else "Turn this flat draft into a photo"
    )
    assert call["prompt"].startswith(said)
    assert "dark slate gray" in call["prompt"]
    assert ("#2f5d50" in call["prompt"]) == ("klein" in name)
    assert (call["width"], call["height"]) == (176 if "Qwen" not in name else 160, 80 if "Qwen" not in name else 96)
    assert call["image"].size == (call["width"], call["height"])
    assert call.get("true_cfg_scale") == (4.0 if "Qwen" in name else None)


def test_every_preset_is_painted_at_about_a_megapixel_and_never_more() -> None:
    sizes = {one.size for one in load_catalogue().presets.values() if one.background == "scene" and one.size}
    shapes = {size: painted_size(*size, size=1024, multiple=16) for size in sizes}
    for (width, height), (wide, tall) in shapes.items():
        assert 0.96 < wide * tall / 1024**2 <= 1, shapes
        assert wide / tall == pytest.approx(width / height, rel=0.03)
    # Each is a shape to compile for.
    assert len(set(shapes.values())) <= 8


def test_sides_are_multiples_and_at_least_one() -> None:
    for width, height in product((1, 3, 100, 1000, 4000), (1, 7, 640, 1001)):
        wide, tall = painted_size(width, height, size=64, multiple=32)
        assert wide % 32 == tall % 32 == 0
        assert wide >= 32 <= tall
        assert min(wide, tall) == 32 or wide * tall <= 64**2


def test_a_pipeline_of_no_known_family_paints_at_its_own_size(
    tiny_folder: FolderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.hub.found.family_of", lambda *_, **__: None)
    # FLUX.1 [dev] has 128 cells of its autoencoder's, which are two pixels wide here.
    assert load_pipeline(tiny_folder("FLUX.1-dev")).capabilities.size == 256
