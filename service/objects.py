"""Objects: photos and renders, in S3 or in a directory. Both pass the same tests.

ObjectError
  ObjectNotFound      there is nothing under that key, or it is no key
  ObjectTooLarge      it weighs more than was allowed
  StoreUnavailable    the store did not answer, refused, or is full; worth another attempt
"""

import contextlib
import errno
import os
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn, Protocol

from service.settings import Settings
from service.signing import UrlSigner

#: Photo types that an upload may declare, with the extension of their key.
UPLOAD_TYPES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/tiff": "tif",
}
_KEY = re.compile(r"[A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*")


class ObjectError(Exception):
    """Any failure of the object store."""


class ObjectNotFound(ObjectError):
    """Raised when there is nothing under the key."""


class ObjectTooLarge(ObjectError):
    """Raised when the object weighs more than the caller allows."""


class StoreUnavailable(ObjectError):
    """Raised when the store does not answer, refuses or is full."""


@dataclass(frozen=True)
class SignedUrl:
    """A URL that anyone may use until it expires, with this method and these headers."""

    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


class Objects(Protocol):
    """One bucket. Keys are letters, digits, `-` and `_`, in segments parted by `/` or `.`."""

    def get(self, key: str, *, max_bytes: int) -> bytes:
        """Return an object whole. Raises ObjectNotFound, ObjectTooLarge, StoreUnavailable."""

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write an object whole or not at all. Raises ObjectNotFound for a bad key, StoreUnavailable."""

    def size(self, key: str) -> int:
        """Return an object's bytes. Raises ObjectNotFound, StoreUnavailable."""

    def delete(self, key: str) -> None:
        """Delete an object; none there is no error. Raises StoreUnavailable."""

    def tidy(self) -> None:
        """Remove what writes that were cut off have left behind. Raises StoreUnavailable."""

    def keys(self) -> Iterator[str]:
        """Return what lies in the bucket, in no order; a cut-off write has left no object. Raises StoreUnavailable."""

    def check(self) -> None:
        """Raise StoreUnavailable unless the bucket can be used now."""

    def upload_url(self, key: str, content_type: str, base_url: str) -> SignedUrl:
        """Return where to PUT an object of that content type. `base_url` is the API as the caller reaches it."""

    def download_url(self, key: str, content_type: str, base_url: str) -> SignedUrl:
        """Return where to GET an object."""


class DirectoryObjects:
    """A directory as a bucket; the API itself takes and serves the bytes under `/v1/files/<bucket>/`."""

    def __init__(self, root: Path, *, bucket: str, signer: UrlSigner, url_ttl: int) -> None:
        self._root = root.absolute()
        # On the same file system, so that a rename is enough; no key starts with a dot.
        self._unfinished = self._root / ".unfinished"
        self._bucket = bucket
        #: Checks the signatures that `upload_url` and `download_url` make.
        self.signer = signer
        self._url_ttl = url_ttl

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ObjectNotFound(key)
        path = self._root / key
        try:
            # The pattern has no `..`; resolving also stops a symbolic link that leads out of the bucket.
            inside = path.resolve().is_relative_to(self._root.resolve())
        except (OSError, RuntimeError) as error:  # links in a circle, until Python 3.13; a name that is too long
            raise ObjectNotFound(key) from error
        if not inside:
            raise ObjectNotFound(key)
        return path

    def get(self, key: str, *, max_bytes: int) -> bytes:
        """Read the file."""
        with _os_errors(key):
            with self._path(key).open("rb") as file:
                data = file.read(max_bytes + 1)
            if len(data) > max_bytes:
                raise ObjectTooLarge(key)
            return data

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write a temporary file and rename it, so that a reader never sees half an object."""
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._unfinished.mkdir(exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._unfinished)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # no file can lie there, whoever asks
                raise ObjectNotFound(key) from error
            # A folder that is missing here is the store's fault: a reader's "not found" would blame the photo.
            raise StoreUnavailable(f"{key}: {error.strerror or error}") from error

    def size(self, key: str) -> int:
        """Look at the file's size."""
        with _os_errors(key):
            return self._path(key).stat().st_size

    def delete(self, key: str) -> None:
        """Remove the file."""
        with _os_errors(key):
            self._path(key).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove temporary files whose writers were killed: those that nobody has written to for an hour."""
        with _os_errors(str(self._unfinished)):
            for left in self._unfinished.glob("*"):
                with contextlib.suppress(FileNotFoundError):  # its writer, or another sweep, was quicker
                    if time.time() - left.stat().st_mtime > 3600:
                        left.unlink()

    def keys(self) -> Iterator[str]:
        """Walk through the directory."""

        def refuse(error: OSError) -> NoReturn:
            raise StoreUnavailable(f"{self._bucket}: {error.strerror or error}") from error

        if not self._root.exists():  # the first `put` makes it
            return
        for folder, folders, names in os.walk(self._root, onerror=refuse):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = Path(folder).relative_to(self._root)
            yield from ((inside / name).as_posix() for name in names if not name.startswith("."))

    def check(self) -> None:
        """Write and remove a small file."""
        self.put("check", b"", "text/plain")
        self.delete("check")

    def upload_url(self, key: str, content_type: str, base_url: str) -> SignedUrl:
        """Sign a PUT of the API's own."""
        return self._signed("PUT", key, base_url, {"Content-Type": content_type})

    def download_url(self, key: str, content_type: str, base_url: str) -> SignedUrl:
        """Sign a GET of the API's own."""
        return self._signed("GET", key, base_url, {})

    def _signed(self, method: str, key: str, base_url: str, headers: dict[str, str]) -> SignedUrl:
        expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=self._url_ttl)
        path = f"/v1/files/{self._bucket}/{key}"
        query = self.signer.query(method, path, expires_at)
        return SignedUrl(method, f"{base_url.rstrip('/')}{path}?{query}", headers, expires_at)


