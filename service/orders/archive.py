"""An order's pictures as a ZIP that is written while it is sent: a part of one picture is in memory at a time."""

import io
import json
import re
import time
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, Any, cast

from service.orders.records import Order, Picture
from service.storage.objects import Bucket, ObjectNotFound


class Zip:
    """A ZIP of files that come in parts. Yields its bytes as they are ready."""

    def __init__(self, when: time.struct_time, *, large: bool = False) -> None:
        """`when`: the files' time. `large`: a file may have over 2 GiB, which some programs can't open."""
        self._when, self._large, self._sink = when[:6], large, _Sink()
        self._zip = zipfile.ZipFile(cast(IO[bytes], self._sink), "w")

    def add(self, name: str, parts: Iterable[bytes], *, compressed: bool = False) -> Iterator[bytes]:
        """Add a file. Pictures can't be compressed further."""
        info = zipfile.ZipInfo(name, self._when)
        info.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
        with self._zip.open(info, "w", force_zip64=self._large) as file:
            for part in parts:
                file.write(part)
                yield self._sink.taken()

    def end(self) -> bytes:
        """End the ZIP, and return the rest of it."""
        self._zip.close()
        return self._sink.taken()


class _Sink(io.RawIOBase):
    """A file that only collects what is written to it, until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        """Collect the bytes."""
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        data, self._parts = b"".join(self._parts), []
        return data


def zipped(order: Order, pictures: Iterable[Picture], renders: Bucket) -> Iterator[bytes]:
    """Yield a ZIP of the pictures in parts: files as they are stored, and at last manifest.json about all of them.

    Raises StoreUnavailable, which breaks the stream off.
    """
    archive, rows = Zip(order.created_at.timetuple()), list[dict[str, Any]]()
    for one in pictures:
        row = _row(one)
        if one.file is not None:
            try:
                parts = renders.parts(one.file.key)
            except ObjectNotFound:  # deleted or expired a moment ago
                row["file"] = None
            else:
                yield from archive.add(row["file"], parts)
        rows.append(row)
    about = {"order_id": order.id, "reference": order.reference, "metadata": order.metadata, "pictures": rows}
    yield from archive.add("manifest.json", [json.dumps(about, indent=2, ensure_ascii=False).encode()], compressed=True)
    yield archive.end()


def _row(picture: Picture) -> dict[str, Any]:
    """Return a picture's entry in the manifest. Its file: a folder a photo, then preset and variant, from 1."""
    job, render = picture.job, picture.file
    error = {"code": job.error_code, "message": job.error_message} if job.error_code else None
    names = ("output_preset", "scene_type", "mood", "seed", "reference", "metadata", "status")
    row = {"photo": picture.photo, "variant": picture.variant, **{name: getattr(job, name) for name in names}}
    row |= {"job_id": job.id, "error": error, "file": None}
    if render is None:
        return row
    kept = {name: getattr(render, name) for name in ("public_id", "width", "height", "bytes", "sha256", "warnings")}
    reference = re.sub(r"[^\w.-]+", "-", job.reference or "").strip("-.")[:60]
    folder = f"{picture.photo + 1:03}" + f"-{reference}" * bool(reference)
    extension = "jpg" if render.format == "jpeg" else render.format
    return row | kept | {"file": f"{folder}/{job.output_preset}-{picture.variant + 1}.{extension}"}
