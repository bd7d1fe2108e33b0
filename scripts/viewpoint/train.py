"""Fit the viewpoint classifier's head on renders and labelled photos, after cross-validation.

    python -m scripts.viewpoint.train RENDERS PHOTOS --shared IMAGES --ecssd ECSSD --features FOLDER
        [--out models/viewpoint/checkpoint] [--only garment ...]

RENDERS is the output of `scripts.viewpoint.render`. PHOTOS is a folder of clones, owner/name, of the repositories in
`labels.toml`; u2netp cuts out their products. IMAGES has the [shared] photos. ECSSD has images/NNNN.jpg and
masks/NNNN.png of `ecssd.toml`. FOLDER caches the features, which take minutes.

All is linear in the features:

- Two ridge regressions on renders learn the elevation: of standing things, and of standing and lying ones. The first
  serves as an input here; `scripts.viewpoint.elevation` fits the column that ships, also on photos.
- A logistic regression on renders and the photos of `labels.toml` learns "seen from above".
- A second one learns whether a thing could stand as it is seen. Its inputs are those three and the principal components
  of the renders' last map. It has 28 coefficients, since it is also fitted on ECSSD, and at most 30 are allowed there.
- Another one, on the photos of `labels.toml`, detects hands.
- A last one detects garments, on these photos, the renders and photos of clothing-dataset-small by its folders.
"""

import argparse
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors.numpy import load_file, save_file
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import rankdata

from benchmarks.figures import Measured, add_record_option, recorder_of
from models.graphs import HEAD, GraphViewpoint
from models.segmenter import load_segmenter
from pipeline.core.networks import Segmenter
from pipeline.core.resample import tight_box
from pipeline.core.types import Photo, Segmentation
from pipeline.cutout.foreground import extract_foreground
from pipeline.cutout.stance import SURE_ABOVE, SURE_SIDE
from pipeline.cutout.viewpoint import RIGHT_ANGLE, SURE_HAND, views
from service.settings import VIEWPOINT_CHECKPOINT, load_settings

LABELS, ECSSD_LABELS = (Path(__file__).with_name(name) for name in ("labels.toml", "ecssd.toml"))
#: Penalties: of the ridge regressions, on inputs of variance 1 over their number; and of the logistic regressions on
#: all features, on few inputs, and for hands, on inputs of variance 1. The figures hardly change over 0.3 to 3, 30 to
#: 300, 0.1 to 4 and 3 to 30.
RIDGE, MANY, FEW, HANDS = 1.0, 100.0, 1.0, 3.0
#: Principal components of the last map.
COMPONENTS = 24
#: Degrees: least elevation of lying things for the elevation fit; and bounds of renders seen from the side and from
#: above.
ABOVE, SIDE_TO, ABOVE_FROM = 50.0, 35.0, 55.0
#: Weights of ECSSD, the renders and the labelled photos, in photos of ECSSD.
WEIGHTS = (762.0, 381.0, 381.0)
#: Start of the last map's means in each half of the 2 × 384 features.
LAST = 192
FOLDS = 10
#: Longer side in pixels at which photos are cut out.
SEEN_AT = 700
#: The folders of garments in clothing-dataset-small, and those of other things; photos used of each folder.
CLOTHING, EACH = "alexeygrigorev/clothing-dataset-small", 30
GARMENTS, NO_GARMENTS = (
    ("dress", "longsleeve", "outwear", "pants", "shirt", "shorts", "skirt", "t-shirt"),
    ("hat", "shoes"),
)
#: Minimum probability at which the figures count a garment, and the weight of all renders in photos.
SURE_GARMENT, RENDERS = 0.9, 300.0

Array = NDArray[np.float64]
Views = NDArray[np.uint8]


def code_of(name: str) -> int:
    """Return a number of a name that is the same on every machine."""
    return int(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:8], 16)


def fold_of(group: str) -> int:
    """Return the fold, below FOLDS, of a group, so that groups stay together."""
    return code_of(group) % FOLDS


