"""The networks as the pipeline sees them: plain callables, so that it never imports a network."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

#: Called as progress(stage, fraction of the whole swap 0–1). It may raise to stop the swap between steps.
Progress = Callable[[str, float], None]
#: A generator's answer: h×w×3, of the size of its conditions.
Painted = NDArray[np.float32]


class Segmenter(Protocol):
    """Finds the product in a photo."""

    @property
    def side(self) -> int:
        """Longer side, in pixels, of the photos that it expects."""

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return H×W alpha in [0, 1] for an H×W×3 sRGB photo."""


@dataclass(frozen=True)
class FunctionSegmenter:
    """A function as a `Segmenter`."""

    look: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    side: int = 640

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the function's H×W alpha in [0, 1] for an H×W×3 sRGB photo."""
        return self.look(image)


#: How a photo was taken, each 0–1. The first two are exclusive probabilities.
#: `above`: seen from straight above, or unable to stand as shown, because it lies, hangs, flies or is held.
#: `side`: it stands and is seen from the side.
#: `hand`: probability that a hand holds it.
#: `garment`: probability that it is clothing or cloth that hangs limp; not shoes, bags or hats.
#: `elevation`: how steeply the camera looked down, as a share of a right angle.
Viewpoint = Literal["above", "side", "hand", "garment", "elevation"]


class ViewpointClassifier(Protocol):
    """Classifies the viewpoint from which a product was photographed."""

    #: Side in pixels of the squares that it expects.
    side: int

    def __call__(self, views: NDArray[np.uint8]) -> Mapping[Viewpoint, float]:
        """Return each viewpoint's share, 0–1, for 2×S×S×3 sRGB bytes: the product in its photo, and on grey."""


@dataclass(frozen=True)
class Conditions:
    """The layout that a generator gets in addition to words: float32 arrays, all of one h×w."""

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
    #: h×w 0 or 1: 1 where light falls on a surface, 0 where the surface itself shines (tubes, lights out of focus).
    lit: NDArray[np.float32]


@dataclass(frozen=True)
class Laid:
    """The product placed into its drawing, for a generator that `holds` it: the conditions' h×w."""

    #: h×w×3 sRGB in [0, 1]: the lit drawing with the product, its shadow and its mirror image.
    picture: NDArray[np.float32]
    #: h×w in [0, 1]: the part to keep, which is the product without its rim.
    keep: NDArray[np.float32]
    #: Share of the generator's usual starting noise; less noise changes the drawing less.
    noise: float = 1.0


@dataclass(frozen=True)
class PaintRequest:
    """A request to a generator for one background."""

    prompt: str
    negative_prompt: str
    conditions: Conditions
    seed: int
    #: Called with the share of steps done, 0–1; may raise to stop.
    on_step: Callable[[float], None]
    #: The product, for a generator that `holds` products.
    laid: Laid | None = None
    #: h×w×3 sRGB bytes of any size: the caller's reference, for a generator that takes `references`.
    reference: NDArray[np.uint8] | None = None

    @property
    def alike(self) -> Hashable:
        """Key that is equal for requests that a generator with `batches` may paint in one call."""
        return self.conditions.sketch.shape, None if self.laid is None else self.laid.noise


@dataclass(frozen=True)
class Capabilities:
    """A generator's abilities and the input that it expects."""

    #: "picture": its answers are sRGB in [0, 1]; "light": linear light of at least 0, to be multiplied onto the albedo.
    paints: Literal["light", "picture"] = "picture"
    #: Side in pixels of the square whose area its conditions should have.
    size: int = 512
    #: Whether it can paint a scene round a product that it sees, `PaintRequest.laid`.
    holds: bool = False
    #: Whether it edits the picture that it gets: its prompt then gives an instruction, not a description.
    edits: bool = False
    #: Whether it also takes a picture as a reference, `PaintRequest.reference`.
    references: bool = False
    #: Whether it was trained on colours as #rrggbb; other generators get colour names.
    reads_hex: bool = False
    #: Whether several pictures in one call come out the same as pictures in separate calls.
    batches: bool = False


class Generator(Protocol):
    """Paints backgrounds."""

    @property
    def capabilities(self) -> Capabilities:
        """The generator's abilities."""

    def paint(self, requests: Sequence[PaintRequest]) -> Sequence[Painted | BaseException]:
        """Paint the requests, each h×w×3 float32 of its conditions' size; several only if it `batches`.

        An answer is the background, or the error of that request alone: its `on_step` raised, or ModelFailed.
        Raises OutOfMemory and ModelFailed where the whole call fails.
        """


def painted(generator: Generator, request: PaintRequest) -> Painted:
    """Return one background, h×w×3 float32. Raises OutOfMemory, ModelFailed and any error of its `on_step`."""
    (answer,) = generator.paint([request])
    if isinstance(answer, BaseException):
        raise answer
    return answer


@dataclass(frozen=True)
class Networks:
    """The networks of one process. `versions` goes into the report's provenance."""

    segmenter: Segmenter
    generator: Generator
    versions: Mapping[str, str] = field(default_factory=dict)
    #: A second opinion on the photo; None: the segmenter looks at it twice more instead.
    second_segmenter: Segmenter | None = None
    #: A network that looks for doubtful pieces only, because no mask of the two together was measured.
    witness: Segmenter | None = None
    #: None: Backdrop does not classify whether a product stands or lies.
    viewpoint: ViewpointClassifier | None = None
    #: Maximum number of paintings for one background, with a generator that paints pictures.
    paintings: int = 2
    #: Whether Backdrop delivers the renderer's own background where all paintings are rejected; else the swap fails.
    falls_back: bool = True


def cutting(networks: Networks) -> dict[str, str] | None:
    """Return the versions and the device of the networks that cut out; None where one of them has no version."""
    needed = {"segmenter"}
    needed |= {"second_segmenter"} if networks.second_segmenter is not None else set()
    needed |= {"witness"} if networks.witness is not None else set()
    needed |= {"viewpoint"} if networks.viewpoint is not None else set()
    if not needed <= networks.versions.keys():
        return None
    named = needed | {"segmenter_device"}
    return {name: version for name, version in networks.versions.items() if name in named}


def painting(networks: Networks) -> dict[str, str] | None:
    """Return the generator's version without its device; None where it has none."""
    version = networks.versions.get("generator")
    return None if version is None else {"generator": version}
