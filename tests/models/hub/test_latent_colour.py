from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from models.hub.generator import DiffusersGenerator
from models.hub.latent_colour import ColourMap, calibrate, colour_map, digest, encoded, file_name, fit, load, mosaics
from models.hub.latent_shift import SETTLED, LatentShift, Packing, levels, packed, unpacked
from models.hub.recipe import Recipe
from models.loading import COLOUR_MAPS, load_autoencoder, load_generator
from pipeline.colour.spaces import delta_e00, srgb_to_lab
from pipeline.core.errors import ModelFailed
from scripts.calibrate_colour import main
from tests.lanes import rest_in_gate
from tests.support.tiny_pipelines import autoencoder, conditions, paint

Folders = Callable[[str], Path]

EULER = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture(scope="module", name="vae")
def _vae() -> Any:
    import torch

    torch.manual_seed(0)
    return autoencoder()


@pytest.fixture(scope="module", name="colours")
def _colours(vae: Any) -> ColourMap:
    return calibrate(vae)


def pipeline(folder: Path, **options: Any) -> Any:
    """Return the image-to-image pipeline of a family, tiny."""
    return load_generator(folder, size=96 if folder.name.startswith("FLUX") else 64, latent_colour=True, **options)


def test_the_subspace_is_found_beneath_texture_that_is_stronger_than_colour() -> None:
    rng = np.random.default_rng(1)
    axes = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    srgb = rng.uniform(0, 1, (2000, 3))
    bent = srgb + 0.1 * srgb**2
    texture = rng.standard_normal((2000, 1)) * 0.5
    found = fit(srgb, bent @ axes[:3] + texture * axes[3])
    # Principal angles: the cosines are 1 where the two spaces are one.
    assert np.linalg.svd(found.directions @ axes[:3].T)[1].min() > 0.98
    assert found.figures["variance"] > 0.9
    assert fit(srgb, bent @ axes[:3]).figures["delta_e00"] < 1


def test_latents_without_colour_are_refused() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match="Colour can't be read"):
        fit(rng.uniform(0, 1, (400, 3)), rng.standard_normal((400, 8)))


def test_an_autoencoders_colours_are_read_back(colours: ColourMap) -> None:
    assert colours.figures["variance"] > 0.9
    assert colours.figures["back"] > 0.7


def test_patches_cover_the_cube_from_flat_to_gently_textured() -> None:
    pictures = mosaics(16)
    assert pictures.shape[1:] == (48, 48, 3)
    patches = pictures.reshape(-1, 3, 16, 3, 16, 3).swapaxes(2, 3).reshape(-1, 16, 16, 3)
    means = patches.mean((1, 2))
    for corner in np.ndindex(2, 2, 2):
        assert np.abs(means - corner).max(1).min() < 0.03
    texture = patches.std((1, 2)).mean(1)
    assert texture.min() < 0.003 < texture.max() < 0.05


def test_a_shift_is_nothing_where_the_colour_is_there_and_is_bounded(colours: ColourMap) -> None:
    rng = np.random.default_rng(2)
    one, two = (colours.mean + rng.uniform(-1, 1, (50, 3)) @ colours.directions * colours.unit for _ in range(2))
    np.testing.assert_allclose(colours.shift(one, one, 25), 0, atol=1e-9)
    np.testing.assert_allclose(colours.lab(one + colours.shift(one, two, 1000)), colours.lab(two), atol=1e-3)
    near, far = (np.abs(colours.shift(one, two, most)).mean() for most in (5.0, 500.0))
    assert 0 < near < far


def test_a_map_is_kept_and_a_map_of_other_weights_is_refused(vae: Any, colours: ColourMap, tmp_path: Path) -> None:
    path = tmp_path / file_name(digest(vae))
    colours.save(path)
    kept = colour_map(vae, tmp_path)
    np.testing.assert_array_equal(kept.directions, colours.directions)
    assert kept.figures == colours.figures
    replace(colours, autoencoder="another").save(path)
    with pytest.raises(ValueError, match="another autoencoder"):
        colour_map(vae, tmp_path)