def family(render: str) -> str:
    """Return the kind of thing that a render shows, by its mesh's name, so that all jars are in one fold."""
    name = re.sub(r"^(low-poly-|food_ingredient_|Ycb|0\d\d_|drc_practice_)", "", render.split("__")[0].split("-", 1)[1])
    words = [word for word in re.split(r"[-_ 0-9]|(?<=[a-z])(?=[A-Z])", name) if len(word) > 1]
    return re.sub(r"(large|medium|small|middle|s)$", "", (words[0] if words else name).lower())


def described(file: Path, shown: Iterable[tuple[str, Callable[[], Views]]], classifier: GraphViewpoint) -> Array:
    """Return N × 768 features of the views in `shown`, in order. The file caches them by name as float16."""
    known: dict[str, NDArray[np.float16]] = {}
    if file.exists():
        with np.load(file) as kept:
            known = dict(zip(kept["names"].tolist(), kept["features"], strict=True))
    names = []
    for name, show in shown:
        names.append(name)
        if name not in known:
            known[name] = classifier.features(show()).astype(np.float16)
    np.savez(file, names=np.array(list(known)), features=np.stack(list(known.values())))
    return np.stack([known[name] for name in names]).astype(float)


def seen(photo: Photo, alpha: NDArray[np.float32], side: int) -> Views:
    """Return the network's views of a photo with its alpha."""
    cutout = extract_foreground(photo, Segmentation(alpha)).unassessed
    box = tight_box(cutout.alpha > 0.5)
    assert box is not None, "it has something solid"
    return views(photo, cutout, box, side)


def by_mask(picture: Path, mask: Path | None, side: int) -> Views:
    """Return the network's views of a photo with its mask, or of a picture with alpha."""
    photo = Image.open(picture)
    cover = photo.getchannel("A") if mask is None else Image.open(mask).convert("L").resize(photo.size)
    alpha = np.asarray(cover, np.float32) / np.float32(255)
    return seen(Photo(np.asarray(photo.convert("RGB")), None, "png"), alpha, side)


def rendered(
    folder: Path, features: Path, classifier: GraphViewpoint
) -> tuple[list[Path], Array, NDArray[np.str_], Array]:
    """Return the N files of renders' facts, their elevations in degrees, their poses and N × 768 features."""
    files = sorted(folder.glob("*.json"))
    facts = [json.loads(file.read_text()) for file in files]
    shown = [(one.stem, lambda one=one: by_mask(one.with_suffix(".png"), None, classifier.side)) for one in files]
    elevation, pose = (np.array([fact[name] for fact in facts]) for name in ("elevation", "pose"))
    return files, elevation, pose, described(features / "renders.npz", shown, classifier)


def cut_out(path: Path, segmenter: Segmenter, side: int) -> Views:
    """Return the network's views of a photo whose product a network cuts out, in one look."""
    photo = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    photo.thumbnail((SEEN_AT, SEEN_AT))
    rgb = np.ascontiguousarray(photo)
    return seen(Photo(rgb, None, "png"), segmenter(rgb), side)


def labelled(photos: Path, shared: Path) -> Iterator[tuple[Path, str, str]]:
    """Yield each labelled photo's path, its label, and its group, which stays in one fold."""
    for source, labels in tomllib.loads(LABELS.read_text()).items():
        for name, files in labels.items():
            for file in files:
                path = shared / f"{file}.jpg" if source == "shared" else photos / source / file
                # dreambooth has six photos of one thing.
                yield path, name, str(path.parent) if "dreambooth" in source else str(path)


