"""A photo is cut out once: what is kept, that it is the same to the bit, and everything that must not be trusted."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.networks import Networks
from pipeline.core.spec import Limits, SceneKind
from pipeline.cutout.cache import Kind, packed, unpacked
from pipeline.cutout.foreground import extract_foreground
from pipeline.cutout.segment import segment
from pipeline.photo.decode import decode
from pipeline.swap import SwapResult, swap
from service.catalogue.catalogue import Catalogue
from service.database.clock import db_now
from service.database.tables import stored_objects
from service.diagnostics.audit import Finding
from service.diagnostics.object_audit import audit_objects
from service.settings import Settings
from service.storage import cache as kept_module
from service.storage.buckets import open_buckets
from service.storage.cache import ObjectCache, client_caches, folder_cache
from service.storage.directory import DirectoryBucket
from service.storage.expiry import Expirer
from service.storage.objects import Bucket, StoreUnavailable
from service.storage.registry import ExpiredObject, ObjectRegistry
from service.storage.signing import UrlSigner
from tests.service.worker.test_run import Worker
from tests.support.caller import Caller
from tests.support.still_life import Darkener, by_colour, jpeg, preset, spec, still_life

PHOTO = jpeg(still_life(240, 300)[0])
DAY = 86_400.0


class Counting:
    """A segmenter that counts its looks."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.looks += 1
        return by_colour(image)


