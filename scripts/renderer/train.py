"""Train the light network (`models.light`) on path-traced scenes, also while they are being rendered.

python scripts/renderer/train.py --data DIR --out DIR --minutes M

An interrupted run continues from its last saved state.
"""

import argparse
import copy
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UNet2DModel

from models.graphs import FOLD
from models.light import LIMIT, LightPipeline, log_light, planes, velocity
from scripts.renderer.dataset import Batch, Scenes
from scripts.renderer.held_out import validate

#: Input planes: current light, first light, albedo and normals (three each), and four single ones.
PLANES = 16
RATE, LAST_RATE, WARM_UP_STEPS = 1e-3, 1e-5, 100
EMA_DECAY = 0.999
#: Weights of the tone-mapped picture's error and of the light's edges; the light's own error has weight 1.
PICTURE_SHARE, EDGE_SHARE = 0.5, 0.3
#: Seconds between log lines and between validations; steps between searches for new scenes.
LOG_EVERY, VALIDATE_EVERY, REFRESH_STEPS = 20, 120, 200


def new_unet(
    *, size: int = 128, channels: Sequence[int] = (32, 48, 96, 160), layers: int = 1, groups: int = 16
) -> UNet2DModel:
    """Return an untrained network for pictures whose longer side is about `size` pixels.

    Attention is only at the lowest level, where each place sees the whole picture, since walls colour distant surfaces.
    The last convolution starts at zero, so that the untrained network returns first light unchanged.
    """
    plain = len(channels) - 1
    unet = UNet2DModel(
        sample_size=size,
        in_channels=PLANES * FOLD**2,
        out_channels=3 * FOLD**2,
        block_out_channels=tuple(channels),
        down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain,
        layers_per_block=layers,
        norm_num_groups=groups,
        attention_head_dim=min(32, channels[-1]),
    )
    torch.nn.init.zeros_(unet.conv_out.weight)
    torch.nn.init.zeros_(unet.conv_out.bias)
    return unet


def new_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Return the straight-line schedule, whose single step goes from sigma 1 to 0."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0)


class Training:
    """The network, its running mean, its optimizer and the progress: the state that must survive a kill."""

    def __init__(self, unet: UNet2DModel, state: Path):
        self._state = state
        self.unet = unet.train()
        self.ema = copy.deepcopy(unet).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(unet.parameters(), RATE, betas=(0.9, 0.99), weight_decay=0.01)
        self.step = 0
        #: Wall-clock training time of all runs.
        self.seconds = 0.0
        if state.exists():
            self._load()

    def save(self) -> None:
        """Write the state atomically: a kill leaves the old or the new one complete."""
        parts = {name: getattr(self, name).state_dict() for name in ("unet", "ema", "optimizer")}
        unfinished = self._state.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            torch.save({**parts, "step": self.step, "seconds": self.seconds}, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._state)

    def _load(self) -> None:
        state = torch.load(self._state, weights_only=True)
        for name in ("unet", "ema", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.seconds = state["step"], state["seconds"]

    def learn(self, batch: Batch, share: float) -> float:
        """Take one step at `share` of the whole time and return its loss."""
        falling = 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
        rate = (LAST_RATE + (RATE - LAST_RATE) * falling) * min(1.0, (self.step + 1) / WARM_UP_STEPS)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        error = loss(self.unet, batch)
        self.optimizer.zero_grad(set_to_none=True)
        error.backward()
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        # A short memory at first, or the untrained start would stay in the mean for a thousand steps.
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.parameters()), list(self.unet.parameters()), 1 - decay)
        return float(error.detach())

    def export(self, folder: Path) -> None:
        """Write the running mean as a `LightPipeline` in half precision; the trained weights stay in float32."""
        unet = copy.deepcopy(self.ema).half()
        LightPipeline(unet=unet, scheduler=new_scheduler()).save_pretrained(folder, safe_serialization=True)


