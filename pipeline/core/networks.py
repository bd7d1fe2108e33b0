"""The networks as the pipeline sees them: plain callables, so that it never imports one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

#: Called as progress(stage, fraction of the whole swap 0–1). It may raise to stop the swap between steps.
Progress = Callable[[str, float], None]


class Segmenter(Protocol):
    """Finds the product in a photo."""

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return H×W alpha in [0, 1] for an H×W×3 sRGB photo."""


#: How a photo was taken, each 0–1. `above`: how probably of something that could not stand as it is seen, as it lies,
#: hangs, is held or flies, or was seen from straight above; `side`: of something that stands, seen from the side; one
#: excludes the other. `hand`: how probably of something that a hand holds. `elevation`: from how high the camera
#: looked down, as a share of a right angle.
Viewpoint = Literal["above", "side", "hand", "elevation"]


class ViewpointClassifier(Protocol):
    """Tells from where a product was photographed."""

    #: Side in pixels of the squares that it sees.
    side: int

    def __call__(self, views: NDArray[np.uint8]) -> Mapping[Viewpoint, float]:
        """Return each viewpoint's share, 0–1, for 2×S×S×3 sRGB bytes: the product in its photo, and on grey."""


@dataclass(frozen=True)
class Conditions:
    """What a generator is given of the layout besides words: float32 arrays, all of one h×w."""

    #: h×w×3 sRGB in [0, 1]: flat albedo, without finishes and light.
    sketch: NDArray[np.float32]
    #: h×w×3 linear, at least 0: the analytic light, so that albedo × light is radiance (`pipeline.light.first_light`).
    light: NDArray[np.float32]
    #: h×w in [0, 1]: the share of the fill light that reaches each place.
    occlusion: NDArray[np.float32]
    #: h×w×3 unit normals in [-1, 1]: x right, y up, z towards the camera.
    normals: NDArray[np.float32]
    #: h×w canvas heights along the view axis; the product stands at `pipeline.scene.layout.FOCAL`.
    depth: NDArray[np.float32]
    #: h×w in [0, 1]: 0 matt, 1 polished.
    gloss: NDArray[np.float32]
    #: h×w 0 or 1: 1 where light falls on a surface, 0 where what is seen shines itself (tubes, lights out of focus).
    lit: NDArray[np.float32]


@dataclass(frozen=True)
class Laid:
    """The product laid into its drawing, for a generator that `holds` it: the conditions' h×w."""

    #: h×w×3 sRGB in [0, 1]: the lit drawing with the product, its shadow and its mirror image.
    picture: NDArray[np.float32]
    #: h×w in [0, 1]: what of it is kept, the product without its rim.
    keep: NDArray[np.float32]
    #: Share of the noise that the generator starts with otherwise: less of it leaves the drawing more as it is.
    noise: float = 1.0


class Generator(Protocol):
    """Paints a background."""

    def __call__(
        self,
        *,
        prompt: str,
        negative_prompt: str,
        conditions: Conditions,
        seed: int,
        on_step: Callable[[float], None],
    ) -> NDArray[np.float32]:
        """Paint what the conditions describe, h×w×3 of their size.

        One that `paints` "picture" answers sRGB in [0, 1]; one that paints "light" answers linear light ≥ 0, to be
        multiplied onto the albedo. `on_step` takes the share of steps done, 0–1, and may raise to stop. One that
        `holds` products also takes the keyword `laid`.
        """


@dataclass(frozen=True)
class Networks:
    """The networks of one process. `versions` goes into the report's provenance."""

    segmenter: Segmenter
    generator: Generator
    versions: Mapping[str, str] = field(default_factory=dict)
    #: A second opinion on the photo; None: the segmenter looks at the product's box in its place.
    second_segmenter: Segmenter | None = None
    #: None: nobody says whether a product stands or lies.
    viewpoint: ViewpointClassifier | None = None


def cutting(networks: Networks) -> dict[str, str] | None:
    """Return the versions of what makes a cut-out, and where it runs; None where one of them has no version."""
    needed = {"segmenter"}
    needed |= {"second_segmenter"} if networks.second_segmenter is not None else set()
    needed |= {"viewpoint"} if networks.viewpoint is not None else set()
    if not needed <= networks.versions.keys():
        return None
    named = needed | {"segmenter_device"}
    return {name: version for name, version in networks.versions.items() if name in named}


def painting(networks: Networks) -> dict[str, str] | None:
    """Return the version of what paints, wherever it runs; None where it has none."""
    version = networks.versions.get("generator")
    return None if version is None else {"generator": version}


def looking_side(segmenter: Segmenter) -> int:
    """Return the longer side in pixels that a segmenter wants photos at: its attribute `side`, or 640."""
    return int(getattr(segmenter, "side", 640))


def paints(generator: Generator) -> Literal["light", "picture"]:
    """Return what a generator's answer is: its attribute `paints`, "picture" where it has none."""
    return "light" if getattr(generator, "paints", "picture") == "light" else "picture"


def painting_size(generator: Generator) -> int:
    """Return the side of the square whose area in pixels a generator wants its conditions at: its `size`, or 512."""
    return int(getattr(generator, "size", 512))


def reads_hex(generator: Generator) -> bool:
    """Tell whether a generator was taught colours as #rrggbb: its attribute `reads_hex`; others are told names."""
    return bool(getattr(generator, "reads_hex", False))


def holds(generator: Generator) -> bool:
    """Tell whether a generator can paint a scene round a product that it sees: its attribute `holds`.

    One that does takes the keyword `laid`, a `Laid` or None.
    """
    return bool(getattr(generator, "holds", False))
