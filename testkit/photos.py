"""Photos made in code: good ones that need no network, bad ones, and ones that give a lean worker a task."""

from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from testkit.specimens import saved

#: The file in an installation's home for which Deed.HELD waits.
HELD = "held"
_WIDTH, _HEIGHT = 200, 240


class Deed(Enum):
    """A deed of `testkit.worker` in its first step. The photo's background has its colour."""

    #: Sleep 1.5 seconds at each of the two looks, as a slow network does.
    SLOW = (10, 200, 10)
    #: Wait for as long as the installation is held (`Installation.held`): a test has time.
    HELD = (10, 120, 10)
    #: Request more memory than the process may have.
    HUNGRY = (200, 200, 10)
    #: Die as the out-of-memory killer does it: by SIGKILL, in the middle of the step.
    KILLED = (200, 10, 10)
    #: Hang in a C call that lets other threads run.
    HUNG = (10, 10, 200)
    #: Hang in a C call that keeps the interpreter's lock: no Python thread runs any more.
    STUCK = (10, 200, 200)
    #: Raise an unexpected error.
    BROKEN = (200, 10, 200)


def good(number: int = 0) -> bytes:
    """Return a PNG with its own cut-out, a slightly different one for each number."""
    picture = np.zeros((_HEIGHT, _WIDTH, 4), np.uint8)
    picture[_product()] = (60 + number % 180, 30 + number // 180 % 200, 90, 255)
    return _png(picture)


def mask(number: int) -> bytes:
    """Return a mask for any of these photos, a different one for each number: a thing, and a smaller one next to it."""
    codes = np.zeros((_HEIGHT, _WIDTH), np.uint8)
    codes[40 + number % 30 : 200, 60 : 130 - number % 20], codes[60:90, 150 : 160 + number % 30] = 255, 255
    return _png(codes)


def plain() -> bytes:
    """Return a PNG without a cut-out and without a deed."""
    return _before((128, 128, 128))


def with_deed(deed: Deed) -> bytes:
    """Return a PNG without a cut-out, so that the segmenter runs and reads the deed.

    No two are alike: the stored cut-out of the first would spare the second its deed.
    """
    return _before(deed.value)


def _before(background: tuple[int, int, int]) -> bytes:
    picture = np.full((_HEIGHT, _WIDTH, 3), background, np.uint8)
    product = picture[_product()]
    product[:] = np.random.default_rng().integers(60, 120, product.shape)
    return _png(picture)


def bad() -> dict[str, bytes]:
    """Return unusable photos by the error code of their jobs."""
    whole = good()
    return {
        "image_unreadable": b"<html>not a picture</html>",
        "image_truncated": whole[: len(whole) // 2],
        "no_subject": _png(np.zeros((_HEIGHT, _WIDTH, 4), np.uint8)),
    }


def read_deed(picture: NDArray[np.uint8]) -> Deed | None:
    """Return the deed of an sRGB photo; None where its corner has no deed's colour."""
    corner = tuple(int(value) for value in picture[0, 0])
    return next((deed for deed in Deed if deed.value == corner), None)


def outline(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the cut-out of everything that differs from the photo's corner, H×W in [0, 1]."""
    differs: NDArray[np.bool_] = np.any(picture != picture[0, 0], axis=2)
    return differs.astype(np.float32)


def _product() -> tuple[slice, slice]:
    return slice(40, 200), slice(60, 140)


def _png(picture: NDArray[np.uint8]) -> bytes:
    return saved(Image.fromarray(picture), "PNG")
