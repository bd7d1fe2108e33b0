"""A directory as an object store, for one machine. The API signs and serves its URLs."""

import contextlib
import errno
import hashlib
import hmac
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BufferedReader
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlencode

from service.storage.objects import ObjectNotFound, ObjectTooLarge, SignedUrl, StoreUnavailable, checked, parts_of


class UrlSigner:
    """Signs method, path and expiry of a URL, so that its owner needs no key and can do nothing else."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def query(self, method: str, path: str, expires_at: datetime) -> str:
        """Return the query string that allows `method` on `path` until `expires_at`."""
        expires = int(expires_at.timestamp())
        return urlencode({"expires": expires, "signature": self._signature(method, path, expires)})

    def allows(self, method: str, path: str, expires: int, signature: str) -> bool:
        """Return whether the signature is right and has not expired."""
        expected = self._signature(method, path, expires)
        return hmac.compare_digest(expected.encode(), signature.encode()) and expires > datetime.now(UTC).timestamp()

    def _signature(self, method: str, path: str, expires: int) -> str:
        message = f"{method}\n{path}\n{expires}".encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


class DirectoryBucket:
    """A directory as a bucket. The API takes and serves the bytes under `/v1/files/<bucket>/`."""

    def __init__(self, root: Path, *, bucket: str, signer: UrlSigner, url_ttl: int) -> None:
        self._root = root.absolute()
        # On the same file system, so that a rename is enough. No key starts with a dot.
        self._unfinished = self._root / ".unfinished"
        self._bucket = bucket
        #: Checks the signatures that `upload_url` and `download_url` make.
        self.signer = signer
        self._url_ttl = url_ttl

    def _path(self, key: str) -> Path:
        path = self._root / checked(key)
        try:
            # The pattern has no `..`. Resolving the path also stops symbolic links that lead out of the bucket.
            inside = path.resolve().is_relative_to(self._root.resolve())
        except (OSError, RuntimeError) as error:  # a loop of links (until Python 3.13), or a name that is too long
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

    def open(self, key: str) -> BufferedReader:
        """Open the file for reading in parts. A later write does not change the open file."""
        with _os_errors(key):
            return self._path(key).open("rb")

    def parts(self, key: str) -> Iterator[bytes]:
        """Open the file, and read it in parts."""
        return parts_of(self.open(key))

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write a temporary file and rename it, so that readers never get an incomplete object."""
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
            if error.errno == errno.ENAMETOOLONG:  # no file can have this name
                raise ObjectNotFound(key) from error
            # A missing folder is a fault of the store. "Not found" would blame the photo.
            raise StoreUnavailable(f"{key}: {error.strerror or error}") from error

    def size(self, key: str) -> int:
        """Return the file's size."""
        with _os_errors(key):
            return self._path(key).stat().st_size

    def delete(self, key: str) -> None:
        """Remove the file."""
        with _os_errors(key):
            self._path(key).unlink(missing_ok=True)

    def remove_partial_writes(self) -> None:
        """Remove temporary files of killed writers: those without a write for an hour."""
        with _os_errors(str(self._unfinished)):
            for left in self._unfinished.glob("*"):
                with contextlib.suppress(FileNotFoundError):  # its writer or another sweep was faster
                    if time.time() - left.stat().st_mtime > 3600:
                        left.unlink()

    def entries(self) -> Iterator[tuple[str, float]]:
        """Walk the directory."""

        def refuse(error: OSError) -> NoReturn:
            raise StoreUnavailable(f"{self._bucket}: {error.strerror or error}") from error

        if not self._root.exists():  # `put` makes it
            return
        for folder, folders, names in os.walk(self._root, onerror=refuse):
            folders[:] = [name for name in folders if not name.startswith(".")]
            inside = Path(folder).relative_to(self._root)
            for name in (name for name in names if not name.startswith(".")):
                with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                    yield (inside / name).as_posix(), (Path(folder) / name).stat().st_mtime

    def check(self) -> None:
        """Write and remove a small file."""
        self.put("check", b"", "text/plain")
        self.delete("check")

    def upload_url(self, key: str, content_type: str, base_url: str) -> SignedUrl:
        """Sign a PUT to the API."""
        return self._signed("PUT", key, base_url, {"Content-Type": content_type})

    def download_url(self, key: str, content_type: str, base_url: str, method: str = "GET") -> SignedUrl:
        """Sign a GET from the API, which allows a HEAD, too."""
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