@contextlib.contextmanager
def _os_errors(key: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise ObjectNotFound(key) from error
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise ObjectNotFound(key) from error
        raise StoreUnavailable(f"{key}: {error.strerror or error}") from error


class S3Objects:
    """A bucket of S3 or of a server that speaks its protocol, through boto3."""

    def __init__(self, bucket: str, *, endpoint_url: str | None, public_endpoint_url: str | None, url_ttl: int) -> None:
        import boto3  # half a second, and the directory store needs none of it
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        self._errors = (BotoCoreError, ClientError)
        self._bucket = bucket
        self._url_ttl = url_ttl
        config = Config(
            signature_version="s3v4",
            connect_timeout=5,
            read_timeout=30,
            retries={"max_attempts": 3, "mode": "standard"},
            # Servers that are not AWS know hosts without the bucket's name, and not boto3's newer checksums.
            s3={"addressing_style": "path" if endpoint_url else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        session = boto3.session.Session()
        region = session.region_name or "us-east-1"
        self._s3 = session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
        # A presigned URL holds its host in the signature, so callers' URLs need a client of their own.
        self._public = (
            session.client("s3", endpoint_url=public_endpoint_url, region_name=region, config=config)
            if public_endpoint_url
            else self._s3
        )

    def get(self, key: str, *, max_bytes: int) -> bytes:
        """GET the object, reading no more than allowed."""
        with self._translated(key):
            body = self._s3.get_object(Bucket=self._bucket, Key=_checked(key))["Body"]
            with contextlib.closing(body):
                data: bytes = body.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise ObjectTooLarge(key)
        return data

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """PUT the object."""
        request = {"Bucket": self._bucket, "Key": _checked(key), "Body": data, "ContentType": content_type}
        try:
            with self._translated(key):
                self._s3.put_object(**request)
        except ObjectNotFound as error:
            raise StoreUnavailable(f"There is no bucket {self._bucket!r}.") from error

    def size(self, key: str) -> int:
        """HEAD the object."""
        with self._translated(key):
            return int(self._s3.head_object(Bucket=self._bucket, Key=_checked(key))["ContentLength"])

    def delete(self, key: str) -> None:
        """DELETE the object."""
        with self._translated(key):
            self._s3.delete_object(Bucket=self._bucket, Key=_checked(key))

    def tidy(self) -> None:
        """Do nothing: S3 keeps a PUT whole or not at all."""

    def keys(self) -> Iterator[str]:
        """List the bucket, page by page."""
        with self._translated(self._bucket):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket):
                yield from (found["Key"] for found in page.get("Contents", []))

    def check(self) -> None:
        """HEAD the bucket."""
        try:
            with self._translated(self._bucket):
                self._s3.head_bucket(Bucket=self._bucket)
        except ObjectNotFound as error:
            raise StoreUnavailable(f"There is no bucket {self._bucket!r}.") from error

    def upload_url(self, key: str, content_type: str, base_url: str) -> SignedUrl:
        """Presign a PUT that holds the content type."""
        params = {"Bucket": self._bucket, "Key": _checked(key), "ContentType": content_type}
        return self._presigned("PUT", "put_object", params, {"Content-Type": content_type})

    def download_url(self, key: str, content_type: str, base_url: str) -> SignedUrl:
        """Presign a GET that answers with our content type, whatever the server remembers of it."""
        params = {"Bucket": self._bucket, "Key": _checked(key), "ResponseContentType": content_type}
        return self._presigned("GET", "get_object", params, {})

    def _presigned(self, method: str, call: str, params: dict[str, str], headers: dict[str, str]) -> SignedUrl:
        expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=self._url_ttl)
        url = self._public.generate_presigned_url(call, Params=params, ExpiresIn=self._url_ttl)
        return SignedUrl(method, url, headers, expires_at)

    @contextlib.contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            response: dict[str, Any] = getattr(error, "response", {})
            without_bucket = response.get("Error", {}).get("Code") == "NoSuchBucket"
            if response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404 and not without_bucket:
                raise ObjectNotFound(key) from error
            raise StoreUnavailable(f"{key}: {error}") from error


def open_buckets(settings: Settings) -> tuple[Objects, Objects]:
    """Return the buckets of uploaded photos and of renders, as the settings name them. Contacts nothing."""
    names = (settings.s3_source_bucket, settings.s3_render_bucket) if settings.store == "s3" else ("sources", "renders")
    sources, renders = (_open_bucket(settings, name) for name in names)
    return sources, renders


def _open_bucket(settings: Settings, name: str) -> Objects:
    if settings.store == "s3":
        return S3Objects(
            name,
            endpoint_url=settings.s3_endpoint_url,
            public_endpoint_url=settings.s3_public_endpoint_url,
            url_ttl=settings.url_ttl,
        )
    signer = UrlSigner(settings.signing_secret())
    return DirectoryObjects(settings.home / "objects" / name, bucket=name, signer=signer, url_ttl=settings.url_ttl)


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ObjectNotFound(key)
    return key