def target(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (log true light − log first light, weight of each value), both B×3×h×w.

    Light is radiance over albedo. On nearly black surfaces that quotient is noise and reflections, so it counts less
    there. It counts 0 on glowing surfaces and where a pixel mixes two parts.
    """
    albedo = batch["albedo"]
    true = torch.where(albedo > 0.01, batch["truth"] / albedo.clamp(min=0.01), batch["light"])
    counts = batch["weight"] * batch["lit"] * ((albedo - 0.01) / 0.01).clamp(0, 1)
    return (log_light(true) - log_light(batch["light"])).clamp(-LIMIT, LIMIT), counts


def loss(unet: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Return the error of the corrected light: of its logarithm, the tone-mapped picture, and its edges."""
    wanted, counts = target(batch)
    first = log_light(batch["light"])
    correction = -velocity(unet, first, planes(batch), torch.tensor(1000.0))
    light = weighted((correction - wanted).abs(), counts)
    painted = toned(batch["albedo"] * torch.exp(first + correction.clamp(-LIMIT, LIMIT)))
    picture = weighted((painted - toned(batch["albedo"] * torch.exp(first + wanted))).square(), counts)
    edges = torch.zeros(())
    for axis in (2, 3):
        # Both neighbours must be wholly within one part: otherwise the edge is the part's, not the light's.
        both = counts * (batch["weight"] > 0.99) * (batch["lit"] > 0.5)
        size = both.shape[axis] - 1
        both = torch.minimum(both.narrow(axis, 0, size), both.narrow(axis, 1, size))
        edges = edges + weighted(((correction - wanted).diff(dim=axis)).abs(), both) / 2
    return light + PICTURE_SHARE * picture + EDGE_SHARE * edges


def weighted(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the mean of `values`, weighted."""
    return (values * weights).sum() / weights.sum().clamp(min=1)


def toned(linear: torch.Tensor) -> torch.Tensor:
    """Return linear radiance as a picture of about 0–1, by sRGB's curve without its straight foot, smooth for training.

    The small offset keeps the slope finite in the dark.
    """
    return (linear.clamp(0, 1.2) + 0.003) ** (1 / 2.2)


def main(arguments: list[str] | None = None) -> int:
    """Train until the time is used up, then export; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.data is None and options.export is None:
        parser.error("give --data to train, or --export")
    if options.export is not None and not (options.out / "state.pt").exists():
        raise SystemExit(f"{options.out} has no state to export. Train there first.")
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    training = Training(new_unet(channels=options.channels, groups=options.groups), options.out / "state.pt")
    if training.step:
        print(f"resumed at step {training.step}, after {training.seconds / 60:.1f} min", flush=True)
    if options.export is None:
        _train(training, options)
    training.export(options.export or options.out / "checkpoint")
    return 0


def _train(training: Training, options: argparse.Namespace) -> None:
    scenes = Scenes(options.data)
    while not scenes.refresh() or not len(scenes):
        print(f"waiting for scenes in {options.data}", flush=True)
        time.sleep(10)
    parameters = sum(parameter.numel() for parameter in training.unet.parameters())
    print(f"{parameters / 1e6:.1f} M parameters, {len(scenes)} scenes", flush=True)
    budget = options.minutes * 60
    losses: list[float] = []
    last = now = time.monotonic()
    logged, saved, validated, logged_step = now, now, -math.inf, training.step
    while training.seconds < budget:
        if training.step % REFRESH_STEPS == 0:
            scenes.refresh()
        batch = scenes.batch(options.batch, np.random.default_rng((options.seed, training.step)))
        losses.append(training.learn(batch, training.seconds / budget))
        now = time.monotonic()
        training.seconds, last = training.seconds + now - last, now
        over = training.seconds >= budget
        if now - logged >= LOG_EVERY or over:
            pace = (now - logged) / max(1, training.step - logged_step)
            print(
                f"step {training.step} {training.seconds / 60:.1f} min loss {np.mean(losses):.4f} {pace:.2f} s/step "
                f"{len(scenes)} scenes",
                flush=True,
            )
            losses, logged, logged_step = [], now, training.step
        if (now - validated >= VALIDATE_EVERY or over) and scenes.held_out:
            before, after = validate(training.ema, scenes)
            print(f"held out: first light {before:.4f}, network {after:.4f} (MAE in sRGB)", flush=True)
            validated = now
        if now - saved >= options.save_every or over:
            training.save()
            saved = now


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of scenes")
    parser.add_argument("--out", type=Path, required=True, help="folder of the state and the checkpoint")
    parser.add_argument("--minutes", type=float, default=120, help="training time of all runs together")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels", type=int, nargs="+", default=[32, 48, 96, 160])
    parser.add_argument("--groups", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-every", type=float, default=60, help="seconds between saved states")
    parser.add_argument("--export", type=Path, help="folder for the saved state's checkpoint; no training")
    return parser


if __name__ == "__main__":
    sys.exit(main())
