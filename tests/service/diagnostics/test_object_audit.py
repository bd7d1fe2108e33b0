"""The audit of the bucket: each render has its bytes, and each object a row. Both stores, and each database once."""

import pytest
import sqlalchemy as sa

from service.diagnostics import object_audit
from service.diagnostics.object_audit import audit_objects
from service.jobs.records import NewRender
from service.storage.mask_registry import MaskRegistry
from service.storage.objects import Bucket
from tests.support.databases import ON_SQLITE
from tests.support.shop import Shop, render


class Gallery:
    """A success whose render is in a bucket, and a failure."""

    def __init__(self, engine: sa.Engine, bucket: Bucket) -> None:
        self.engine, self.bucket = engine, bucket
        self.shop = Shop(engine)
        self.success, self.failure, self.running = (self.shop.order() for _ in range(3))
        self.key = self.key_of(self.success.job_id)
        bucket.put(self.key, b"0123456789", "image/jpeg")
        digest = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
        made = NewRender(**vars(render()) | {"key": self.key, "bytes": 10, "sha256": digest})
        self.shop.jobs.succeed(self.shop.claim(self.success), made)
        self.shop.jobs.fail(self.shop.claim(self.failure), "no_subject", "")
        self.shop.claim(self.running)

    def key_of(self, job_id: str, attempt: int = 1) -> str:
        return f"renders/{self.shop.client.id}/{job_id}-{attempt}.jpg"

    def wrong(self, leftovers_kept: float = 0.0) -> list[tuple[str, str]]:
        found = audit_objects(self.engine, self.bucket, leftovers_kept=leftovers_kept).findings
        return [(finding.rule, finding.found["key"]) for finding in found]


@pytest.fixture
def gallery(engine: sa.Engine, objects: Bucket) -> Gallery:
    return Gallery(engine, objects)


def test_a_bucket_that_contains_each_render_and_nothing_else_is_sound(gallery: Gallery) -> None:
    assert gallery.wrong() == []
    assert audit_objects(gallery.engine, gallery.bucket).counts == {
        "objects": 1,
        "objects without a render": 0,
        "objects kept for later": 0,
        "bytes checked": 10,
    }


@ON_SQLITE
@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (None, "render_has_its_bytes"),
        (b"012345678", "render_has_its_size"),
        (b"0123456789a", "render_has_its_size"),
        (b"012345678x", "render_has_its_sha256"),
    ],
    ids=["gone", "cut", "grown", "changed"],
)
def test_a_render_whose_bytes_differ_from_its_row_is_named(gallery: Gallery, data: bytes | None, rule: str) -> None:
    if data is None:
        gallery.bucket.delete(gallery.key)
    else:
        gallery.bucket.put(gallery.key, data, "image/jpeg")

    assert gallery.wrong() == [(rule, gallery.key)]


@ON_SQLITE
def test_an_unreferenced_object_is_found_once_its_job_is_over(gallery: Gallery) -> None:
    left = [gallery.key_of(gallery.success.job_id, 2), gallery.key_of(gallery.failure.job_id), "renders/else.jpg"]
    for key in [*left, gallery.key_of(gallery.running.job_id)]:
        gallery.bucket.put(key, b"x", "image/jpeg")

    assert gallery.wrong() == [("object_has_its_render", key) for key in sorted(left)]
    assert gallery.wrong(leftovers_kept=60) == [("object_has_its_render", "renders/else.jpg")]


@ON_SQLITE
def test_a_missing_mask_and_an_unreferenced_one_are_found(gallery: Gallery) -> None:
    cutout = gallery.shop.cut_out()
    named = [f"masks/{gallery.shop.client.id}/{cutout}.{kind}" for kind in ("jpg", "png")]
    gallery.bucket.put("masks/else.png", b"x", "image/png")

    assert gallery.wrong() == [
        *(("mask_has_its_bytes", key) for key in named),
        ("kept_object_has_its_row", "masks/else.png"),
    ]
    MaskRegistry(gallery.engine).register([*named, "masks/else.png"], client_id=gallery.shop.client.id)
    for key in named:
        gallery.bucket.put(key, b"x", "image/png")
    assert gallery.wrong() == []


@ON_SQLITE
def test_renders_and_objects_beyond_the_first_page_are_checked(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_audit, "_PAGE", 2)
    shop = gallery.shop
    for number in range(4):
        made = NewRender(**vars(render()) | {"key": f"renders/gone-{number}.jpg"})
        shop.jobs.succeed(shop.claim(shop.order(cost=0)), made)
        gallery.bucket.put(f"renders/left-{number}.jpg", b"x", "image/jpeg")

    assert sorted(gallery.wrong()) == [
        *(("object_has_its_render", f"renders/left-{number}.jpg") for number in range(4)),
        *(("render_has_its_bytes", f"renders/gone-{number}.jpg") for number in range(4)),
    ]