def clothing(photos: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the photos of clothing-dataset-small, the first of each folder by hash, and whether each is a garment."""
    for kind in GARMENTS + NO_GARMENTS:
        found = (photos / CLOTHING).glob(f"*/{kind}/*.jpg")
        for path in sorted(found, key=lambda path: code_of(path.name))[:EACH]:
            yield path, kind in GARMENTS


def garment(x: Array, garments: NDArray[np.bool_], groups: list[str], renders: int) -> tuple[Array, float]:
    """Print the figures of "garment" out of fold and return its column; the last `renders` rows are renders."""
    folds, rendered = np.array([fold_of(group) for group in groups]), np.arange(len(x)) >= len(x) - renders
    share = np.where(rendered, RENDERS / renders, 1.0)
    sure = expit(out_of_fold(x, garments, folds, HANDS, share)) >= SURE_GARMENT
    false = sure & ~garments
    print(
        f"garments: found {sure[garments].sum()} of {garments.sum()}, and false ones in {(false & ~rendered).sum()} of"
        f" {(~garments & ~rendered).sum()} photos and {(false & rendered).sum()} of {renders} renders"
    )
    return logistic(x, garments, HANDS, share)


@dataclass(frozen=True)
class Basis:
    """Linear maps of the 768 features, learnt from renders without labels of photos."""

    mean: Array
    spread: Array
    #: 768 × (2 + COMPONENTS), and its offsets: both elevations, as shares of a right angle, and the components.
    weight: Array
    offset: Array

    @classmethod
    def of(cls, x: Array, elevation: Array, standing: NDArray[np.bool_]) -> "Basis":
        """Return the basis learnt from renders of standing and lying things."""
        spread = (x.std(0) + 0.05 * x.std()) * np.sqrt(x.shape[1])
        z = (x - x.mean(0)) / spread
        columns, offsets = [], []
        for chosen in (standing, standing | (elevation > ABOVE)):
            y = elevation[chosen] / RIGHT_ANGLE
            inner = z[chosen] @ z[chosen].T + RIDGE * np.eye(chosen.sum())
            columns.append(z[chosen].T @ np.linalg.solve(inner, y - y.mean()))
            offsets.append(y.mean())
        last = np.arange(x.shape[1]) % (x.shape[1] // 2) >= LAST
        _, size, axes = np.linalg.svd(z[:, last], full_matrices=False)
        components = np.zeros((x.shape[1], COMPONENTS))
        components[last] = (axes[:COMPONENTS] / size[:COMPONENTS, None]).T * np.sqrt(len(x))
        weight = np.c_[np.stack(columns, 1), components]
        return cls(x.mean(0), spread, weight, np.r_[offsets, np.zeros(COMPONENTS)])

    def __call__(self, x: Array) -> Array:
        """Return N×(2 + COMPONENTS) from N×768."""
        return (x - self.mean) / self.spread @ self.weight + self.offset


def logistic(x: Array, y: NDArray[np.bool_], penalty: float, share: Array | float = 1.0) -> tuple[Array, float]:
    """Return weight and bias of a logistic regression of N×C inputs; the penalty applies to inputs of variance 1."""
    mean, spread = x.mean(0), x.std(0) + 1e-6
    z, sign = (x - mean) / spread, np.where(y, 1.0, -1.0)

    def loss(flat: Array) -> tuple[float, Array]:
        score = sign * (z @ flat[:-1] + flat[-1])
        slope = -sign * expit(-score) * share
        cost = float((share * np.logaddexp(0, -score)).sum() + penalty * flat[:-1] @ flat[:-1])
        return cost, np.append(z.T @ slope + 2 * penalty * flat[:-1], slope.sum())

    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    return found[:-1] / spread, float(found[-1] - (mean / spread) @ found[:-1])


def out_of_fold(
    x: Array, y: NDArray[np.bool_], folds: NDArray[np.int64], penalty: float, share: Array | None = None
) -> Array:
    """Return each row's score by a regression without the rows of its fold."""
    share = np.ones(len(y)) if share is None else share
    scores = np.zeros(len(y))
    for index in range(FOLDS):
        held = folds == index
        weight, bias = logistic(x[~held], y[~held], penalty, share[~held])
        scores[held] = x[held] @ weight + bias
    return scores


def area(scores: Array, y: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve of scores."""
    ranks, count = rankdata(scores), int(y.sum())
    return float((ranks[y].sum() - count * (count + 1) / 2) / count / (len(y) - count))


#: By the names and labels of the cross-validation: ids of the figures that count what lies, is unsure and stands.
RECORDED = {
    ("ECSSD", "absurd or from above"): {
        "found": ("absurd-found", "Photos of things that would look absurd standing, which Backdrop lays down"),
        "unsure": ("absurd-unsure", "Photos of things that would look absurd standing, which stand with a warning"),
        "passed": ("absurd-passed", "Photos of things that would look absurd standing, which stand without a warning"),
    },
    ("ECSSD", "right or from the side"): {
        "found": ("right-refused", "Photos of things that stand right, which Backdrop lays down or refuses"),
        "unsure": ("right-unsure", "Photos of things that stand right, which stand with a warning"),
    },
    ("labelled photos", "absurd or from above"): {
        "passed": ("above-passed", "Photos from above, clothes mostly, which stand without a warning"),
    },
    ("labelled photos", "right or from the side"): {
        "found": ("side-refused", "Labelled photos from the side, which Backdrop lays down or refuses"),
    },
}


def counted(names: dict[str, tuple[str, str]], count: int, lie: int, stand: int) -> Iterator[Measured]:
    """Yield the figures of `count` photos: those that lie, are unsure, or stand."""
    values = {"found": lie, "unsure": count - lie - stand, "passed": stand}
    for key, (name, what) in names.items():
        yield Measured(name, what, values[key], f"of {count} photos", count)


def main() -> None:
    """Cross-validate, print the figures, fit on all data, and write the head."""
    parser = argparse.ArgumentParser(description="Fit the viewpoint classifier's head.")
    parser.add_argument("renders", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--ecssd", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=VIEWPOINT_CHECKPOINT)
    parser.add_argument("--only", nargs="+", help="columns to replace in the shipped head; default: all but standing")
    add_record_option(parser)
    given = parser.parse_args()
    recorder, found = recorder_of(parser, given), list[Measured]()
    weights = load_settings().weights
    classifier = GraphViewpoint(VIEWPOINT_CHECKPOINT, weights)
    side = classifier.side
    given.features.mkdir(parents=True, exist_ok=True)

    files, elevation, pose, x = rendered(given.renders, given.features, classifier)
    stands, trained = pose == "stands", pose != "hangs"
    folds = np.array([fold_of(family(file.stem)) for file in files])
    basis = Basis.of(x[trained], elevation[trained], stands[trained])

    lists = {
        f"{of}.{name}": numbers.split()
        for of, some in tomllib.loads(ECSSD_LABELS.read_text()).items()
        for name, numbers in some.items()
    }
    every = sorted(number for numbers in lists.values() for number in numbers)
    shown = [
        (n, lambda n=n: by_mask(given.ecssd / "images" / f"{n}.jpg", given.ecssd / "masks" / f"{n}.png", side))
        for n in every
    ]
    ecssd = dict(zip(every, described(given.features / "ecssd.npz", shown, classifier), strict=True))
    known = lists["rest.absurd"] + lists["rest.right"]
    e = np.stack([ecssd[number] for number in known])

    rows = list(labelled(given.photos, given.shared))
    segmenter, _ = load_segmenter("u2netp", weights=weights)
    shown = [(str(path), lambda path=path: cut_out(path, segmenter, side)) for path, *_ in rows]
    p = described(given.features / "photos.npz", shown, classifier)
    labels, photo_folds = np.array([label for _, label, _ in rows]), np.array([fold_of(group) for *_, group in rows])

    # Learn "seen from above" from renders and photos whose licences allow it for all weights.
    plain = (trained & (elevation > ABOVE_FROM)) | (stands & (elevation < SIDE_TO))
    free = labels != "hand"
    taught, above = np.r_[x[plain], p[free]], np.r_[elevation[plain] > ABOVE, labels[free] == "above"]
    free_folds = np.r_[folds[plain], photo_folds[free]]
    crossed = out_of_fold(taught, above, free_folds, MANY)
    many, many_bias = logistic(taught, above, MANY)
    inputs = np.r_[np.c_[basis(e), e @ many + many_bias], np.c_[basis(taught), crossed]]
    falls = np.r_[np.isin(known, lists["rest.absurd"]), above]
    source = np.repeat([0, 1, 2], [len(e), plain.sum(), free.sum()])
    share = (np.array(WEIGHTS) / np.bincount(source))[source]
    all_folds = np.r_[[fold_of(number) for number in known], free_folds]
    scores = expit(out_of_fold(inputs, falls, all_folds, FEW, share))
    for index, name in enumerate(("ECSSD", "renders", "labelled photos")):
        of = source == index
        print(f"{name}: area {area(scores[of], falls[of]):.3f}")
        for label, chosen in (("absurd or from above", of & falls), ("right or from the side", of & ~falls)):
            counts = (scores[chosen] >= SURE_ABOVE).sum(), (scores[chosen] <= 1 - SURE_SIDE).sum()
            print(f"  {label}: {chosen.sum()}, {counts[0]} lie, {counts[1]} stand")
            found += counted(RECORDED.get((name, label), {}), int(chosen.sum()), *map(int, counts))
        if name == "ECSSD":
            what = "Area under the curve, absurd against right, on ECSSD"
            found.append(Measured("absurd-area", what, area(scores[of], falls[of]), "", int(of.sum())))
    weight, bias = logistic(inputs, falls, FEW, share)
    whole = np.c_[basis.weight / basis.spread[:, None], many] @ weight
    start = float(
        (basis.offset - basis.mean / basis.spread @ basis.weight) @ weight[:-1] + many_bias * weight[-1] + bias
    )

    for name in ("side", "oblique", "above"):
        features = np.stack([ecssd[number] for number in lists[f"lot.{name}"]])
        lying = expit(features @ whole + start)
        print(
            f"lot, {name}: {len(features)}, {(lying >= SURE_ABOVE).sum()} lie, {(lying <= 1 - SURE_SIDE).sum()} stand"
        )
    held_by = labels == "hand"
    sure = expit(out_of_fold(p, held_by, photo_folds, HANDS)) >= SURE_HAND
    print(f"hands: found {sure[held_by].sum()} of {held_by.sum()}, and {sure[~held_by].sum()} false ones")
    hands = int(held_by.sum())
    what = "Hands in photos that are detected"
    found.append(Measured("hands-found", what, int(sure[held_by].sum()), f"of {hands} hands", hands))
    if recorder:
        recorder.write("placement", found)
    clothes = list(clothing(given.photos))
    shown = [(str(path), lambda path=path: cut_out(path, segmenter, side)) for path, _ in clothes]
    others = np.array([CLOTHING not in str(path) and not path.stem.startswith("cloth_") for path, *_ in rows])
    taught = np.r_[described(given.features / "clothes.npz", shown, classifier), p[others], x]
    garments = np.r_[[worn for _, worn in clothes], np.zeros(others.sum() + len(x), bool)]
    groups = [str(path) for path, _ in clothes] + [row[2] for row, other in zip(rows, others, strict=True) if other]
    worn, worn_bias = garment(taught, garments, groups + [family(file.stem) for file in files], len(x))
    hand, hand_bias = logistic(p, held_by, HANDS)

    heights = basis.weight[:, :2] / basis.spread[:, None]
    offsets = basis.offset[:2] - basis.mean @ heights
    columns = {
        "above": np.append(whole, start),
        "hand": np.append(hand, hand_bias),
        "garment": np.append(worn, worn_bias),
        "lying": np.append(heights[:, 1], offsets[1]),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    kept = load_file(VIEWPOINT_CHECKPOINT / HEAD)
    chosen = {name: column.astype(np.float32) for name, column in columns.items() if name in (given.only or columns)}
    save_file(kept | chosen, given.out / HEAD)


if __name__ == "__main__":
    main()
