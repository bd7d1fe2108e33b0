"""The light network's pipeline and its training. The tests import torch themselves: collecting must not."""

import filecmp
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.loading import GeneratorChoice, load_generator
from pipeline.core.networks import Conditions, PaintRequest, painted


def tiny_unet() -> Any:
    import torch

    from scripts.renderer.train import new_unet

    torch.manual_seed(0)
    return new_unet(size=32, channels=(16, 16), groups=8).eval()


def scene(height: int, width: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Conditions of a made-up scene: a floor that grows darker to one side, and a strip that emits light."""
    rng = np.random.default_rng(seed)
    across = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (height, width))
    lit = np.ones((height, width), np.float32)
    lit[: height // 8] = 0
    light = (0.3 + 0.7 * across)[..., None] * rng.uniform(0.5, 1.5, 3).astype(np.float32)
    return {
        "sketch": np.broadcast_to(rng.uniform(0.4, 0.9, 3).astype(np.float32), (height, width, 3)).copy(),
        "light": light.astype(np.float32),
        "occlusion": across.copy(),
        "normals": np.broadcast_to(np.array([0.6, 0.8, 0], np.float32), (height, width, 3)).copy(),
        "depth": 2 + across,
        "gloss": np.zeros((height, width), np.float32),
        "lit": lit,
    }


def pipeline_of(bias: float = 0.0) -> Any:
    """An untrained pipeline whose last convolution returns one velocity everywhere."""
    import torch

    from models.light import LightPipeline
    from scripts.renderer.train import new_scheduler

    unet = tiny_unet()
    torch.nn.init.constant_(unet.conv_out.bias, bias)
    pipe = LightPipeline(unet=unet, scheduler=new_scheduler())
    pipe.set_progress_bar_config(disable=True)
    return pipe


def write_scenes(folder: Path, numbers: list[int], size: tuple[int, int] = (32, 32)) -> None:
    """Scenes whose true light is the first light, twice as bright in the open and tinted by the sketch."""
    folder.mkdir(exist_ok=True)
    for number in numbers:
        fields = scene(*size, number)
        albedo = fields["sketch"] ** 2.2
        truth = albedo * fields["light"] * (0.5 + 1.5 * fields["occlusion"][..., None]) * (0.5 + albedo)
        arrays = {**fields, "albedo": albedo, "truth": truth, "weight": np.ones(size)}
        halves = {name: value.astype(np.float16) for name, value in arrays.items()}
        np.savez(folder / f"{number:06d}.npz", kind=np.array("podium"), **halves)


def test_one_step_of_the_schedule_goes_all_the_way() -> None:
    from scripts.renderer.train import new_scheduler

    scheduler = new_scheduler()
    scheduler.set_timesteps(1)
    assert scheduler.sigmas.tolist() == [1.0, 0.0]
    assert scheduler.timesteps.tolist() == [1000.0]


@pytest.mark.parametrize("steps", [1, 3])
def test_an_untrained_network_returns_the_first_light(steps: int) -> None:
    fields = scene(32, 48, 1)
    answer = pipeline_of()(**fields, num_inference_steps=steps).images[0]
    np.testing.assert_array_equal(answer, fields["light"])


@pytest.mark.parametrize("size", [(32, 32), (31, 45), (7, 1), (33, 20)])
def test_a_picture_of_any_size_keeps_its_size(size: tuple[int, int]) -> None:
    from models.light import EPS

    fields = scene(*size, 2)
    answer = pipeline_of(bias=-np.log(2))(**fields).images[0]
    assert answer.shape == (*size, 3)
    assert answer.dtype == np.float32
    lit = fields["lit"] == 1
    np.testing.assert_allclose(answer[lit], 2 * (fields["light"][lit] + EPS) - EPS, rtol=1e-5)


def test_an_emitter_keeps_its_light() -> None:
    fields = scene(32, 32, 3)
    answer = pipeline_of(bias=-1)(**fields).images[0]
    unlit = fields["lit"] == 0
    np.testing.assert_array_equal(answer[unlit], fields["light"][unlit])
    assert (answer[~unlit] > fields["light"][~unlit]).all()


@pytest.mark.parametrize(("bias", "factor"), [(-50, 8), (50, 1 / 8)])
def test_no_correction_exceeds_three_stops(bias: float, factor: float) -> None:
    from models.light import EPS

    fields = scene(16, 16, 4)
    answer = pipeline_of(bias)(**fields).images[0]
    lit = fields["lit"] == 1
    np.testing.assert_allclose(answer[lit], np.maximum((fields["light"][lit] + EPS) * factor - EPS, 0), atol=1e-4)


def test_a_network_that_returns_nan_is_an_error() -> None:
    with pytest.raises(FloatingPointError):
        pipeline_of(float("nan"))(**scene(16, 16, 4))


def test_conditions_of_different_sizes_are_an_error() -> None:
    fields = scene(16, 16, 4) | {"gloss": np.zeros((16, 15), np.float32)}
    with pytest.raises(ValueError, match="gloss"):
        pipeline_of()(**fields)


def test_the_callback_sees_each_step_and_its_exception_is_raised() -> None:
    seen: list[tuple[int, tuple[int, ...]]] = []

    def watch(pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        seen.append((index, tuple(tensors["latents"].shape)))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return tensors

    pipe, fields = pipeline_of(), scene(16, 20, 5)
    pipe(**fields, num_inference_steps=2, callback_on_step_end=watch)
    assert seen == [(0, (1, 3, 16, 20)), (1, (1, 3, 16, 20))]
    with pytest.raises(KeyboardInterrupt):
        pipe(**fields, callback_on_step_end=watch)


def test_a_saved_pipeline_loads_and_saves_to_the_same_bytes_and_paints_for_the_service(tmp_path: Path) -> None:
    from models.light import LightPipeline

    pipe, fields = pipeline_of(bias=-0.5), scene(24, 32, 6)
    pipe.save_pretrained(tmp_path / "first")
    loaded = LightPipeline.from_pretrained(tmp_path / "first")
    loaded.save_pretrained(tmp_path / "second")
    names = sorted(str(path.relative_to(tmp_path / "first")) for path in (tmp_path / "first").rglob("*.*"))
    assert any(name.endswith(".safetensors") for name in names)
    weights = [name for name in names if name.endswith(".safetensors")]
    assert filecmp.cmpfiles(tmp_path / "first", tmp_path / "second", weights, shallow=False)[0] == weights
    assert loaded.size == 32
    generator = load_generator(GeneratorChoice(tmp_path / "first"))
    light = painted(generator, PaintRequest("", "", Conditions(**fields), 1, lambda share: None))
    assert (generator.capabilities.paints, generator.capabilities.size) == ("light", 32)
    loaded.set_progress_bar_config(disable=True)
    np.testing.assert_array_equal(light, loaded(**fields).images[0])


def test_a_mirrored_scene_is_mirrored_in_every_plane_and_its_normals_turn(tmp_path: Path) -> None:
    import torch

    from scripts.renderer.dataset import Scenes, mirrored

    write_scenes(tmp_path, [1, 2])
    scenes = Scenes(tmp_path)
    scenes.refresh()
    batch = scenes.of([1, 2])
    turned = mirrored(batch, torch.tensor([True, False]))
    assert torch.equal(turned["truth"][0], batch["truth"][0].flip(-1))
    assert torch.equal(turned["normals"][0, 0], -batch["normals"][0, 0].flip(-1))
    assert torch.equal(turned["normals"][0, 1:], batch["normals"][0, 1:].flip(-1))
    assert all(torch.equal(turned[name][1], value[1]) for name, value in batch.items())


def test_scenes_are_read_in_order_and_one_in_twenty_is_held_out(tmp_path: Path) -> None:
    from scripts.renderer.dataset import Scenes

    write_scenes(tmp_path, [6, 7])
    scenes = Scenes(tmp_path)
    assert (scenes.refresh(), len(scenes), scenes.held_out) == (2, 1, [7])
    write_scenes(tmp_path, [8, 27], (16, 48))
    whole = (tmp_path / "000008.npz").read_bytes()
    (tmp_path / "000008.npz").write_bytes(whole[:2000])
    assert (scenes.refresh(), len(scenes), scenes.held_out) == (1, 1, [7, 27])
    (tmp_path / "000008.npz").write_bytes(whole)
    assert (scenes.refresh(), len(scenes)) == (1, 2)
    assert {scenes.batch(3, np.random.default_rng(seed))["truth"].shape for seed in range(12)} == {
        (3, 3, 32, 32),
        (3, 3, 16, 48),
    }


@pytest.mark.nightly  # seventy steps of training, which no service runs
def test_training_halves_the_loss_and_saves_weights_better_than_the_first_light(tmp_path: Path) -> None:
    import torch

    from models.light import LightPipeline
    from scripts.renderer import train
    from scripts.renderer.dataset import Scenes

    write_scenes(tmp_path / "data", [0, 1, 2, 3])
    scenes = Scenes(tmp_path / "data")
    scenes.refresh()
    training = train.Training(tiny_unet(), tmp_path / "state.pt")
    batches = [scenes.batch(4, np.random.default_rng(step)) for step in range(70)]
    losses = [training.learn(batch, 0.0) for batch in batches]
    assert np.mean(losses[-10:]) < 0.5 * losses[0]
    training.export(tmp_path / "checkpoint")
    assert next(training.unet.parameters()).dtype == torch.float32
    pipe = LightPipeline.from_pretrained(tmp_path / "checkpoint")
    assert pipe.unet.dtype == torch.float32
    pipe.set_progress_bar_config(disable=True)
    fields = scene(32, 32, 1)
    answer, batch = pipe(**fields).images[0], scenes.of([1])
    true = (batch["truth"] / batch["albedo"])[0].permute(1, 2, 0).numpy()
    lit = fields["lit"] == 1
    assert np.abs(answer - true)[lit].mean() < 0.6 * np.abs(fields["light"] - true)[lit].mean()


@pytest.mark.nightly  # thirteen CPU-seconds; no service trains
def test_a_killed_training_resumes_from_its_saved_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    from models.light import LightPipeline
    from scripts.renderer import train

    write_scenes(tmp_path / "data", [0, 1, 7])
    out = tmp_path / "out"
    options = ["--data", tmp_path / "data", "--out", out, "--channels", 16, 16, "--groups", 8, "--batch", 2]
    arguments = [str(option) for option in options]
    killed = subprocess.Popen(
        [sys.executable, train.__file__, *arguments, "--minutes", "9", "--save-every", "0", "--threads", "1"],
        stdout=subprocess.DEVNULL,
    )
    try:
        give_up = time.monotonic() + 300
        while not (out / "state.pt").exists() and killed.poll() is None and time.monotonic() < give_up:
            time.sleep(0.05)
    finally:
        os.kill(killed.pid, signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
    saved = torch.load(out / "state.pt", weights_only=True)
    assert saved["step"] >= 1
    threads = torch.get_num_threads()
    try:
        train.main([*arguments, "--minutes", str(saved["seconds"] / 60 + 0.02), "--threads", str(threads)])
    finally:
        torch.set_num_threads(threads)
    printed = capsys.readouterr().out
    assert f"resumed at step {saved['step']}," in printed
    assert torch.load(out / "state.pt", weights_only=True)["step"] > saved["step"]
    assert LightPipeline.from_pretrained(out / "checkpoint").size == 128


def test_nothing_is_exported_from_a_training_that_never_ran(tmp_path: Path) -> None:
    from scripts.renderer import train

    with pytest.raises(SystemExit, match="no state"):
        train.main(["--out", str(tmp_path), "--export", str(tmp_path / "checkpoint")])
    assert not (tmp_path / "checkpoint").exists()
