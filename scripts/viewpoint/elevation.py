"""Measure the camera's elevation on labelled photos, and teach it.

    python -m scripts.viewpoint.elevation PHOTOS [--teach RENDERS --features FOLDER]

PHOTOS has the folders that `elevations.toml` names: clones, the merchants' photos, [shared] and ECSSD with its masks.
The half of the labels that taught nothing is measured. It takes some seconds a photo, as the product is cut out as in
a swap; ECSSD has its true masks.

With --teach, the column "standing" of the head is fitted first. A ridge regression learns from the renders of
`scripts.viewpoint.render` that stand and from those photos of the other half whose licences allow it. A line through
its answers out of fold on that whole half, ECSSD included, corrects its slope and its mean: two coefficients.
"""

import argparse
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from benchmarks.figures import Measured, add_record_option, recorder_of
from models.graphs import HEAD, GraphViewpoint
from pipeline.core.networks import Networks
from pipeline.core.resample import tight_box
from pipeline.cutout.viewpoint import RIGHT_ANGLE, views
from pipeline.swap import cut_out
from scripts.viewpoint.train import FOLDS, Array, Views, by_mask, described, fold_of, rendered
from service.settings import VIEWPOINT_CHECKPOINT, load_settings
from service.worker.networks import open_networks

LABELS = Path(__file__).with_name("elevations.toml")
#: Degrees: largest elevation of a level view, and the answer from which it is wrong.
LEVEL, TOO_HIGH = 10.0, 15.0
#: Sources whose photos are packshots on plain ground.
PLAIN = ("marcusklasson/GroceryStoreDataset",)
#: Sources whose photos may teach all weights, their weight in renders, and the ridge's penalty. Chosen out of fold on
#: the half that teaches, where 3 to 30 for the penalty and 10 to 100 for the weight gave 6.7 to 7.8 degrees.
FREE, WEIGHT, PENALTY = ("google/dreambooth", "marcusklasson/GroceryStoreDataset", "shared"), 30.0, 10.0


@dataclass(frozen=True)
class Labelled:
    """A photo of a standing thing: the mean of both readers' elevations, and the answer before, in degrees."""

    source: str
    name: str
    elevation: float
    before: float

    @property
    def thing(self) -> str:
        """The thing that it shows, or its brand."""
        parts = self.name.split("/")
        thing = {"google/dreambooth": parts[-2:][0], PLAIN[0]: parts[-1].split("-")[0]}.get(self.source, self.name)
        return re.sub(r"(_\d+)?\.jpg$", "", thing) if self.source != "shared" else thing  # there a number is a thing

    @property
    def teaches(self) -> bool:
        """Whether it belongs to the half that teaches; all photos of one thing, or of one brand, are in one half."""
        return fold_of(self.thing) < FOLDS / 2


def labelled() -> Iterator[Labelled]:
    """Yield the labelled photos."""
    for source, rows in tomllib.loads(LABELS.read_text()).items():
        for name, (one, other, before) in rows.items():
            yield Labelled(source, name, max(0.0, (one + other) / 2), before)


def seen_in_swap(photo: Labelled, photos: Path, networks: Networks, side: int) -> Views:
    """Return the network's views of a labelled photo, cut out as in a swap. Raises PipelineError."""
    path = photos / photo.source / photo.name
    if photo.source == "ecssd/images":
        return by_mask(path, photos / "ecssd" / "masks" / f"{path.stem}.png", side)
    cut = cut_out(path.read_bytes(), networks, limits=load_settings().limits, clock=perf_counter)
    assert cut.found is not None, f"nothing stands out in {path}"
    box = tight_box(cut.found.alpha > 0.5)
    assert box is not None
    return views(cut.photo, cut.found, box, side)


def ridge(x: Array, y: Array, share: Array) -> Array:
    """Return the weights and the offset of a ridge regression on N×C inputs, each of variance 1 over their number."""
    mean = np.average(x, 0, share)
    spread = (np.sqrt(np.average((x - mean) ** 2, 0, share)) + 0.05 * x.std()) * np.sqrt(x.shape[1])
    z, middle = (x - mean) / spread, np.average(y, weights=share)
    weight = np.linalg.solve((z.T * share) @ z + PENALTY * np.eye(x.shape[1]), (z.T * share) @ (y - middle)) / spread
    return np.append(weight, middle - mean @ weight)


