"""The scene's exact depth steers a hub model where the operator names a ControlNet."""

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.hub.controlnet import CONTROLLED, DepthChoice, depth_picture, depth_words
from models.hub.recipe import resized
from pipeline.core.networks import Conditions, Laid, PaintRequest
from pipeline.scene.layout import FOCAL
from tests.lanes import rest_at_night
from tests.models.hub.tiny_families import save_controlnet
from tests.support.tiny_pipelines import FolderOf, conditions, load_pipeline, paint

STEERED = (
    "stable-diffusion-v1-5",
    "FLUX.1-schnell",
    "Z-Image-Turbo",
    "stable-diffusion-3.5-medium",
    "stable-diffusion-xl-base-1.0",
)
#: diffusers' own ControlNet of FLUX.1.
pytestmark = pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning")


@pytest.fixture(scope="module", name="net_folder")
def _net_folder(tiny_folder: FolderOf, tmp_path_factory: pytest.TempPathFactory) -> FolderOf:
    """The folder of a tiny pipeline's ControlNet."""
    import diffusers

    @cache
    def saved(name: str) -> Path:
        pipe = diffusers.DiffusionPipeline.from_pretrained(tiny_folder(name))
        return save_controlnet(tmp_path_factory.mktemp("net"), name, pipe)

    return saved


def ramp() -> Conditions:
    """The scene of the tiny pipelines, with a floor that comes nearer."""
    scene = conditions()
    depth = np.repeat(np.linspace(9, 2, scene.depth.shape[0], dtype=np.float32)[:, None], scene.depth.shape[1], 1)
    return replace(scene, depth=depth)


def asked(scene: Conditions, laid: Laid | None = None, seed: int = 1) -> PaintRequest:
    return PaintRequest("a wall", "", scene, seed, lambda done: None, laid=laid)


def laid_on(scene: Conditions) -> Laid:
    """A green product in front of the wall."""
    height, width = scene.depth.shape
    picture, keep = scene.sketch.copy(), np.zeros((height, width), np.float32)
    picture[12:42, 16:48], keep[12:42, 16:48] = (0.1, 0.5, 0.3), 1
    return Laid(picture, keep)


def test_near_things_are_white_in_inverse_depth_of_the_whole_range() -> None:
    scene = ramp()
    shown = depth_picture(asked(scene))
    assert (shown[0].max(), shown[-1].min()) == pytest.approx((0, 1))
    # half of the way in 1/d, of 9 and 2: a depth of 3.27
    row = int(np.abs(scene.depth[:, 0] - 1 / ((1 / 9 + 1 / 2) / 2)).argmin())
    assert shown[row, 0] == pytest.approx(0.5, abs=0.03)
    assert (depth_picture(asked(conditions())) == 1).all()  # one distance everywhere


def test_a_held_product_has_its_layouts_depth() -> None:
    scene = replace(ramp(), depth=ramp().depth + 3)
    laid = laid_on(scene)
    shown = depth_picture(asked(scene, laid))
    assert (shown[laid.keep > 0.5] == 1).all()
    assert shown[laid.keep == 0].max() < 1
    nearer = replace(scene, depth=np.full_like(scene.depth, FOCAL / 2))
    assert (depth_picture(asked(nearer, laid)) == 1).all()  # things in front hide it


@pytest.mark.parametrize("name", rest_at_night(STEERED))
def test_the_depth_reaches_the_net_at_the_painted_size_and_steers_the_picture(
    tiny_folder: FolderOf, net_folder: FolderOf, name: str
) -> None:
    generator = load_pipeline(tiny_folder(name), size=64, steps=2, depth=DepthChoice(str(net_folder(name))))
    pipe = generator._pipe
    seen, encoded = list[Any](), list[Any]()

    def listened(module: Any, given: Any, named: dict[str, Any]) -> None:
        seen.append(named.get("controlnet_cond", given[3] if len(given) > 3 else None))

    pipe.controlnet.register_forward_pre_hook(listened, with_kwargs=True)
    pipe.vae.encoder.register_forward_pre_hook(lambda module, given: encoded.append(given[0].clone()))
    scene = ramp()
    painted = paint(generator, scene)
    assert seen
    # A UNet's ControlNet sees the picture, in 0 to 1; a transformer's sees the autoencoder's latents of it, in -1 to 1.
    of_unet = hasattr(pipe, "unet")
    shown = [seen[-1]] if of_unet else encoded
    found = [np.asarray(one[0].permute(1, 2, 0)) * (1 if of_unet else 0.5) + (0 if of_unet else 0.5) for one in shown]
    width, height = generator._recipe.painted_size(scene)
    wanted = resized(depth_picture(asked(scene))[..., None], width, height)
    assert any(one.shape == (height, width, 3) and np.abs(one - wanted).max() < 0.01 for one in found)
    assert np.abs(paint(generator, conditions()) - painted).mean() > 1e-4
    np.testing.assert_array_equal(paint(generator, scene), painted)
    assert np.abs(paint(generator, scene, seed=2) - painted).max() > 0
    # it still starts from its drawing
    assert np.abs(paint(generator, replace(scene, light=scene.light * 0.1)) - painted).max() > 0


