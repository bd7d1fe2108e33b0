"""A worker's parts without its process, and a worker whose stored objects can be aged."""

import hashlib
import io
import threading
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import sqlalchemy as sa
from PIL import Image

from pipeline.core.networks import Capabilities, FunctionSegmenter, Networks
from pipeline.core.spec import Limits
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.catalogue.specs import order_of, stored_spec
from service.cutouts.masks import MendedMasks
from service.database.clock import db_now
from service.database.tables import stored_objects
from service.diagnostics.audit import Finding
from service.diagnostics.object_audit import audit_objects
from service.health.parts import StoreBreaker
from service.jobs.intake import Accepted
from service.jobs.records import Kind
from service.jobs.transitions import Jobs
from service.marks.c2pa import Marking
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.cache import client_caches
from service.storage.expiry import Expirer
from service.storage.mask_registry import MaskRegistry
from service.storage.objects import Bucket
from service.storage.registry import ObjectRegistry
from service.worker.attempt import Isolation, LeaseRenewal, Watchdog
from service.worker.making import Maker
from service.worker.picture import Pictures
from service.worker.results import Results
from service.worker.run import JobRunner
from testkit.specimens import saved
from testkit.still_life import PHOTO, Counting, Darkener
from tests.support.shop import Shop

DAY = 86_400.0


def _bottle() -> bytes:
    """The sample with an eighth of its pixels: code around a swap behaves the same at any size."""
    with Image.open(io.BytesIO((files("service") / "sample" / "bottle.jpg").read_bytes())) as photo:
        return saved(photo.resize((490, 630)), "JPEG", quality=95)


BOTTLE = _bottle()
#: A spec whose background costs nothing, for tests of the code around a swap.
ON_WHITE: dict[str, Any] = {"scene_type": "white", "dominant_colors": []}


def small(catalogue: Catalogue, width: int, height: int) -> Catalogue:
    """The catalogue with open_graph in another size."""
    place = replace(catalogue.presets["open_graph"], size=(width, height))
    return replace(catalogue, presets={**catalogue.presets, place.name: place})


def job_runner(engine: sa.Engine, jobs: Jobs, buckets: tuple[Bucket, Bucket], networks: Networks) -> JobRunner:
    """A worker's parts without its process, on small pictures of `open_graph`."""
    sources, renders = buckets
    # A twenty-fifth of the pixels, where the picture does not matter.
    catalogue = small(load_catalogue(), 240, 126)
    return JobRunner(
        jobs=jobs,
        maker=Maker(
            sources=sources,
            results=Results(renders, ObjectRegistry(engine), MaskRegistry(engine), MendedMasks(engine, renders)),
            catalogue=catalogue,
            networks=networks,
            pictures=Pictures(Limits(), Marking(), catalogue.every_font),
        ),
        time_limit=300,
        leases=LeaseRenewal(jobs, interval=15),
        stopping=threading.Event(),
        watchdog=Watchdog(lambda _: None),
        isolation=Isolation(),
        breaker=StoreBreaker(renders),
    )


class Worker:
    """A worker's parts without its process, and a shop that orders from it."""

    def __init__(self, engine: sa.Engine, home: Path, networks: Networks, **settings: Any) -> None:
        self.shop = Shop(engine, lease=settings.pop("lease", 60.0), max_attempts=2)
        sources, self.renders = open_buckets(Settings(home=home, **settings))
        self.sources: Bucket = sources
        self.runner = job_runner(engine, self.shop.jobs, (self.sources, self.renders), networks)
        self.stopping = self.runner.stopping

    def order(self, data: bytes = BOTTLE, *, preview: bool = False, **spec: Any) -> Accepted:
        key = f"uploads/{self.shop.client.id}/{hashlib.sha256(data).hexdigest()}.jpg"
        self.sources.put(key, data, "image/jpeg")
        asked: dict[str, Any] = {
            "scene_type": "podium",
            "mood": "calm",
            "dominant_colors": ["#e8c7b8"],
            "output_preset": "open_graph",
            "seed": 5,
        }
        order = order_of({name: spec.pop(name, value) for name, value in asked.items()})
        stored = stored_spec(self.runner.maker.catalogue, replace(order, **spec))
        return self.shop.order(cost=0 if preview else 2, spec=stored, source_key=key, preview=preview)

    def make_with(self, **parts: Any) -> None:
        """Replace parts of the maker, or the store of its results."""
        maker = self.runner.maker
        if "renders" in parts:
            parts["results"] = replace(maker.results, renders=parts.pop("renders"))
        self.runner = replace(self.runner, maker=replace(maker, **parts))

    def end(self, accepted: Accepted) -> tuple[str, str | None]:
        job = self.shop.job(accepted)
        return job.status, job.error_code

    def again_at_once(self, accepted: Accepted) -> None:
        """Let the pause before another attempt pass."""
        with self.shop.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE jobs SET lease_until = '2000-01-01 00:00:00.000000'")
        assert accepted.job_id in self.shop.jobs.claim_unsent(Kind.SWAP, waiting=0, resend_after=60)


class Bench(Worker):
    """A worker that stores cut-outs and counts the looks at photos; its stored objects can be aged."""

    def __init__(self, engine: sa.Engine, home: Path, **settings: Any) -> None:
        self.segmenter = Counting()
        versions = {"segmenter": "by_colour 1", "generator": "darkener"}
        super().__init__(engine, home, Networks(self.segmenter, Darkener(), versions))
        self.registry = ObjectRegistry(engine)
        made = Settings(home=home, **settings)
        self.make_with(cache_for=client_caches(made, self.renders, self.registry))
        self.engine = engine

    def cut(self, data: bytes = PHOTO) -> str:
        """Order a cut-out, run the job, and return how it ended."""
        accepted = self.order(data, scene_type="white", dominant_colors=[], output_preset="transparent_cutout")
        self.runner.run(accepted.job_id)
        found = self.shop.jobs.get(accepted.job_id, client_id=self.shop.client.id)
        assert found is not None
        assert found[1] is not None, found[0].error_message
        return str(msgspec.json.decode(found[1].report)["provenance"]["cutout"])

    @property
    def rows(self) -> list[str]:
        query = sa.select(stored_objects.c.key).where(stored_objects.c.bucket == "cutouts")
        with self.engine.connect() as connection:
            return list(connection.execute(query).scalars())

    @property
    def there(self) -> list[str]:
        return sorted(key for key, _ in self.renders.entries() if key.startswith("cutouts/"))

    def age(self, days: float) -> None:
        with self.engine.begin() as connection:
            connection.execute(stored_objects.update().values(used_at=db_now(-days * DAY)))

    def expire(self, **changes: Any) -> None:
        kept = {"cutouts": self.renders, "scenes": self.renders}
        buckets: Any = {"sources": self.sources, "renders": self.renders} | kept
        expirer = Expirer(
            self.registry, buckets, source_age=None, render_age=None, attempt_ends=320.0, delete_delay=0.0
        )
        replace(expirer, **{"cutout_age": DAY} | changes).run_once()

    def wrong(self) -> list[Finding]:
        return audit_objects(self.engine, self.renders).findings


def raising(error: BaseException) -> Networks:
    """Networks whose first one raises."""

    @FunctionSegmenter
    def segmenter(_image: object) -> NoReturn:
        raise error

    class Broken:
        capabilities = Capabilities(paints="light")

        def paint(self, requests: object) -> NoReturn:
            raise error

    return Networks(segmenter, Broken())


def left_over(objects: Path) -> list[str]:
    """Return the files of a directory store's renders."""
    return [str(path) for path in (objects / "objects" / "renders").rglob("*") if path.is_file()]
