"""One contract for both object stores: a directory, and a real S3 server that checks signatures."""

import io
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from PIL import Image

from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.directory import DirectoryBucket, UrlSigner
from service.storage.objects import Bucket, ObjectNotFound, ObjectTooLarge, StoreUnavailable
from service.storage.s3 import S3Bucket
from service.storage.thumbnail import SIDE, thumbnail
from testkit.specimens import saved


def test_a_bucket_stores_replaces_lists_and_deletes_objects(objects: Bucket) -> None:
    objects.check()
    keys = {f"renders/{folder}/{number}.jpg" for folder in "ab" for number in range(3)} | {"top.jpg"}
    for key in keys:
        objects.put(key, b"first", "image/jpeg")
    objects.put("top.jpg", b"2nd.", "image/jpeg")
    for _ in range(2):  # deleting a missing object is no error
        objects.delete("renders/a/1.jpg")

    assert (objects.get("top.jpg", max_bytes=4), objects.size("top.jpg")) == (b"2nd.", 4)
    assert {key for key, _ in objects.entries()} == keys - {"renders/a/1.jpg"}
    with pytest.raises(ObjectTooLarge):
        objects.get("top.jpg", max_bytes=3)
    for key in ("renders/a/1.jpg", "none.jpg"):
        with pytest.raises(ObjectNotFound):
            objects.get(key, max_bytes=1)
        with pytest.raises(ObjectNotFound):
            objects.parts(key)
        with pytest.raises(ObjectNotFound):
            objects.size(key)


def test_an_object_is_read_in_parts_of_at_most_256_kib(objects: Bucket) -> None:
    data = bytes(range(256)) * 4000
    objects.put("large.png", data, "image/png")
    parts = list(objects.parts("large.png"))

    assert b"".join(parts) == data
    assert max(len(part) for part in parts) <= 256 * 1024


ELSEWHERE = (
    *("", "/etc/passwd", "../x.jpg", "a/../../x.jpg", "a//b.jpg", "a/./b", "ключ.jpg", "a\x00b", "a b.jpg", "a\\b"),
    *("..", ".", "/", "a/", "a/..", "%2e%2e/x.jpg", "a%2fb.jpg", "a\n", "\u202egpj.exe", "x\uff0ejpg", "a:b", "~/x"),
    "-/\ud800",
)


def looks(bucket: Bucket, key: str) -> list[Callable[[], object]]:
    """Return every operation that takes a key and refuses an invalid one."""
    put = partial(bucket.put, key, b"x", "image/jpeg")
    return [partial(bucket.get, key, max_bytes=1), partial(bucket.parts, key), partial(bucket.size, key), put]


def test_a_key_that_could_lead_elsewhere_is_not_found(objects: Bucket) -> None:
    for key in ELSEWHERE:
        for look in looks(objects, key):
            with pytest.raises(ObjectNotFound):
                look()


@pytest.mark.parametrize("key", ["x" * 300 + ".jpg", "/".join(["x" * 200] * 30)], ids=["name", "path"])
def test_a_key_that_is_too_long_for_the_file_system_is_not_found(tmp_path: Path, key: str) -> None:
    bucket = DirectoryBucket(tmp_path, bucket="sources", signer=UrlSigner(b"k"), url_ttl=60)

    for look in looks(bucket, key):
        with pytest.raises(ObjectNotFound):
            look()


