"""Mending: a caller's mask or choice of subjects replaces the networks' mask, for all photos with the same bytes."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from service.cutouts.listing import Cutouts
from service.cutouts.mask_file import MAX_BYTES, checked_mask, decode_mask
from service.cutouts.masks import MendedMasks
from service.cutouts.pieces import answered, answers_of, facts_in
from service.cutouts.records import CutBy, Cutout, CutoutNotReady, SubjectsUnknown
from service.database.tables import mended_masks
from service.jobs.records import NewCutout
from service.storage.objects import Bucket, ObjectNotFound, StoreUnavailable

if TYPE_CHECKING:
    from pipeline.cutout.given import CutBy as GivenBy
    from service.cutouts.pixels import Pictures


@dataclass(frozen=True)
class Mending:
    """The use cases of mending. Thread-safe; one instance serves the whole process.

    Each returns None if the client has no such cut-out, as `Cutouts.get` does.
    """

    engine: sa.Engine
    cutouts: Cutouts
    objects: Bucket
    masks: MendedMasks
    #: The folders of the compiled kernels, which set-up or a worker saved.
    kernels: tuple[Path, Path]

    def put_mask(self, public_id: str, data: bytes, *, client_id: str) -> Cutout | None:
        """Store a mask, a PNG of the photo's size. Raises MaskInvalid, CutoutNotReady, StoreUnavailable."""
        cutout = self.cutouts.get(public_id, client_id=client_id)
        if cutout is None:
            return None
        found = _ready(cutout)
        made = self._pixels(found, checked_mask(data, found.width, found.height), "mended")
        return self._keep(cutout, found, made, cut_by="mended")

    def keep_subjects(self, public_id: str, ids: Collection[int], *, client_id: str) -> Cutout | None:
        """Keep only these subjects. All ids together restore the mask that the subjects came from.

        Raises SubjectsUnknown, CutoutNotReady, StoreUnavailable.
        """
        cutout = self.cutouts.get(public_id, client_id=client_id)
        if cutout is None:
            return None
        found, now = _ready(cutout), cutout.shown
        assert now is not None  # `found` is the fallback of `shown`
        known = [one["id"] for one in now.facts["subjects"]]
        if not ids or not set(ids) <= set(known):
            raise SubjectsUnknown(known)
        mended = cutout.mended
        base_key = found.mask_key if mended is None else mended.base_key
        base_by: CutBy = "network" if mended is None else mended.base_by
        everything = set(ids) == set(known)
        if everything and base_by == "network":
            return self.reset(public_id, client_id=client_id)
        base = self._stored(base_key)
        cut_by: GivenBy = "mended" if everything else "subjects"
        made = self._pixels(found, decode_mask(base), cut_by, None if everything else set(ids))
        return self._keep(cutout, found, made, cut_by=cut_by, base=base, base_by=base_by)

    def answer(self, public_id: str, keep: Collection[int], drop: Collection[int], *, client_id: str) -> Cutout | None:
        """Keep and drop doubtful pieces; those without an answer are as in the networks' mask.

        Raises AnswerInvalid, CutoutNotReady, StoreUnavailable.
        """
        cutout = self.cutouts.get(public_id, client_id=client_id)
        if cutout is None:
            return None
        found = _ready(cutout)
        pieces = found.facts.get("pieces", [])
        answers = answers_of(keep, drop, [one["id"] for one in pieces])
        before = _answered(cutout)
        if found.pieces_key is None or not (answers or before):
            return cutout
        network = decode_mask(self._stored(found.mask_key))
        now = decode_mask(self._stored(cutout.mended.mask_key)) if cutout.mended else network
        codes = answered(now, network, self._stored(found.pieces_key), pieces, answers, before)
        if not answers and np.array_equal(codes, network):
            return self.reset(public_id, client_id=client_id)
        return self._keep(cutout, found, self._pixels(found, codes, "mended"), cut_by="mended", ids=answers)

    def reset(self, public_id: str, *, client_id: str) -> Cutout | None:
        """Restore the networks' mask, if it was replaced. Raises CutoutNotReady."""
        cutout = self.cutouts.get(public_id, client_id=client_id)
        if cutout is None:
            return None
        found = _ready(cutout)
        with self.engine.begin() as connection:
            connection.execute(mended_masks.delete().where(_of(client_id, found.photo_sha256)))
        return self.cutouts.get(public_id, client_id=client_id)

    def _pixels(
        self, found: NewCutout, codes: NDArray[np.uint8], cut_by: "GivenBy", kept: Collection[int] | None = None
    ) -> "Pictures":
        # A hundred megabytes with the kernels, which only an API that receives masks should load.
        from pipeline.kernels.cache import keep_in

        keep_in(*self.kernels)
        from pipeline.cutout.viewpoint import of_mended
        from service.cutouts.pixels import of_mask

        seen = found.facts.get("viewpoint", {})  # older releases stored none
        viewpoint = of_mended(seen) if cut_by == "mended" else seen
        return of_mask(codes, self._stored(found.photo_key), kept, viewpoint=viewpoint)

    def _stored(self, key: str) -> bytes:
        try:
            return self.objects.get(key, max_bytes=2 * MAX_BYTES)
        except ObjectNotFound as error:  # its photo was deleted in between
            raise StoreUnavailable(f"{key} is not in the store.") from error

    def _keep(
        self,
        cutout: Cutout,
        found: NewCutout,
        made: "Pictures",
        *,
        cut_by: CutBy,
        base: bytes | None = None,
        base_by: CutBy = "mended",
        ids: Collection[int] | None = None,
    ) -> Cutout | None:
        """Store a mask; `ids` are the answered pieces, None: those of before."""
        facts = made.facts
        if found.pieces_key is not None:
            ids = _answered(cutout) if ids is None else ids
            layer = self._stored(found.pieces_key)
            facts = facts | {"pieces": facts_in(decode_mask(made.mask), layer, found.facts["pieces"], ids)}
        kept = self.masks.keep(
            cutout.client_id,
            cutout.source_key,
            found.photo_sha256,
            mask=made.mask,
            base=base or made.mask,
            preview=made.preview,
            facts=facts,
            cut_by=cut_by,
            base_by=base_by,
        )
        return self.cutouts.get(cutout.job_id, client_id=cutout.client_id) if kept else None


def _answered(cutout: Cutout) -> set[int]:
    """Return the ids of the pieces that the owner answered."""
    mended = cutout.mended.facts.get("pieces", []) if cutout.mended else []
    return {one["id"] for one in mended if one["answered"]}


def _ready(cutout: Cutout) -> NewCutout:
    if cutout.found is None:
        raise CutoutNotReady(cutout.status)
    return cutout.found


def _of(client_id: str, photo_sha256: str) -> sa.ColumnElement[bool]:
    return sa.and_(mended_masks.c.client_id == client_id, mended_masks.c.photo_sha256 == photo_sha256)
