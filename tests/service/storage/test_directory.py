"""The store in a directory: what a writer that dies leaves behind."""

import os
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from service.storage.directory import DirectoryBucket
from service.storage.signing import UrlSigner


def test_a_temporary_file_goes_when_its_writer_must_be_dead(tmp_path: Path) -> None:
    bucket = DirectoryBucket(tmp_path, bucket="sources", signer=UrlSigner(b"k"), url_ttl=60)
    bucket.put("a.jpg", b"whole", "image/jpeg")
    dead, busy = tmp_path / ".unfinished" / "dead", tmp_path / ".unfinished" / "busy"
    for path in (dead, busy):
        path.write_bytes(b"half")
    os.utime(dead, (time.time() - 4000,) * 2)

    bucket.remove_partial_writes()

    assert (dead.exists(), busy.exists(), bucket.get("a.jpg", max_bytes=9)) == (False, True, b"whole")


def test_a_writer_that_is_killed_leaves_its_temporary_file_where_it_is_found(tmp_path: Path) -> None:
    process = get_context("spawn").Process(target=write_half, args=[tmp_path])
    process.start()
    process.join()

    left = [path for path in tmp_path.rglob("*") if path.is_file()]

    assert process.exitcode == 9
    assert [path.parent for path in left] == [tmp_path / ".unfinished"]


def write_half(root: Path) -> None:
    """Be killed when the bytes are written and not in place yet."""
    fsync: Callable[[int], None] = lambda _: os._exit(9)  # noqa: E731  # one line for one line
    os.fsync = fsync  # type: ignore[assignment]  # the last thing before the rename
    DirectoryBucket(root, bucket="b", signer=UrlSigner(b"k"), url_ttl=60).put("a.jpg", b"whole", "image/jpeg")