@pytest.mark.parametrize("name", rest_at_night(["stable-diffusion-v1-5", "stable-diffusion-xl-base-1.0"]))
def test_a_controlnet_of_zero_strength_leaves_the_models_picture(
    tiny_folder: FolderOf, net_folder: FolderOf, name: str
) -> None:
    """Only with a UNet: the others encode the depth with the random numbers that the noise uses."""
    silent = load_pipeline(tiny_folder(name), size=64, steps=2, depth=DepthChoice(str(net_folder(name)), 0.0))
    alone = load_pipeline(tiny_folder(name), size=64, steps=2)
    np.testing.assert_allclose(paint(silent, ramp()), paint(alone, ramp()), atol=1e-6)
    assert "depth=controlnet sha256:" in silent.version
    assert silent.version.split(" depth=")[1].split()[2:3] == ["scale=0.0"]
    assert "depth" not in alone.version


@pytest.mark.parametrize("name", rest_at_night(STEERED, gate=0))
def test_start_depth_and_hold_work_together_and_in_a_batch_as_alone(
    tiny_folder: FolderOf, net_folder: FolderOf, name: str
) -> None:
    generator = load_pipeline(tiny_folder(name), size=64, steps=3, depth=DepthChoice(str(net_folder(name)), 0.5))
    assert generator.capabilities.holds
    scene, laid = ramp(), laid_on(ramp())
    inner = np.zeros(scene.depth.shape, bool)
    inner[20:34, 24:40] = True

    def painted(*requests: PaintRequest) -> list[np.ndarray]:
        answers = generator.paint(requests)
        assert all(isinstance(one, np.ndarray) for one in answers), answers
        return answers  # type: ignore[return-value]  # as asserted

    def moved_by_another_seed(given: Laid) -> float:
        one, other = (painted(asked(scene, given, seed=seed))[0] for seed in (1, 2))
        return float(np.abs(one - other)[inner].mean())

    (held,) = painted(asked(scene, laid))
    # The product is held under any noise. It changes a little, as a group norm mixes in its surroundings.
    assert moved_by_another_seed(laid) < 0.5 * moved_by_another_seed(Laid(laid.picture, laid.keep * 0))
    if generator.capabilities.batches:
        pair = painted(asked(scene, laid), asked(conditions(), laid, seed=4))
        np.testing.assert_allclose(pair[0], held, atol=1e-4)
        np.testing.assert_allclose(pair[1], painted(asked(conditions(), laid, seed=4))[0], atol=1e-4)


def refused(folder: Path, model: Path | str, *words: str) -> None:
    with pytest.raises(ValueError, match="BACKDROP_CONTROLNET") as error:
        load_pipeline(folder, size=64, depth=DepthChoice(str(model)))
    assert all(word in str(error.value) for word in words), error.value


def test_an_invalid_controlnet_for_this_model_is_refused_by_the_settings_name(
    tiny_folder: FolderOf, net_folder: FolderOf, tmp_path: Path
) -> None:
    model, net = tiny_folder("stable-diffusion-v1-5"), net_folder("stable-diffusion-v1-5")
    refused(model, tmp_path / "nowhere", "no ControlNet is found")
    (tmp_path / "empty").mkdir()
    refused(model, tmp_path / "empty", "no ControlNet is found")
    refused(model, model / "unet", "a UNet2DConditionModel", "is steered by a ControlNetModel")
    hollow = shutil.copytree(net, tmp_path / "hollow")
    (hollow / "diffusion_pytorch_model.safetensors").unlink()
    refused(model, hollow, "weights can't be read")


@pytest.mark.nightly  # pipelines of other families; the test above checks the same
def test_a_controlnet_of_another_model_and_a_model_without_any_are_refused(
    tiny_folder: FolderOf, net_folder: FolderOf, tmp_path: Path
) -> None:
    import diffusers

    net = net_folder("stable-diffusion-v1-5")
    refused(tiny_folder("stable-diffusion-xl-base-1.0"), net, "cross_attention_dim is 32", "64")
    refused(tiny_folder("FLUX.1-schnell"), net, "a ControlNetModel", "FluxControlNetModel")
    refused(tiny_folder("FLUX.2-klein-4B"), net, "Flux2KleinPipeline", "Leave it empty")
    union = shutil.copytree(net_folder("FLUX.1-schnell"), tmp_path / "union")
    config = json.loads((union / "config.json").read_text())
    diffusers.FluxControlNetModel.from_config({**config, "num_mode": 3}).save_pretrained(union)
    refused(tiny_folder("FLUX.1-schnell"), union, "several modes")


def test_the_report_says_whether_a_model_gets_depth_and_why_not(tiny_folder: FolderOf) -> None:
    plain = load_pipeline(tiny_folder("stable-diffusion-v1-5"), size=64)
    assert depth_words(plain.painting_class, None) == "no, BACKDROP_CONTROLNET names no ControlNet (ControlNetModel)"
    assert "no ControlNet class for Flux2KleinPipeline" in depth_words("Flux2KleinPipeline", None)
    named = depth_words("StableDiffusionControlNetImg2ImgPipeline", DepthChoice("a/net"))
    assert named == "yes, a/net passes it to StableDiffusionControlNetImg2ImgPipeline"


def test_each_class_under_a_controlnet_is_one_of_diffusers() -> None:
    import diffusers

    for names in CONTROLLED.items():
        for name in (names[0], *names[1]):
            assert hasattr(diffusers, name), name
