"""Cut a product out of its photo: by the networks, by a caller's mask, or at the place that a caller points to."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache as once

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import NoSubject
from pipeline.core.networks import Networks
from pipeline.core.order import PhotoPlace
from pipeline.core.stages import Stages
from pipeline.core.types import Cutout, Doubts, Photo, Segmentation
from pipeline.cutout.cache import Cache, CutoutCache
from pipeline.cutout.foreground import Extracted, extract_foreground, foreground_of
from pipeline.cutout.given import GivenMask, codes_of, coverage
from pipeline.cutout.segment import segment
from pipeline.cutout.subjects import Choice, Masks, choose


@dataclass(frozen=True)
class Cut:
    """A cut-out. Its assessment and storage wait for a quiet moment, because the picture needs neither."""

    #: The cut-out of `pipeline.cutout.foreground.Extracted`, before its assessment.
    unassessed: Cutout
    #: Returns the assessed cut-out.
    assessed: Callable[[], Cutout]
    #: Origin of the cut-out: computed, cached, or the kind of given mask.
    status: str = "computed"
    #: Origin of the mask: network, or the kind of given mask.
    cut_by: str = "network"


@dataclass(frozen=True)
class Cutting:
    """A photo and everything that its cut-out needs."""

    photo: Photo
    #: The photo's file; its digest is the key of earlier cut-outs.
    data: bytes
    networks: Networks
    #: Results of earlier swaps; None: no cache.
    cache: Cache | None = None
    #: The caller's mask, used instead of the networks'.
    mask: GivenMask | None = None
    #: Whether to find the doubtful pieces of the networks' mask, which takes three more looks.
    doubts: bool = False

    def product(self, stages: Stages, subject: PhotoPlace | None = None) -> Cut:
        """Cut the product out, or return an earlier cut-out of it.

        `subject` is the place in the photo of the product that the caller means. It may be in the mask. Raises
        NoSubject, SubjectNotFound, ModelFailed.
        """
        cutouts = CutoutCache(self.cache, self.data, self.networks, subject)
        whole = once(self.whole)
        found, choice = None, None
        with stages("segment"):
            kept = None if self.mask else self._cached(cutouts)
            if kept is None and subject is not None:
                choice = self.choice(subject, whole)
            elif kept is None and self.mask is None:
                found = self._segmented(self.photo, doubts=self.doubts)
        with stages("refine"):
            if kept is not None:
                return Cut(kept, lambda: kept, cutouts.cache_status)
            if choice is not None:
                cut = self.chosen(choice, whole() if choice.source == "found" else None)
                if choice.source == "given":
                    return cut
                return replace(cut, assessed=once(lambda: cutouts.put(cut.assessed())))
            if self.mask is not None:
                return self._given(self.mask)
            assert found is not None  # no cached cut-out, no choice, no mask: the photo was segmented
            made = self._extracted(found)
            return Cut(made.unassessed, once(lambda: cutouts.put(made.assessed())), cutouts.cache_status)

    def whole(self) -> Cutout | None:
        """Return the cut-out of all that the networks find; None where nothing stands out. Raises ModelFailed."""
        cutouts = CutoutCache(self.cache, self.data, self.networks)
        try:
            return self._cached(cutouts) or cutouts.put(
                self._extracted(self._segmented(self.photo, doubts=self.doubts)).assessed()
            )
        except NoSubject:
            return None

    def choice(self, subject: PhotoPlace, whole: Callable[[], Cutout | None]) -> Choice:
        """Return the product at a caller's place; `whole` is as above. Raises SubjectNotFound, ModelFailed."""

        def found() -> NDArray[np.uint8] | None:
            cutout = whole()
            height, width = self.photo.rgb.shape[:2]
            return None if cutout is None else codes_of(cutout.alpha, cutout.origin, width, height)

        given = None if self.mask is None else self.mask.codes
        return choose(subject, Masks(self.photo, found, self._segmented, given))

    def chosen(self, choice: Choice, whole: Cutout | None) -> Cut:
        """Cut out the choice. A part of `whole` is no surer than `whole`. Raises ModelFailed."""
        if choice.source == "given":
            assert self.mask is not None
            return self._given(replace(self.mask, codes=choice.codes))
        alpha = coverage(choice.codes)
        # Its pieces are those of `whole`. With none of its own, `_cached` takes it also where they are asked for.
        seen = replace(choice.seen or Segmentation(alpha), alpha=alpha, doubts=Doubts() if self.doubts else None)
        made = self._extracted(seen)

        def assessed() -> Cutout:
            cutout = made.assessed()
            if whole is None:
                return cutout
            doubts = {"low_confidence"} & set(whole.warnings) - set(cutout.warnings)
            sure = min(cutout.confidence, whole.confidence)
            return replace(cutout, confidence=sure, warnings=(*cutout.warnings, *doubts))

        return Cut(made.unassessed, once(assessed))

    def _given(self, mask: GivenMask) -> Cut:
        made = foreground_of(self.photo, mask, self.networks.viewpoint)
        return Cut(made.unassessed, once(made.assessed), mask.cut_by, mask.cut_by)

    def _cached(self, cutouts: CutoutCache) -> Cutout | None:
        found = cutouts.get(self.photo)
        return None if found is not None and self.doubts and found.doubts is None else found

    def _segmented(self, photo: Photo, *, doubts: bool = False) -> Segmentation:
        by = self.networks
        return segment(photo, by.segmenter, by.second_segmenter, witness=by.witness, doubts=doubts)

    def _extracted(self, found: Segmentation) -> Extracted:
        return extract_foreground(self.photo, found, self.networks.viewpoint)
