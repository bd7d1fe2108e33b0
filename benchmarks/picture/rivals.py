"""Two ways to cut out with one session of one network: Backdrop, and `rembg.remove` with its defaults."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.picture.looks import KeptLooks, KeptSession
from models.segmenter import RembgSegmenter
from pipeline.core.networks import Networks
from pipeline.core.types import Alpha, Cutout, Photo, Rgb
from pipeline.cutout.foreground import extract_foreground
from pipeline.cutout.segment import segment
from service.settings import Settings
from service.worker.networks import open_networks

#: Side in pixels of the square that CPU time is taken at.
TIMED_SIDE = 2000


@dataclass(frozen=True, eq=False)
class Rivals:
    """Both ways to cut out, with one session of one network on one thread. Hashed by identity."""

    networks: Networks
    #: The rembg session that `networks.segmenter` wraps.
    session: Any


def open_rivals(settings: Settings, looks: Path | None = None) -> Rivals:
    """Return both ways, with segmenters on one thread so that CPU times can be compared.

    `looks`: folder of kept masks (`KeptLooks`).
    """
    import torch

    torch.set_num_threads(1)
    networks = open_networks(settings)
    assert isinstance(networks.segmenter, RembgSegmenter)
    if looks is None:
        return Rivals(networks, networks.segmenter.session)
    versions = networks.versions
    first = KeptLooks(networks.segmenter, looks, versions["segmenter"])
    second = networks.second_segmenter
    if second is not None:
        second = KeptLooks(second, looks, versions["second_segmenter"])
    return Rivals(replace(networks, segmenter=first, second_segmenter=second), KeptSession(first))


def cut_out(photo: Photo, networks: Networks) -> Cutout:
    """Return the cut-out as `pipeline.swap` makes it. Raises NoSubject and ModelFailed."""
    found = segment(photo, networks.segmenter, networks.second_segmenter)
    return extract_foreground(photo, found).assessed()


def plain_cut_out(photo: Photo, session: Any) -> NDArray[np.uint8]:
    """Return H×W×4 straight RGBA of `rembg.remove` with its defaults and this session."""
    from rembg import remove  # imports pymatting

    return np.asarray(remove(Image.fromarray(photo.rgb), session=session), np.uint8)


def whole(cutout: Cutout, photo: Photo) -> tuple[Alpha, Rgb]:
    """Return alpha and colours of a cut-out at the photo's size, 0 outside its crop."""
    height, width = photo.rgb.shape[:2]
    alpha, rgb = np.zeros((height, width), np.float32), np.zeros((height, width, 3), np.float32)
    left, top = cutout.origin
    where = (slice(top, top + cutout.alpha.shape[0]), slice(left, left + cutout.alpha.shape[1]))
    alpha[where], rgb[where] = cutout.alpha, cutout.rgb / np.float32(255)
    return alpha, rgb


def cpu_seconds(photo: Photo, rivals: Rivals) -> dict[str, float]:
    """Return CPU-seconds of both cut-outs of the decoded photo, stretched to 2000×2000: the less of two runs.

    The ways take turns, so that other programs slow both alike.
    """
    square = Image.fromarray(photo.rgb).resize((TIMED_SIDE, TIMED_SIDE), Image.Resampling.BICUBIC)
    large = Photo(np.asarray(square), None, photo.format)
    own, plain = [], []
    for _ in range(2):
        started = time.process_time()
        cut_out(large, rivals.networks)
        between = time.process_time()
        plain_cut_out(large, rivals.session)
        own.append(between - started)
        plain.append(time.process_time() - between)
    return {"own": min(own), "plain": min(plain)}