def test_a_bucket_of_s3_with_more_than_one_page_is_listed_completely(
    s3_settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket: Any = open_buckets(Settings(home=tmp_path, **s3_settings))[0]
    of_a_thousand = bucket._s3.get_paginator("list_objects_v2").paginate
    of_three = SimpleNamespace(paginate=partial(of_a_thousand, PaginationConfig={"PageSize": 3}))
    monkeypatch.setattr(bucket._s3, "get_paginator", lambda _: of_three)
    keys = [f"renders/{number}.jpg" for number in range(7)]
    for key in keys:
        bucket.put(key, b"", "image/jpeg")

    assert sorted(key for key, _ in bucket.entries()) == keys


def test_a_symbolic_link_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    bucket = DirectoryBucket(tmp_path / "bucket", bucket="sources", signer=UrlSigner(b"k"), url_ttl=60)
    bucket.put("a.jpg", b"x", "image/jpeg")
    (tmp_path / "bucket" / "link.jpg").symlink_to(tmp_path / "secret.jpg")

    with pytest.raises(ObjectNotFound):
        bucket.get("link.jpg", max_bytes=100)


def test_a_full_disk_leaves_the_old_object_unchanged(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are POSIX")
    bucket = DirectoryBucket(tmp_path, bucket="sources", signer=UrlSigner(b"k"), url_ttl=60)
    bucket.put("a.jpg", b"old", "image/jpeg")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # writes past 1000 bytes fail as on a full disk
    try:
        with pytest.raises(StoreUnavailable):
            bucket.put("a.jpg", b"new" * 1000, "image/jpeg")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)

    assert bucket.get("a.jpg", max_bytes=100) == b"old"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.jpg"]


@pytest.mark.parametrize(
    "changes", [{"s3_endpoint_url": "http://127.0.0.1:9"}, {"s3_source_bucket": "nobody-made-it"}], ids=["away", "gone"]
)
def test_a_missing_server_or_bucket_is_a_fault_of_the_store_and_not_of_the_photo(
    s3_settings: dict[str, Any], tmp_path: Path, changes: dict[str, str]
) -> None:
    bucket = open_buckets(Settings(home=tmp_path, **s3_settings | changes))[0]

    get, parts, _, put = looks(bucket, "a.jpg")  # the answer to HEAD does not say what is missing
    for look in (bucket.check, get, parts, put):
        with pytest.raises(StoreUnavailable):
            look()


def test_a_folder_that_cannot_be_created_is_a_fault_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "renders").write_text("a file where a folder should be")
    bucket = DirectoryBucket(tmp_path, bucket="renders", signer=UrlSigner(b"k"), url_ttl=60)

    with pytest.raises(StoreUnavailable):
        bucket.put("renders/client/a.jpg", b"x", "image/jpeg")


def test_presigned_urls_of_s3_allow_exactly_their_request(s3_settings: dict[str, str], tmp_path: Path) -> None:
    bucket = open_buckets(Settings(home=tmp_path, **s3_settings))[0]  # type: ignore[arg-type]  # pydantic checks it
    up = bucket.upload_url("uploads/a.jpg", "image/jpeg", "http://ignored")

    assert httpx.request(up.method, up.url, headers=up.headers, content=b"photo", timeout=300).status_code == 200
    down = bucket.download_url("uploads/a.jpg", "image/jpeg", "http://ignored")
    answer = httpx.get(down.url, timeout=300)
    assert (answer.content, answer.headers["content-type"]) == (b"photo", "image/jpeg")
    assert httpx.get(down.url, headers={"Range": "bytes=1-2"}).content == b"ho"
    head = bucket.download_url("uploads/a.jpg", "image/jpeg", "http://ignored", "HEAD")
    seen = httpx.head(head.url)
    assert (head.method, seen.status_code, seen.headers["content-length"]) == ("HEAD", 200, "5")
    assert httpx.get(head.url).status_code == httpx.head(down.url).status_code == 403
    assert httpx.put(up.url.replace("a.jpg", "b.jpg"), headers=up.headers, content=b"x").status_code == 403
    assert httpx.get(down.url[:-4] + "0000").status_code == 403


