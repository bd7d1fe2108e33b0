"""The work of an attempt: fetch the photo, make its picture or its cut-out, and store that."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from models.lane import DeviceLane
from pipeline.background.shared import SharedBackgrounds
from pipeline.core.networks import Networks
from service.catalogue.catalogue import Catalogue
from service.catalogue.specs import resolve_spec, stored_extra_sources, subject_of
from service.jobs.records import Failure, NewCutout, NewRender, Operation
from service.storage.cache import CacheFor
from service.storage.objects import Bucket
from service.worker.attempt import Attempt
from service.worker.picture import Pictures
from service.worker.results import Results

#: Progress of the job when the pipeline starts and when it ends.
_FETCHED, _RENDERED = 0.02, 0.97


@dataclass(frozen=True)
class Maker:
    """Makes what jobs order. Lives as long as the worker. Thread-safe."""

    sources: Bucket
    results: Results
    #: For jobs of an older release, whose specs have names in place of records.
    catalogue: Catalogue
    networks: Networks
    pictures: Pictures
    #: The thread that calls the networks. None: each job's thread calls them.
    lane: DeviceLane | None = None
    #: Returns a client's cache. None: nothing is cached.
    cache_for: CacheFor | None = None
    #: Backgrounds that pictures of an order share.
    shared: SharedBackgrounds = field(default_factory=SharedBackgrounds)

    def make(self, attempt: Attempt) -> NewRender | NewCutout | Failure:
        """Make and store an attempt's result. Raises PipelineError, and the errors of stores and of `Attempt.check`."""
        claim = attempt.claim
        data = self._fetch(claim.source_key)
        sha256 = hashlib.sha256(data).hexdigest()
        self.results.identify(claim, sha256, len(data))
        work = self._cut_out if claim.operation == Operation.CUTOUT else self._render
        return work(attempt, data, sha256)

    def _cut_out(self, attempt: Attempt, data: bytes, photo_sha256: str) -> NewCutout:
        subject = subject_of(attempt.claim.spec, attempt.claim.spec_version)
        mask = None if subject is None else self.results.mask(attempt, photo_sha256, whole=True)
        cut = self.pictures.cut_out(data, mask=mask, subject=subject, **self._common(attempt, photo_sha256))
        attempt.progress("store", _RENDERED)
        return self.results.store_cutout(attempt, cut, photo_sha256, mask)

    def _render(self, attempt: Attempt, data: bytes, photo_sha256: str) -> NewRender | Failure:
        claim = attempt.claim
        spec = resolve_spec(claim.spec, self.catalogue, claim.spec_version, preview=claim.preview)
        files = {key: self._fetch(key) for key in stored_extra_sources(claim.spec)}
        earlier_mask = None
        if earlier := claim.spec.get("earlier"):
            sha256 = hashlib.sha256(files[earlier["source_key"]]).hexdigest()
            earlier_mask = self.results.mask(attempt, sha256, whole="subject" in earlier["spec"])
        made = self.pictures.make(
            data,
            spec,
            files=files,
            job_id=claim.job_id,
            mask=self.results.mask(attempt, photo_sha256, whole="subject" in claim.spec),
            earlier_mask=earlier_mask,
            # Only where another picture of its order shares it, as it takes memory.
            shared=self.shared if claim.spec.get("shares") else None,
            **self._common(attempt, photo_sha256),
        )
        attempt.progress("store", _RENDERED)
        return self.results.store_render(attempt, made)

    def _fetch(self, key: str) -> bytes:
        return self.sources.get(key, max_bytes=self.pictures.limits.max_bytes)

    def _common(self, attempt: Attempt, photo_sha256: str) -> dict[str, Any]:
        """Return the networks, the callback and the cache of an attempt."""
        claim = attempt.claim
        return {
            "networks": self.lane.networks(self.networks, attempt.check) if self.lane else self.networks,
            "progress": lambda stage, done: attempt.progress(stage, _FETCHED + (_RENDERED - _FETCHED) * done),
            "cache": self.cache_for(claim.client_id, claim.job_id, photo_sha256) if self.cache_for else None,
        }