def standing(x: Array, degrees: Array, photos: list[Labelled], features: Array) -> Array:
    """Return the column "standing" from N×C features of renders, their elevations, and the photos' features."""
    y, free = np.array([photo.elevation for photo in photos]), np.array([photo.source in FREE for photo in photos])
    folds = np.array([fold_of(f"x{photo.thing}") for photo in photos])

    def fitted(chosen: NDArray[np.bool_]) -> Array:
        share = np.r_[np.ones(len(x)), np.full(chosen.sum(), WEIGHT)]
        return ridge(np.r_[x, features[chosen]], np.r_[degrees, y[chosen]], share)

    inputs, crossed = np.c_[features, np.ones(len(y))], np.zeros(len(y))
    for fold in range(FOLDS):
        crossed[folds == fold] = inputs[folds == fold] @ fitted(free & (folds != fold))
    slope, start = np.polyfit(crossed, y, 1)
    print(f"out of fold on the half that teaches: mean error {np.abs(slope * crossed + start - y).mean():.1f} degrees")
    column = slope * fitted(free)
    column[-1] += start
    return np.asarray(column / RIGHT_ANGLE)


def report(sources: NDArray[np.str_], labels: Array, before: Array, after: Array) -> Iterator[Measured]:
    """Print the errors before and after, and yield the figures."""
    for of in ("all", *dict.fromkeys(sources)):
        one = (sources == of) | (of == "all")
        errors = (float(np.abs(answers - labels)[one].mean()) for answers in (before, after))
        print(f"{of}: {one.sum()} photos, mean error", *(f"{error:.1f}" for error in errors), "degrees")
    level = np.isin(sources, PLAIN) & (labels <= LEVEL)
    high = [int((answers[level] > TOO_HIGH).sum()) for answers in (before, after)]
    print(f"level packshots above {TOO_HIGH:g} degrees: {high[0]}, now {high[1]}, of {level.sum()}")
    what = "Error of the camera's elevation on real photos of things that stand, mean"
    yield Measured("elevation-error", what, float(np.abs(after - labels).mean()), "degrees", len(labels))


def main() -> None:
    """Measure the shipped head on the photos that taught nothing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--teach", type=Path, metavar="RENDERS")
    parser.add_argument("--features", type=Path, help="folder that caches the features")
    add_record_option(parser)
    given = parser.parse_args()
    recorder = recorder_of(parser, given)
    settings = load_settings()
    networks, classifier = open_networks(settings), GraphViewpoint(VIEWPOINT_CHECKPOINT, settings.weights)
    if given.teach:
        _, degrees, pose, x = rendered(given.teach, given.features, classifier)
        stands, taught, side = pose == "stands", [photo for photo in labelled() if photo.teaches], classifier.side
        shown = [(f"{p.source} {p.name}", lambda p=p: seen_in_swap(p, given.photos, networks, side)) for p in taught]
        features = described(given.features / "elevations.npz", shown, classifier)
        column = standing(x[stands], degrees[stands], taught, features)
        head = load_file(VIEWPOINT_CHECKPOINT / HEAD) | {"standing": column.astype(np.float32)}
        save_file(head, VIEWPOINT_CHECKPOINT / HEAD)
        classifier = GraphViewpoint(VIEWPOINT_CHECKPOINT, settings.weights)
    chosen = [photo for photo in labelled() if not photo.teaches]
    answers = (classifier(seen_in_swap(photo, given.photos, networks, classifier.side)) for photo in chosen)
    after = np.array([RIGHT_ANGLE * answer["elevation"] for answer in answers])
    labels, before, sources = (
        np.array([getattr(one, of) for one in chosen]) for of in ("elevation", "before", "source")
    )
    found = list(report(sources, labels, before, after))
    if recorder:
        recorder.write("placement", found)


if __name__ == "__main__":
    main()
