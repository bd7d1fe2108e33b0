"""Trains the refiner (`models.refiner`) on `scripts.cutout.dataset`'s pictures, which may still be being made.

python -m scripts.cutout.train --data DIR --out DIR --minutes M

A run that was killed goes on from its last saved state, at another --side too: small pictures teach most of it in a
third of the time. The best weights so far, by the held-out pictures' error in the band around the edge at that side,
are OUT/refiner.safetensors.
"""

import argparse
import copy
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter
from torch import Tensor
from torch.nn.functional import avg_pool2d, l1_loss

from models.refiner import SIDE, RefinerNetwork

RATE, LAST_RATE, WARM_UP_STEPS = 2e-3, 2e-5, 60
BATCH = 8
EMA_DECAY = 0.995
#: The band around the true edge, as a share of the side, and how much more its pixels count.
BAND, BAND_WEIGHT = 0.02, 5.0
#: Share of the error of alpha's slopes beside that of alpha itself.
SLOPE_SHARE = 0.5
#: One in so many is held out: those with index % HELD == HELD_REST.
HELD, HELD_REST = 20, 7
#: Seconds between validations, each of which saves the state; steps between log lines.
VALIDATE_EVERY, LOG_STEPS = 120.0, 10
#: Share of the pictures whose true holes are filled in the mask.
FILLED = 0.33

Bytes = NDArray[np.uint8]
#: rgb S×S×3; mask, alpha and band S×S.
Picture = tuple[Bytes, Bytes, Bytes, NDArray[np.bool_]]
#: photo N×3×S×S; mask, alpha and band N×1×S×S; all in [0, 1].
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


class Pictures:
    """The files of a folder, read again as they grow in number, whole in memory."""

    def __init__(self, folder: Path, side: int, *, held: bool):
        self._folder, self._side, self._held = folder, side, held
        self._read: dict[str, Picture] = {}

    def refresh(self) -> int:
        """Read what is new; returns how many there are."""
        for path in sorted(self._folder.glob("*.npz")):
            if path.name in self._read or (int(path.stem) % HELD == HELD_REST) != self._held:
                continue
            with np.load(path) as arrays:
                rgb, mask, alpha = (self._sized(arrays[name]) for name in ("rgb", "mask", "alpha"))
            true = alpha > 127
            away = distance_transform_edt(true) + distance_transform_edt(~true)
            self._read[path.name] = (rgb, mask, alpha, away <= BAND * true.shape[0])
        return len(self._read)

    def _sized(self, array: Bytes) -> Bytes:
        if array.shape[0] == self._side:
            return array
        return np.asarray(Image.fromarray(array).resize((self._side, self._side), Image.Resampling.BICUBIC))

    def batches(self, rng: np.random.Generator, changed: bool) -> Iterator[Batch]:
        """Yield batches of every picture once; those of training `changed` at random and in random order."""
        items = list(self._read.values())
        order = rng.permutation(len(items)) if changed else np.arange(len(items))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = [items[i] for i in order[start : start + BATCH]]
            if changed:
                chosen = [_changed(rng, *_filled(rng, *item)) for item in chosen]
            rgb, mask, alpha, band = (np.stack(parts) for parts in zip(*chosen, strict=True))
            yield (
                torch.from_numpy(rgb).permute(0, 3, 1, 2).float() / 255,
                torch.from_numpy(mask)[:, None].float() / 255,
                torch.from_numpy(alpha)[:, None].float() / 255,
                torch.from_numpy(band)[:, None].float(),
            )


def _filled(rng: np.random.Generator, rgb: Bytes, mask: Bytes, alpha: Bytes, band: NDArray[np.bool_]) -> Picture:
    """Fill the true holes in the mask of one picture in three, as segmenters do: the network is to open them."""
    if rng.random() < FILLED:
        true = alpha > 127
        holes = binary_fill_holes(true) & ~true
        if holes.any():
            mask = np.maximum(mask, gaussian_filter(holes * np.float32(255), 2.0).astype(np.uint8))
            mask[holes] = 255 - rng.integers(0, 40)
    return rgb, mask, alpha, band


def _changed(rng: np.random.Generator, rgb: Bytes, mask: Bytes, alpha: Bytes, band: NDArray[np.bool_]) -> Picture:
    """Mirror and turn by right angles, mix up the channels, change contrast: the mask stays right."""
    turns, mirror = int(rng.integers(4)) if rng.random() < 0.3 else 0, rng.random() < 0.5
    look = _turned(rgb, turns, mirror).astype(np.float32) / 255
    if rng.random() < 0.5:
        look = look[..., rng.permutation(3)]
    look = np.clip(look, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.3)))
    look = look * (1 + rng.normal(0, 0.08, 3)).astype(np.float32) + np.float32(rng.normal(0, 0.03))
    codes = np.rint(np.clip(look, 0, 1) * 255).astype(np.uint8)
    return codes, _turned(mask, turns, mirror), _turned(alpha, turns, mirror), _turned(band, turns, mirror)


def _turned(array: NDArray[Any], turns: int, mirror: bool) -> NDArray[Any]:
    turned = np.rot90(array, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirror else turned)