def test_downloads_from_s3_are_signed_as_botocore_signs_them(
    s3_settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a+token/of=a role")
    bucket = S3Bucket("renders", endpoint_url=s3_settings["s3_endpoint_url"], public_endpoint_url=None, url_ttl=60)
    assert bucket._place is not None

    while True:  # until both are of the same second
        made = bucket.download_url("a/b.jpg", "image/avif", "").url
        signed = bucket._presigned_get("a/b.jpg", "image/avif").url
        of_both = [parse_qs(urlsplit(url).query) for url in (made, signed)]
        if of_both[0]["X-Amz-Date"] == of_both[1]["X-Amz-Date"]:
            break
    assert of_both[0] == of_both[1]
    assert urlsplit(made)[:3] == urlsplit(signed)[:3]


def test_botocore_signs_the_urls_that_this_signer_would_sign_differently(s3_settings: dict[str, str]) -> None:
    bucket = S3Bucket("renders", endpoint_url=s3_settings["s3_endpoint_url"], public_endpoint_url=None, url_ttl=60)
    presign = bucket._public.generate_presigned_url
    bucket._public.generate_presigned_url = lambda *a, **k: presign(*a, **k) + "&X-Amz-S3session-Token=x"

    assert bucket.download_url("a/b.jpg", "image/jpeg", "").url.endswith("&X-Amz-S3session-Token=x")


def test_a_signed_url_fits_one_method_one_path_and_one_time() -> None:
    signer = UrlSigner(b"key")
    path = "/v1/files/renders/a.jpg"
    later = datetime.now(UTC) + timedelta(seconds=60)
    query = {name: values[0] for name, values in parse_qs(signer.query("GET", path, later)).items()}
    expires, signature = int(query["expires"]), query["signature"]

    assert signer.allows("GET", path, expires, signature)
    assert not signer.allows("PUT", path, expires, signature)
    assert not signer.allows("GET", path + "x", expires, signature)
    assert not signer.allows("GET", path, expires + 1, signature)
    assert not UrlSigner(b"other").allows("GET", path, expires, signature)
    past = int(time.time()) - 1
    assert not signer.allows("GET", path, past, signer._signature("GET", path, past))


# The directory store


def test_a_killed_writer_leaves_no_object_and_its_temporary_file_goes_after_an_hour(tmp_path: Path) -> None:
    process = get_context("spawn").Process(target=write_half, args=[tmp_path])
    process.start()
    process.join()
    bucket = DirectoryBucket(tmp_path, bucket="b", signer=UrlSigner(b"k"), url_ttl=60)
    bucket.put("whole.jpg", b"whole", "image/jpeg")
    (left,) = (tmp_path / ".unfinished").iterdir()
    assert (process.exitcode, [key for key, _ in bucket.entries()]) == (9, ["whole.jpg"])

    bucket.remove_partial_writes()
    assert left.exists(), "its writer may be busy"
    os.utime(left, (time.time() - 4000,) * 2)
    bucket.remove_partial_writes()

    assert (left.exists(), bucket.get("whole.jpg", max_bytes=9)) == (False, b"whole")


def write_half(root: Path) -> None:
    """Be killed when the bytes are written and not in place yet."""
    fsync: Callable[[int], None] = lambda _: os._exit(9)  # noqa: E731  # one line for one line
    os.fsync = fsync  # type: ignore[assignment]  # the last step before the rename
    DirectoryBucket(root, bucket="b", signer=UrlSigner(b"k"), url_ttl=60).put("a.jpg", b"whole", "image/jpeg")


# Small pictures of renders


def encoded(kind: str, mode: str, size: tuple[int, int]) -> bytes:
    return saved(Image.new(mode, size, (200, 40, 40, 0) if mode == "RGBA" else (200, 40, 40)), kind)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_each_delivered_format_is_scaled_with_its_shape_and_colour(kind: str) -> None:
    small = Image.open(io.BytesIO(thumbnail(encoded(kind, "RGB", (1080, 1350)))))

    assert (small.format, small.mode, small.size) == ("WEBP", "RGB", (384, SIDE))
    pixel = small.getpixel((200, 200))
    assert isinstance(pixel, tuple)
    assert all(abs(found - asked) <= 6 for found, asked in zip(pixel, (200, 40, 40), strict=True))


def test_transparency_is_kept_and_a_small_picture_keeps_its_size() -> None:
    small = Image.open(io.BytesIO(thumbnail(encoded("PNG", "RGBA", (60, 40)))))

    assert (small.mode, small.size, small.getchannel("A").getextrema()) == ("RGBA", (60, 40), (0, 0))


def test_a_file_that_is_no_picture_is_refused() -> None:
    with pytest.raises(OSError, match="cannot identify"):
        thumbnail(b"picture")