class Studio:
    """Networks that count, and a folder where cut-outs are kept."""

    def __init__(self, folder: Path) -> None:
        self.segmenter = Counting()
        self.versions = {"segmenter": "by_colour 1", "segmenter_device": "cpu", "generator": "darkener"}
        self.kept = folder_cache(folder)
        self.folder = folder

    def swap(self, data: bytes = PHOTO, *, kind: SceneKind = "white", **changes: Any) -> SwapResult:
        asked = spec(kind, place=preset(size=(200, 200)))
        versions = changes.get("versions", self.versions)
        networks = Networks(self.segmenter, Darkener(), versions, second_segmenter=changes.get("second"))
        kept = changes.get("kept", self.kept)
        return swap(data, asked, networks, limits=Limits(), clock=lambda: 0.0, cache=kept)

    def cache_status(self, data: bytes = PHOTO, **changes: Any) -> str:
        return str(self.swap(data, **changes).report["provenance"]["cutout"])

    @property
    def objects(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def with_alpha(alpha: NDArray[np.float32], rgb: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(np.dstack([rgb, (alpha * 255).astype(np.uint8)])).save(file, "PNG")
    return file.getvalue()


def glassy() -> bytes:
    """A photo with a cut-out of its own that is half seen through, in every shade."""
    rgb, alpha = still_life(240, 300)
    return with_alpha(alpha * np.linspace(0.4, 1, 300, dtype=np.float32)[:, None], rgb)


# What is kept


@pytest.mark.parametrize("data", [PHOTO, glassy()], ids=["cut out by a network", "with alpha of its own"])
def test_what_is_kept_gives_the_cut_out_again_to_the_bit(data: bytes) -> None:
    photo = decode(data, Limits())
    found = segment(photo, by_colour)
    made = extract_foreground(photo, found.alpha, agreement=found.agreement, ambiguous_share=found.ambiguous_share)

    kept = packed(made)
    again = unpacked(kept, photo)

    assert again.rgb.dtype == np.uint8
    assert again.alpha.dtype == np.float32
    assert (again.rgb.tobytes(), again.alpha.tobytes()) == (made.rgb.tobytes(), made.alpha.tobytes())
    assert vars(again) | {"rgb": None, "alpha": None} == vars(made) | {"rgb": None, "alpha": None}
    assert len(kept) < made.alpha.nbytes / 2


def test_a_photo_is_cut_out_once_whatever_is_made_of_it(studio: Studio) -> None:
    first = studio.swap(kind="podium")
    looks = studio.segmenter.looks

    again, other = studio.swap(kind="podium"), studio.swap()

    assert studio.segmenter.looks == looks > 0
    assert [one.report["provenance"]["cutout"] for one in (first, again, other)] == ["computed", "cached", "cached"]
    assert again.data == first.data
    assert other.data == studio.swap(kept=None).data
    assert again.warnings == first.warnings
    assert again.report["cutout"] == first.report["cutout"]


def test_another_photo_another_network_and_other_code_cut_out_anew(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.swap()
    other = jpeg(still_life(240, 300, cut=True)[0])
    newer = studio.versions | {"segmenter": "by_colour 2"}
    elsewhere = studio.versions | {"segmenter_device": "cuda"}

    came = [
        studio.cache_status(other),
        studio.cache_status(versions=newer),
        studio.cache_status(versions=elsewhere),
        studio.cache_status(),
    ]
    assert came == ["computed", "computed", "computed", "cached"]

    # What the release before kept was cut out by the small network, which is half of the ensemble now.
    small = studio.versions | {"segmenter": "rembg 2.0.86 u2netp sha256:309c8469258d"}
    large = small | {"segmenter": "rembg 2.0.86 u2net sha256:8d10d2f3bb75"}
    both = large | {"second_segmenter": small["segmenter"]}
    assert [studio.cache_status(versions=one) for one in (small, large, small)] == ["computed", "computed", "cached"]
    assert [studio.cache_status(versions=both, second=by_colour) for _ in range(2)] == ["computed", "cached"]
    assert studio.cache_status(versions=large, second=by_colour) == "computed"

    painter = studio.versions | {"generator": "another painter"}
    assert studio.cache_status(versions=painter) == "cached"

    monkeypatch.setattr(kept_module, "made_by", lambda: "another release")
    assert studio.cache_status() == "computed"


def test_the_digest_of_the_code_is_that_of_every_file_that_makes_a_cut_out() -> None:
    assert kept_module.made_by() == kept_module.made_by()
    made_of = {name for name, _ in kept_module.code_files("pipeline")}
    assert {"swap.py", "cutout/segment.py", "cutout/foreground.py", "cutout/holes.py", "core/resample.py"} <= made_of


def test_networks_without_a_version_keep_nothing(studio: Studio) -> None:
    assert [studio.cache_status(versions={}), studio.cache_status(versions={})] == ["computed", "computed"]
    assert studio.objects == []


def test_what_one_client_keeps_another_does_not_find(studio: Studio) -> None:
    store = DirectoryBucket(studio.folder, bucket="b", signer=UrlSigner(b""), url_ttl=0)
    one, two = ObjectCache(store, "ONE"), ObjectCache(store, "TWO")

    assert [studio.cache_status(kept=one), studio.cache_status(kept=two), studio.cache_status(kept=one)] == [
        "computed",
        "computed",
        "cached",
    ]


# What is not trusted


def foreign(studio: Studio, data: bytes) -> bytes:
    """The object of another photo."""
    studio.swap(jpeg(still_life(240, 300, cut=True)[0]))
    return next(path.read_bytes() for path in studio.objects if path.read_bytes() != data)


@pytest.mark.parametrize(
    "harm",
    [
        lambda _, data: b"",
        lambda _, data: data[:20],
        lambda _, data: data[: len(data) // 2],
        lambda _, data: data + b"\x00",
        lambda _, data: data[:500] + bytes([data[500] ^ 1]) + data[501:],
        lambda _, data: bytes([data[0] ^ 1]) + data[1:],
        foreign,
    ],
    ids=["empty", "shorter than its seal", "cut", "longer", "one bit changed", "its seal changed", "another photo's"],
)
def test_an_object_that_is_not_what_was_kept_is_made_anew_and_replaced(
    studio: Studio, harm: Callable[[Studio, bytes], bytes]
) -> None:
    right = studio.swap()
    (path,) = studio.objects
    whole = path.read_bytes()
    path.write_bytes(harm(studio, whole))

    render = studio.swap()

    assert (render.report["provenance"]["cutout"], render.data) == ("computed", right.data)
    assert path.read_bytes() == whole
    assert studio.cache_status() == "cached"


class Away(DirectoryBucket):
    """A store that is not there, and counts who asks."""

    asked = 0

    def get(self, key: str, *, max_bytes: int) -> bytes:
        self.asked += 1
        raise StoreUnavailable(key)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.asked += 1
        raise StoreUnavailable(key)


def test_a_store_that_is_away_is_asked_once_and_fails_no_swap(studio: Studio) -> None:
    store = Away(studio.folder, bucket="b", signer=UrlSigner(b""), url_ttl=0)

    assert studio.cache_status(kept=ObjectCache(store, "local")) == "computed"
    assert store.asked == 1


def test_a_folder_that_is_full_fails_no_swap(studio: Studio) -> None:
    (studio.folder / "cutouts").write_bytes(b"a file where a folder must be")

    assert studio.cache_status() == "computed"


def test_a_database_that_is_away_costs_only_the_keeping(studio: Studio) -> None:
    def away(kind: Kind, key: str) -> None:
        raise sa.exc.OperationalError("", {}, Exception("gone"))

    unwritten = ObjectCache(
        DirectoryBucket(studio.folder, bucket="b", signer=UrlSigner(b""), url_ttl=0), "x", register=away
    )
    assert studio.cache_status(kept=unwritten) == "computed"
    assert studio.objects == [], "no object without its row"


# In the service


class Bench(Worker):
    """A worker that keeps cut-outs, and counts the looks at photos."""

    def __init__(self, engine: sa.Engine, home: Path, **settings: Any) -> None:
        self.segmenter = Counting()
        versions = {"segmenter": "by_colour 1", "generator": "darkener"}
        super().__init__(engine, home, Networks(self.segmenter, Darkener(), versions))
        self.registry = ObjectRegistry(engine)
        made = Settings(home=home, **settings)
        self.runner = replace(self.runner, cache_for=client_caches(made, self.renders, self.registry))
        self.engine = engine

    def cut(self, data: bytes = PHOTO) -> str:
        """Order a cut-out, run the job, and say how it came."""
        accepted = self.order(data, scene_type="white", dominant_colors=[], output_preset="transparent_cutout")
        self.runner.run(accepted.job_id)
        found = self.shop.jobs.get(accepted.job_id, client_id=self.shop.client.id)
        assert found is not None
        assert found[1] is not None, found[0].error_message
        return str(found[1].report["provenance"]["cutout"])

    @property
    def rows(self) -> list[str]:
        query = sa.select(stored_objects.c.key).where(stored_objects.c.bucket == "cutouts")
        with self.engine.connect() as connection:
            return list(connection.execute(query).scalars())

    @property
    def there(self) -> list[str]:
        return sorted(filter(lambda key: key.startswith("cutouts/"), self.renders.keys()))

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


@pytest.fixture
def bench(engine: sa.Engine, tmp_path: Path) -> Bench:
    return Bench(engine, tmp_path)


def test_jobs_of_one_photo_cut_it_out_once_and_the_object_has_its_row(bench: Bench) -> None:
    assert [bench.cut(), bench.cut()] == ["computed", "cached"]

    assert bench.rows == bench.there
    assert len(bench.rows) == 1
    assert bench.rows[0].startswith(f"cutouts/{bench.shop.client.id}/")
    assert bench.wrong() == []
    assert audit_objects(bench.engine, bench.renders).counts["objects kept for later"] == 1


def test_a_cut_out_goes_when_no_job_has_used_it_for_so_long_and_using_it_keeps_it(bench: Bench) -> None:
    bench.cut()
    bench.age(0.9)
    bench.cut()
    bench.age(0.9)
    bench.expire()
    assert len(bench.there) == 1

    bench.age(1.1)
    bench.expire()

    assert (bench.there, bench.rows) == ([], [])
    assert bench.wrong() == []
    assert bench.cut() == "computed"


def test_an_expiry_that_meets_a_job_leaves_no_object_without_its_row(bench: Bench) -> None:
    bench.cut()
    bench.age(1.1)
    bench.expire(delete_delay=60.0)  # expired, and not deleted yet
    (key,) = bench.rows
    gone = ExpiredObject("cutouts", key)
    bench.renders.delete(key)  # between this and the row's end a job comes by

    assert bench.cut() == "computed"
    bench.registry.retry_later(gone)
    bench.registry.delete_row(gone)
    bench.expire()

    assert (bench.there, bench.rows) == ([key], [key])
    assert (bench.cut(), bench.wrong()) == ("cached", [])


def test_a_kept_object_that_no_row_knows_is_found_by_the_audit(bench: Bench) -> None:
    bench.cut()
    with bench.engine.begin() as connection:
        connection.execute(stored_objects.delete().where(stored_objects.c.bucket == "cutouts"))

    assert bench.wrong() == [Finding("kept_object_has_its_row", {"key": bench.there[0]})]
    assert (bench.cut(), bench.wrong()) == ("cached", [])


def test_with_no_days_nothing_is_kept(engine: sa.Engine, tmp_path: Path) -> None:
    bench = Bench(engine, tmp_path, cutout_days=0)

    assert [bench.cut(), bench.cut()] == ["computed", "computed"]
    assert (bench.there, bench.rows) == ([], [])


def test_a_cut_out_is_no_source_and_no_file_of_the_api(http: Any, settings: Settings, caller: Caller) -> None:
    key = f"cutouts/{caller.client.id}/{'0' * 64}"
    open_buckets(settings)[1].put(key, b"kept", "application/octet-stream")

    assert caller.submit(caller.body(source_image_s3_key=key)).status_code == 404
    for bucket in ("renders", "cutouts"):
        tried = http.get(f"/v1/files/{bucket}/{key}?expires=99999999999&signature={'0' * 64}", headers=caller.headers)
        assert tried.status_code in {403, 404}


# The chain


def small(catalogue: Catalogue) -> Catalogue:
    """The catalogue with shopify_product as a small PNG."""
    one = replace(catalogue.presets["shopify_product"], size=(256, 256), formats=("png",))
    return replace(catalogue, presets={**catalogue.presets, one.name: one})


def test_a_chain_of_ten_swaps_is_as_true_to_the_photo_as_one(
    caller: Caller, settings: Settings, networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = caller.http.app.state.submit
    monkeypatch.setattr(caller.http.app.state, "submit", replace(submit, catalogue=small(submit.catalogue)))
    looks: list[int] = []

    def counted(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        looks.append(1)
        return networks.segmenter(image)

    counted.side = getattr(networks.segmenter, "side", 640)  # type: ignore[attr-defined]  # as the real one's
    worker = Worker(caller.engine, settings.home, replace(networks, segmenter=counted))
    cache_for = client_caches(settings, worker.renders, ObjectRegistry(caller.engine))
    runner = replace(worker.runner, cache_for=cache_for)
    photo = caller.upload(jpeg(still_life(240, 300)[0]))
    source: dict[str, Any] = {"source_image_s3_key": photo}
    renders: list[dict[str, Any]] = []
    for number in range(10):
        place = "shopify_product" if number in {1, 8} else "transparent_cutout"
        scene = "podium" if number in {1, 8} else "white"
        body = caller.body(scene_type=scene, output_preset=place, dominant_colors=[], source_image_s3_key=...)
        job = caller.submit(body | source).json()["job_id"]
        runner.run(job)
        renders.append(caller.get(f"/v1/jobs/{job}").json()["render"])
        source = {"source_render_public_id": renders[-1]["public_id"]}

    assert [one["report"]["provenance"]["cutout"] for one in renders] == ["computed"] + 9 * ["cached"]
    assert len(looks) == 2, "the two looks of one cut-out"
    assert renders[0]["sha256"] == renders[9]["sha256"]
    assert renders[0]["report"]["fidelity"] == renders[9]["report"]["fidelity"]
    assert renders[1]["report"]["fidelity"] == renders[8]["report"]["fidelity"]
    second, ninth = (picture_of(worker.renders, caller, renders[number]) for number in (1, 8))
    product = (second == ninth).all(axis=2)
    assert product[100:160, 115:140].all(), "the product's own pixels"
    assert not product[:40].all(), "two seeds, two backgrounds"


def picture_of(objects: Bucket, caller: Caller, render: dict[str, Any]) -> NDArray[np.uint8]:
    found = caller.jobs.render(render["public_id"], client_id=caller.client.id)
    assert found is not None
    with Image.open(BytesIO(objects.get(found.key, max_bytes=10_000_000))) as picture:
        return np.asarray(picture.convert("RGB"))
