"""Read the path-traced scenes of `scripts.renderer.render`, also while it adds more.

A scene is one file `{index:06d}.npz` of float16 arrays: the fields of `pipeline.core.networks.Conditions`, `truth`
(h×w×3 linear radiance), `albedo` (h×w×3 linear, antialiased), and `weight` (h×w, 0 where a pixel mixes two parts).
"""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

#: Channels of each array, in the order of a scene's tensor.
CHANNELS = {
    "sketch": 3, "light": 3, "normals": 3, "depth": 1, "occlusion": 1, "gloss": 1, "lit": 1,
    "truth": 3, "albedo": 3, "weight": 1,
}  # fmt: skip
#: Scenes whose number has this remainder are held out of training.
HELD_OUT_OF, HELD_OUT_REMAINDER = 20, 7

Batch = dict[str, torch.Tensor]


class Scenes:
    """All scenes of a folder in memory, float16, about 0.65 MB each."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._scenes: dict[int, torch.Tensor] = {}
        self._refused: set[int] = set()
        self._by_size: dict[tuple[int, int], list[int]] = {}
        #: Numbers of the held-out scenes, ascending.
        self.held_out: list[int] = []

    def __len__(self) -> int:
        """Return the number of scenes to train on."""
        return sum(len(numbers) for numbers in self._by_size.values())

    def refresh(self) -> int:
        """Read new files of the folder and return their number. Skips a half-written file until the next call."""
        known = self._scenes.keys() | self._refused
        paths = {int(path.stem): path for path in self._folder.glob("*.npz") if path.stem.isdecimal()}
        fresh = 0
        for number in sorted(paths.keys() - known):
            try:
                scene = _read(paths[number])
            except (OSError, EOFError, zipfile.BadZipFile):
                continue
            except (KeyError, ValueError) as error:
                print(f"skipped {paths[number].name}: {error}", flush=True)
                self._refused.add(number)
                continue
            fresh += 1
            self._scenes[number] = scene
            if number % HELD_OUT_OF != HELD_OUT_REMAINDER:
                self._by_size.setdefault((scene.shape[1], scene.shape[2]), []).append(number)
        self.held_out = sorted(number for number in self._scenes if number % HELD_OUT_OF == HELD_OUT_REMAINDER)
        return fresh

    def batch(self, count: int, rng: np.random.Generator) -> Batch:
        """Return `count` scenes of one size to train on, each mirrored with probability 0.5, float32 B×C×h×w.

        All scenes are equally likely. Raises ValueError if there is none.
        """
        if not len(self):
            raise ValueError(f"{self._folder} has no scene to train on. Run scripts.renderer.render first.")
        sizes = sorted(self._by_size)
        share = np.array([len(self._by_size[size]) for size in sizes], float)
        numbers = self._by_size[sizes[rng.choice(len(sizes), p=share / share.sum())]]
        chosen = rng.choice(numbers, count, replace=len(numbers) < count)
        return mirrored(self.of(chosen), torch.from_numpy(rng.random(count) < 0.5))

    def of(self, numbers: Iterable[int]) -> Batch:
        """Return these scenes, all of one size, as float32 B×C×h×w."""
        stack = torch.stack([self._scenes[int(number)] for number in numbers]).float()
        return dict(zip(CHANNELS, stack.split(list(CHANNELS.values()), 1), strict=True))


def mirrored(batch: Batch, which: torch.Tensor) -> Batch:
    """Mirror the scenes marked by `which`, B booleans, left to right; this also flips the normals' x."""
    choose = which[:, None, None, None]
    turned = {name: value.flip(-1) for name, value in batch.items()}
    turned["normals"] = turned["normals"] * torch.tensor([-1.0, 1.0, 1.0])[None, :, None, None]
    return {name: torch.where(choose, turned[name], value) for name, value in batch.items()}


def _read(path: Path) -> torch.Tensor:
    """Return a scene as 20×h×w float16. Raises ValueError for values that are not finite and for a wrong shape."""
    # Read into memory first: np.load leaves a half-written file open.
    with np.load(io.BytesIO(path.read_bytes())) as file:
        arrays = [np.asarray(file[name], np.float16) for name in CHANNELS]
    height, width = arrays[0].shape[:2]
    for (name, channels), array in zip(CHANNELS.items(), arrays, strict=True):
        if array.shape != ((height, width, 3) if channels == 3 else (height, width)):
            raise ValueError(f"{name} has the shape {array.shape}, and the sketch is {height} by {width}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are not finite")
    return torch.from_numpy(
        np.concatenate([array.reshape(height, width, -1) for array in arrays], 2).transpose(2, 0, 1).copy()
    )