@pytest.mark.gate  # seconds of calibration; the fast lane fits a map
@EULER
def test_the_command_writes_the_map_that_the_generator_then_uses(tmp_path: Path, tiny_folder: Folders) -> None:
    model = tiny_folder("sdxl-lightning")
    name = file_name(digest(load_autoencoder(model)))
    path = tmp_path / COLOUR_MAPS / name
    done = CliRunner().invoke(main, [str(model), "-o", str(path), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert f"{load(path).figures['back']:.3f}" in done.output
    generator = load_generator(model, size=64, weights=tmp_path, latent_colour=True)
    calibrated = load_generator(model, size=64, latent_colour=True)  # anew, to the same map
    np.testing.assert_array_equal(paint(generator), paint(calibrated))
    replace(load(path), autoencoder="another").save(path)
    with pytest.raises(ModelFailed, match="another autoencoder"):
        paint(load_generator(model, size=64, weights=tmp_path, latent_colour=True))


#: By name: diffusers is imported for the tests that make them, not for those that are only collected.
SCHEDULERS = ("DDIM, noise", "DDIM, velocity", "PNDM", "Euler, noise", "Euler, velocity", "flow")


def schedulers() -> dict[str, Any]:
    from diffusers import DDIMScheduler, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler, PNDMScheduler

    return {
        "DDIM, noise": DDIMScheduler(clip_sample=False, steps_offset=1),
        "DDIM, velocity": DDIMScheduler(clip_sample=False, prediction_type="v_prediction"),
        "PNDM": PNDMScheduler(skip_prk_steps=True, steps_offset=1),
        "Euler, noise": EulerDiscreteScheduler(),
        "Euler, velocity": EulerDiscreteScheduler(prediction_type="v_prediction"),
        "flow": FlowMatchEulerDiscreteScheduler(shift=3.0),
    }


@EULER
@pytest.mark.parametrize("name", SCHEDULERS)
def test_two_latents_of_a_run_give_the_clean_one_that_the_network_believed_in(name: str) -> None:
    import torch

    scheduler = schedulers()[name]
    scheduler.set_timesteps(10)
    believed, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    alpha, sigma = signal(scheduler, 0)
    latents = alpha * believed + sigma * noise
    for index, timestep in enumerate(scheduler.timesteps):
        before = latents
        alpha, sigma = signal(scheduler, index)
        scheduler.is_scale_input_called = True
        latents = scheduler.step(told(scheduler, believed, noise, index), timestep, before).prev_sample
        if name == "PNDM" and index < 2:  # its first step is made twice
            continue
        step = levels(scheduler, timestep)
        assert step is not None
        assert step.before == pytest.approx((alpha, sigma), rel=1e-4, abs=1e-6)
        torch.testing.assert_close(step.clean(before, latents), believed, atol=2e-3, rtol=0)


def signal(scheduler: Any, index: int) -> tuple[float, float]:
    """Return α and σ before a step, from each scheduler's own definition."""
    if not hasattr(scheduler, "sigmas"):
        kept = float(scheduler.alphas_cumprod[int(scheduler.timesteps[index])])
        return kept**0.5, (1 - kept) ** 0.5
    sigma = float(scheduler.sigmas[index])
    return (1 - sigma if type(scheduler).__name__.startswith("Flow") else 1.0), sigma


@EULER
def test_a_solver_that_adds_noise_is_known_to_tell_nothing() -> None:
    from diffusers import EulerAncestralDiscreteScheduler, FlowMatchEulerDiscreteScheduler, LCMScheduler

    assert levels(EulerAncestralDiscreteScheduler(), 999) is None
    assert levels(LCMScheduler(), 999) is None
    assert levels(FlowMatchEulerDiscreteScheduler(stochastic_sampling=True), 999) is None


@pytest.mark.parametrize("packing", ["flux", "flux2"])
def test_packed_latents_are_unpacked_as_diffusers_itself_packs_them(packing: Packing) -> None:
    import torch
    from diffusers import Flux2KleinPipeline, FluxPipeline

    own, shift = torch.randn(2, 1, 4, 6, 10, generator=torch.Generator().manual_seed(1))
    config = {"latent_channels": 4, "scaling_factor": 0.36, "shift_factor": 0.12, "batch_norm_eps": 1e-4}
    norm = SimpleNamespace(running_mean=torch.linspace(-1, 1, 16), running_var=torch.linspace(0.5, 2, 16))
    vae = SimpleNamespace(config=Config(config), bn=norm)

    def pack(latents: Any) -> Any:
        if packing == "flux":
            return FluxPipeline._pack_latents((latents - 0.12) * 0.36, 1, 4, 6, 10)
        folded = Flux2KleinPipeline._patchify_latents(latents)
        mean, spread = norm.running_mean.view(1, -1, 1, 1), torch.sqrt(norm.running_var + 1e-4).view(1, -1, 1, 1)
        return Flux2KleinPipeline._pack_latents((folded - mean) / spread)

    torch.testing.assert_close(unpacked(pack(own), vae, packing, (6, 10)), own)
    torch.testing.assert_close(pack(own) + packed(shift, vae, packing), pack(own + shift))
    with pytest.raises(ValueError, match="expected"):
        unpacked(pack(own), vae, packing, (10, 10))


class Config(dict[str, Any]):
    """A configuration as diffusers has them: keys that are attributes too."""

    __getattr__ = dict.__getitem__


@EULER
@pytest.mark.parametrize(
    "name",
    rest_in_gate(["sdxl-lightning", "stable-diffusion-v1-5", "sdxl-turbo", "Z-Image-Turbo", "FLUX.2-klein-4B"]),
)
def test_each_familys_pipeline_takes_the_shift(tiny_folder: Folders, name: str) -> None:
    options: dict[str, Any] = {"steps": 6} if name.startswith("stable") else {}
    generator = pipeline(tiny_folder(name), **options)
    assert generator.shifts_colour
    asked: dict[str, Any] = {"prompt": "a wall", "negative_prompt": "", "conditions": conditions(), "seed": 1}
    steps: list[float] = []
    shifted = generator(**asked, on_step=steps.append)
    assert steps[-1] == 1
    assert np.abs(shifted - generator(**asked, on_step=steps.append, shift_colour=False)).max() > 0.01


@EULER
@pytest.mark.parametrize("name", SCHEDULERS)
def test_what_is_painted_in_other_colours_ends_nearer_to_the_drawings_with_the_shift(
    vae: Any, colours: ColourMap, name: str
) -> None:
    rng = np.random.default_rng(1)
    plain: list[float] = []
    shifted: list[float] = []
    for seed in range(3):
        drawn, other = (rng.uniform(0.2, 0.8, (2, 3)).astype(np.float32) for _ in range(2))
        other = (drawn + (other - drawn) / 3).astype(np.float32)
        target, painted = (np.repeat(np.repeat(pair[:, None], 32, 0), 64, 1) for pair in (drawn, other))
        shift = LatentShift(colours, "grid", vae, target)
        for kept, way in ((plain, None), (shifted, shift)):
            latents = run(schedulers()[name], vae, painted, seed, way)[0].permute(1, 2, 0).double().numpy()
            halves = np.stack([latents[4:12, 4:-4].mean((0, 1)), latents[20:28, 4:-4].mean((0, 1))])
            kept.append(float(delta_e00(colours.lab(halves), srgb_to_lab(drawn)).mean()))
        assert shift.noise is not None
        assert 0 < shift.noise <= SETTLED
    assert np.mean(plain) > 3
    assert np.mean(shifted) < np.mean(plain) / 2


def run(scheduler: Any, vae: Any, painted: NDArray[np.float32], seed: int, shift: LatentShift | None) -> Any:
    """Return the clean latents of a run whose network always knows the noise, and so keeps to the colours it finds."""
    import torch

    clean = _latents(vae, painted)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    scheduler.set_timesteps(10)
    scheduler.is_scale_input_called = True
    pipe = SimpleNamespace(scheduler=scheduler, vae=vae, num_timesteps=len(scheduler.timesteps))
    alpha, sigma = signal(scheduler, 0)
    latents = alpha * clean + sigma * noise
    for index, timestep in enumerate(scheduler.timesteps):
        alpha, sigma = signal(scheduler, index)
        if alpha > 0.3:
            clean = (latents - sigma * noise) / alpha
        latents = scheduler.step(told(scheduler, clean, noise, index), timestep, latents).prev_sample
        if shift is not None:
            latents = shift(pipe, index, timestep, latents)
    return latents


def _latents(vae: Any, picture: NDArray[np.float32]) -> Any:
    import torch

    return torch.from_numpy(encoded(vae, picture)).float().permute(2, 0, 1)[None]


def told(scheduler: Any, clean: Any, noise: Any, index: int) -> Any:
    """Return what a network says that believes in `clean` and `noise`, in the terms of the scheduler."""
    alpha, sigma = signal(scheduler, index)
    if type(scheduler).__name__.startswith("Flow"):
        return noise - clean
    if scheduler.config.prediction_type == "epsilon":
        return noise
    return (alpha * noise - sigma * clean) / (alpha**2 + sigma**2) ** 0.5


@EULER
def test_switched_off_the_bytes_are_what_they_were_and_switched_on_they_repeat(tiny_folder: Folders) -> None:
    on = pipeline(tiny_folder("sdxl-lightning"))
    off = load_generator(tiny_folder("sdxl-lightning"), size=64)
    assert not off.shifts_colour
    scene = conditions()
    asked: dict[str, Any] = {"prompt": "a wall", "negative_prompt": "", "conditions": scene, "seed": 3}
    plain = off(**asked, on_step=lambda done: None)
    np.testing.assert_array_equal(on(**asked, on_step=lambda done: None, shift_colour=False), plain)
    shifted = on(**asked, on_step=lambda done: None)
    assert np.abs(shifted - plain).max() > 0
    np.testing.assert_array_equal(on(**asked, on_step=lambda done: None), shifted)


def test_a_light_network_and_a_model_of_no_known_family_shift_nothing() -> None:
    def pipe(prompt: str) -> None:
        raise AssertionError(prompt)

    common: dict[str, Any] = {"recipe": Recipe(64), "version": "", "latent_colour": True}
    assert not DiffusersGenerator(pipe, paints="light", packing="grid", **common).shifts_colour
    assert not DiffusersGenerator(pipe, paints="picture", **common).shifts_colour


@EULER
def test_latents_of_a_shape_that_the_family_does_not_have_fail_loudly(tiny_folder: Folders) -> None:
    generator = pipeline(tiny_folder("sdxl-lightning"))
    generator._packing = "flux"
    with pytest.raises(ModelFailed, match="latents are"):
        paint(generator)
