"""Results of jobs as objects and rows: pictures, cut-outs, and the masks of photos that callers choose or mend."""

import hashlib
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from ulid import ULID

from pipeline.accepted import AcceptedSwap
from pipeline.cutout.given import GivenMask, codes_of
from pipeline.cutout.subjects import subjects_of
from pipeline.report import to_json
from pipeline.swap import CutOut
from service.cutouts.mask_file import encode_mask
from service.cutouts.masks import MendedMasks
from service.cutouts.pieces import sheet
from service.cutouts.pixels import of_network, subject_facts
from service.cutouts.records import CutBy
from service.database.engine import DATABASE_AWAY
from service.jobs.records import Claim, Failure, NewCutout, NewRender
from service.storage.mask_registry import MaskRegistry
from service.storage.objects import Bucket
from service.storage.registry import ObjectRegistry
from service.worker.attempt import Attempt

logger = logging.getLogger(__name__)
_EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif"}


@dataclass(frozen=True)
class Results:
    """Stores the results of attempts. Each attempt has its own keys: one without a lease can't change others' bytes.

    Thread-safe.
    """

    renders: Bucket
    registry: ObjectRegistry
    #: Digests of photos, and rows of masks.
    mask_registry: MaskRegistry
    masks: MendedMasks

    def identify(self, claim: Claim, photo_sha256: str, size: int) -> None:
        """Store digest and size of the job's photo. If the database is away, the photo's next job tries again."""
        with suppress(*DATABASE_AWAY):
            self.mask_registry.identify_photo(claim.source_key, photo_sha256, size)

    def mask(self, attempt: Attempt, photo_sha256: str, *, whole: bool) -> GivenMask | None:
        """Return the client's own mask of the photo. Waits for a database that is away.

        `whole`: include the subjects that were left out, because the job may name one of them.
        """
        while True:
            try:
                return self.masks.of_photo(attempt.claim.client_id, photo_sha256, whole=whole)
            except DATABASE_AWAY as error:
                logger.warning("job %s: the database is away, so the mask waits: %s", attempt.claim.job_id, error)
            attempt.stopping.wait(1.0)
            attempt.check()

    def store_render(self, attempt: Attempt, made: AcceptedSwap) -> NewRender | Failure:
        """Store an order's picture. Raises StoreUnavailable."""
        claim, render = attempt.claim, made.result
        key = f"renders/{claim.client_id}/{claim.job_id}-{claim.attempt}.{_EXTENSIONS[render.format]}"
        attempt.write(partial(self.registry.register, "renders", key, client_id=claim.client_id, job_id=claim.job_id))
        self.renders.put(key, render.data, render.content_type)
        provenance = replace(render.report.provenance, job_attempt=claim.attempt)
        cautions = [one["code"] for one in claim.spec.get("cautions", ())]  # absent in a job of an older release
        stored = NewRender(
            public_id=str(ULID()),
            key=key,
            output_preset=claim.spec["output_preset"],
            width=render.width,
            height=render.height,
            format=render.format,
            content_type=render.content_type,
            bytes=len(render.data),
            sha256=hashlib.sha256(render.data).hexdigest(),
            seed=render.seed,
            warnings=[*cautions, *(code for code in render.warnings if code not in cautions)],
            report=to_json(replace(render.report, provenance=provenance)),
            preview=claim.preview or made.refused,
        )
        if render.report.acceptance is not None and not claim.preview:
            claim.missed[:] = [one.missed for one in render.report.acceptance.tries]
        return stored if made.refusal is None else Failure("not_accepted", made.refusal, stored)

    def store_cutout(self, attempt: Attempt, cut: CutOut, photo_sha256: str, mask: GivenMask | None) -> NewCutout:
        """Store a photo's cut-out, and make the chosen product the photo's mask. Raises StoreUnavailable.

        `mask`: the caller's mask. The chosen product may be a part of it.
        """
        claim = attempt.claim
        pictures, reduced = of_network(cut.photo, cut.found)
        files = [(pictures.mask, "png"), (pictures.preview, "png"), (reduced, "jpeg")]
        doubts = cut.found.doubts if cut.found else None
        if doubts and doubts.pieces:
            files += [(doubts.layer, "png"), (sheet(cut.photo.rgb, doubts.layer, doubts.pieces), "jpeg")]
        keys = [f"masks/{claim.client_id}/{ULID()}.{kind.replace('e', '')}" for _, kind in files]
        mask_key, preview_key, photo_key, *doubtful = keys
        attempt.write(partial(self.mask_registry.register, keys, client_id=claim.client_id))
        for key, (data, kind) in zip(keys, files, strict=True):
            self.renders.put(key, data, f"image/{kind}")
        height, width = cut.photo.rgb.shape[:2]
        found = NewCutout(photo_sha256, width, height, mask_key, preview_key, photo_key, pictures.facts, *doubtful)
        if cut.chosen is not None:
            attempt.write(lambda: self._store_choice(cut, claim, photo_sha256, mask))
        return found

    def _store_choice(self, cut: CutOut, claim: Claim, photo_sha256: str, mask: GivenMask | None) -> None:
        """Make the chosen product the photo's, as `Mending.keep_subjects` does. Raises StoreUnavailable."""
        assert cut.chosen is not None
        choice, cutout = cut.chosen
        pictures, _ = of_network(cut.photo, cutout)
        base_by: CutBy = "mended"
        base, facts = pictures.mask, pictures.facts
        if choice.number is not None:
            height, width = cut.photo.rgb.shape[:2]
            if choice.source == "given":
                assert mask is not None
                whole = mask.codes
            else:
                assert cut.found is not None
                whole, base_by = codes_of(cut.found.alpha, cut.found.origin, width, height), "network"
            base = encode_mask(whole)
            facts = facts | {"subjects": subject_facts(subjects_of(whole), {choice.number})}
        self.masks.keep(
            claim.client_id,
            claim.source_key,
            photo_sha256,
            mask=pictures.mask,
            base=base,
            preview=pictures.preview,
            facts=facts,
            cut_by="subjects",
            base_by=base_by,
        )
