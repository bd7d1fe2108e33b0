"""An order's pictures as a ZIP that is written while it is sent: one picture at a time is in memory."""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, Any, cast

from service.orders.records import Order, Picture
from service.storage.objects import Bucket, ObjectNotFound


class Sink(io.RawIOBase):
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
    # Stored, as pictures can't be compressed further.
    sink, rows = Sink(), list[dict[str, Any]]()
    with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_STORED) as archive:
        for one in pictures:
            row = _row(one)
            if one.file is not None:
                try:
                    data = renders.get(one.file.key, max_bytes=one.file.bytes)
                except ObjectNotFound:  # deleted or expired a moment ago
                    row["file"] = None
                else:
                    archive.writestr(zipfile.ZipInfo(row["file"], order.created_at.timetuple()[:6]), data)
                    yield sink.taken()
            rows.append(row)
        about = {"order_id": order.id, "reference": order.reference, "metadata": order.metadata, "pictures": rows}
        info = zipfile.ZipInfo("manifest.json", order.created_at.timetuple()[:6])
        archive.writestr(info, json.dumps(about, indent=2, ensure_ascii=False), zipfile.ZIP_DEFLATED)
    yield sink.taken()


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
