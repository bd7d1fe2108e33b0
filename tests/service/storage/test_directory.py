"""The directory store: remains of a writer that dies."""

import os
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from service.storage.directory import DirectoryBucket
from service.storage.signing import UrlSigner


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