class Training:
    """The network, its running mean, its optimizer, and how far they are: everything that a kill must not lose."""

    def __init__(self, state: Path, side: int):
        self._state, self._side = state, side
        self.network = RefinerNetwork().to(memory_format=torch.channels_last)
        self.mean = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), RATE, weight_decay=0.01)
        self.step = 0
        #: Wall-clock time trained, all runs together.
        self.seconds = 0.0
        #: Least error in the band so far, ×1000; errors of another side don't compare.
        self.best = math.inf
        if state.exists():
            self._load()

    def _load(self) -> None:
        state = torch.load(self._state, weights_only=True)
        for name in ("network", "mean", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.seconds = state["step"], state["seconds"]
        if state["side"] == self._side:
            self.best = state["best"]

    def save(self) -> None:
        """Write the state so that a kill at any moment leaves the old one or the new one, whole."""
        parts = {name: getattr(self, name).state_dict() for name in ("network", "mean", "optimizer")}
        parts |= {"step": self.step, "seconds": self.seconds, "best": self.best, "side": self._side}
        unfinished = self._state.with_suffix(".unfinished")
        torch.save(parts, unfinished)
        unfinished.replace(self._state)

    def learn(self, batch: Batch, share: float) -> float:
        """Take one step at `share` of the whole time and return its loss."""
        photo, mask, alpha, band = batch
        rate = LAST_RATE + (RATE - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
        self.optimizer.param_groups[0]["lr"] = rate * min(1.0, (self.step + 1) / WARM_UP_STEPS)
        self.network.train()
        error = loss(self.network(photo.contiguous(memory_format=torch.channels_last), mask), alpha, band)
        self.optimizer.zero_grad()
        error.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        # A mean of short memory at first, else the untrained start would stay in it for hundreds of steps.
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for kept, new in zip(self.mean.state_dict().values(), self.network.state_dict().values(), strict=True):
                kept.lerp_(new, 1 - decay) if kept.is_floating_point() else kept.copy_(new)
        self.step += 1
        return float(error.detach())

    def export_if_best(self, error: float, path: Path) -> None:
        """Write the running mean in half precision where its error in the band is the least so far, or not known."""
        if error <= self.best:
            self.best = error
            save_file({name: value.half().contiguous() for name, value in self.mean.state_dict().items()}, path)


def loss(logits: Tensor, alpha: Tensor, band: Tensor) -> Tensor:
    """Return the mean absolute error of alpha, more in the band, and of its slopes on two scales."""
    found = torch.sigmoid(logits)
    weight = 1 + BAND_WEIGHT * band
    total = (weight * (found - alpha).abs()).mean() + 0.5 * (weight * (found - alpha).square()).mean()
    for _ in range(2):
        for axis in (2, 3):
            total = total + SLOPE_SHARE * l1_loss(found.diff(dim=axis), alpha.diff(dim=axis))
        found, alpha = avg_pool2d(found, 2), avg_pool2d(alpha, 2)
    return total


def validate(network: RefinerNetwork, held: Pictures) -> tuple[float, float, float, float]:
    """Return mean absolute error in the band, the mask's and the network's, then both everywhere; all ×1000.

    Infinite where fewer than BATCH pictures are held out.
    """
    network.eval()
    sums, batches = np.zeros(4), 0
    for photo, mask, alpha, band in held.batches(np.random.default_rng(0), changed=False):
        with torch.inference_mode():
            errors = [(mask - alpha).abs(), (torch.sigmoid(network(photo, mask)) - alpha).abs()]
        sums += [*(float((e * band).sum() / band.sum()) for e in errors), *(float(e.mean()) for e in errors)]
        batches += 1
    if not batches:
        return math.inf, math.inf, math.inf, math.inf
    band_before, band_after, before, after = (float(error) for error in 1000 * sums / batches)
    return band_before, band_after, before, after


def main(arguments: list[str] | None = None) -> int:
    """Train for the minutes that are asked for; returns the exit status."""
    parser = argparse.ArgumentParser(description="Train the refiner.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="of training in all, over all runs")
    parser.add_argument("--side", type=int, default=SIDE, help="pixels, a multiple of 32")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    training = Training(options.out / "state.pt", options.side)
    if training.step:
        print(f"resumed at step {training.step}, after {training.seconds / 60:.1f} min", flush=True)
    _train(training, options)
    return 0


def _train(training: Training, options: argparse.Namespace) -> None:
    pictures, held = (Pictures(options.data, options.side, held=held) for held in (False, True))
    rng, budget, validated = np.random.default_rng(training.step), 60 * options.minutes, time.monotonic()
    while training.seconds < budget:
        count = pictures.refresh()
        print(f"{count} pictures", flush=True)
        if count < BATCH:
            time.sleep(10)
        for batch in pictures.batches(rng, changed=True):
            began = time.monotonic()
            error = training.learn(batch, training.seconds / budget)
            training.seconds += time.monotonic() - began
            if training.step % LOG_STEPS == 0:
                print(f"step {training.step}, {training.seconds / 60:.1f} min, loss {error:.4f}", flush=True)
            over = training.seconds >= budget
            if over or time.monotonic() - validated > VALIDATE_EVERY:
                validated = time.monotonic()
                held.refresh()
                before, after, all_before, all_after = validate(training.mean, held)
                print(
                    f"held out: band {before:.1f} -> {after:.1f}, all {all_before:.1f} -> {all_after:.1f}", flush=True
                )
                training.export_if_best(after, options.out / "refiner.safetensors")
                training.save()
            if over:
                break


if __name__ == "__main__":
    sys.exit(main())
