"""Trains the tiny inpainter (`scripts.inpainter.networks`) on the pictures of `scripts.inpainter.pictures`.

python -m scripts.inpainter.train --data DIR --out DIR --minutes M

Its denoiser and text encoder learn for so many minutes, all runs together, on one thread; its autoencoder is made in
closed form (`scripts.inpainter.halving`). A run that was killed goes on from its last saved state. OUT/inpainter is a
StableDiffusionPipeline in half precision, written anew at every saved state.
"""

import argparse
import copy
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, mse_loss

from scripts.inpainter import networks
from scripts.inpainter.halving import CELL, autoencoder

#: Learning rates, first and last of a cosine; steps of warm-up; pictures a step.
RATE, LAST_RATE, WARM_UP_STEPS, BATCH = 1.5e-3, 3e-5, 50, 4
EMA_DECAY = 0.99
#: Timesteps that are learned, of 1000: an image-to-image run of strength .75 starts below.
TIMES = 800
#: Share of the pictures whose words are left out.
WORDLESS = 0.1
#: Seconds between saved states, steps between log lines.
SAVE_EVERY, LOG_STEPS = 180.0, 20

Bytes = NDArray[np.uint8]


class Pictures:
    """The pictures of a folder, whole in memory: rgb N×S×S×3 bytes and words."""

    def __init__(self, folder: Path):
        self.rgb: list[Bytes] = []
        self.words: list[str] = []
        for path in sorted(folder.glob("*.npz")):
            with np.load(path) as arrays:
                self.rgb.append(arrays["rgb"])
                self.words.append(str(arrays["words"]))
        if not self.rgb:
            raise SystemExit(f"No pictures in {folder}: python -m scripts.inpainter.pictures makes them.")

    def __len__(self) -> int:
        return len(self.rgb)

    def tensor(self, numbers: Any) -> Tensor:
        """Return N×3×S×S in [-1, 1]."""
        stacked = np.stack([self.rgb[number] for number in numbers])
        return torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 127.5 - 1


class Training:
    """The network, its running mean, its optimizer, and how far they are: everything that a kill must not lose."""

    def __init__(self, network: torch.nn.Module, out: Path, minutes: float):
        self._minutes, self._file = minutes, out / "denoiser.state"
        self.network = network.train()
        self.mean = copy.deepcopy(network).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
        self.step, self.seconds = 0, 0.0  # of wall-clock time, all runs together
        self.after_saving: Callable[[], None] = lambda: None
        if self._file.exists():
            state = torch.load(self._file, weights_only=True)
            for name in ("network", "mean", "optimizer"):
                getattr(self, name).load_state_dict(state[name])
            self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        """Write the state so that a kill at any moment leaves the old one or the new one, whole."""
        parts = {name: getattr(self, name).state_dict() for name in ("network", "mean", "optimizer")}
        unfinished = self._file.with_suffix(".unfinished")
        torch.save(parts | {"step": self.step, "seconds": self.seconds}, unfinished)
        unfinished.replace(self._file)
        self.after_saving()

    def steps(self) -> Iterator[int]:
        """Yield steps until the minutes are over, setting the rate, saving now and then; `descend` ends each."""
        saved = self.seconds
        while self.seconds < 60 * self._minutes:
            share = self.seconds / (60 * self._minutes)
            rate = LAST_RATE + (RATE - LAST_RATE) * (1 + math.cos(math.pi * share)) / 2
            for group in self.optimizer.param_groups:
                group["lr"] = rate * min(1.0, (self.step + 1) / WARM_UP_STEPS)
            began = time.monotonic()
            yield self.step
            self.seconds += time.monotonic() - began
            if self.seconds - saved > SAVE_EVERY:
                saved = self.seconds
                self.save()
        self.save()

    def descend(self, loss: Tensor) -> None:
        """Make one step down a loss, and let the running mean follow."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, new in zip(self.mean.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(new, 1 - decay)
        self.step += 1
        if self.step % LOG_STEPS == 0:
            print(f"step {self.step} {self.seconds / 60:.1f} min loss {loss.item():.4f}", flush=True)


class Inpainter(torch.nn.Module):  # type: ignore[misc]  # torch's types are not read
    """The denoiser and the text encoder, which learn together."""

    def __init__(self, tokenizer: Any):
        super().__init__()
        self.unet = networks.denoiser()
        self.encoder = networks.text_encoder(tokenizer)

    def forward(self, noisy: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
        """Return the velocity in noisy latents, B×C×h×w."""
        answer: Tensor = self.unet(noisy, times, self.encoder(tokens)[0]).sample
        return answer


def train(pictures: Pictures, out: Path, minutes: float) -> None:
    """Teach the denoiser the pictures' latents, and write the pipeline."""
    tokenizer = networks.tokenizer(pictures.words, out / "words")
    given = tokenizer(
        [*pictures.words, ""], padding="max_length", max_length=networks.TOKENS, truncation=True, return_tensors="pt"
    )["input_ids"]
    shown = pictures.tensor(range(len(pictures)))
    vae = autoencoder(shown)
    clean = avg_pool2d(shown, CELL)  # what it encodes
    vae.register_to_config(scaling_factor=1 / float(clean.std()))
    clean = clean * vae.config.scaling_factor
    training = Training(Inpainter(tokenizer), out, minutes)
    mean = training.mean
    print(f"{len(pictures)} pictures; {networks.parameters(vae, mean)} parameters", flush=True)
    training.after_saving = lambda: networks.save(out / "inpainter", vae, mean.unet, mean.encoder, tokenizer)
    noise, rng = networks.scheduler(), np.random.default_rng(os.getpid())
    for _ in training.steps():
        chosen = torch.from_numpy(rng.choice(len(clean), BATCH, replace=False))
        times = torch.from_numpy(rng.integers(0, TIMES, BATCH))
        own, fresh = clean[chosen], torch.randn(clean[chosen].shape)
        noisy, target = noise.add_noise(own, fresh, times), noise.get_velocity(own, fresh, times)
        told = torch.where(torch.rand(len(chosen)) < WORDLESS, len(clean), chosen)
        training.descend(mse_loss(training.network(noisy, times, given[told]), target))


def main(arguments: list[str] | None = None) -> int:
    """Train it; returns the exit status."""
    parser = argparse.ArgumentParser(description="Train the tiny inpainter.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True, help="all runs together")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    train(Pictures(options.data), options.out, options.minutes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
