"""S3, or a server with the same protocol, as the object store."""

import contextlib
import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, lru_cache
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from service.storage.objects import ObjectNotFound, ObjectTooLarge, SignedUrl, StoreUnavailable, checked, parts_of


class S3Bucket:
    """A bucket of S3, or of a server with the same protocol, through boto3."""

    def __init__(self, bucket: str, *, endpoint_url: str | None, public_endpoint_url: str | None, url_ttl: int) -> None:
        from botocore.config import Config  # takes a third of a second, and the directory store does not need it
        from botocore.exceptions import BotoCoreError, ClientError

        self._errors = (BotoCoreError, ClientError)
        self._bucket = bucket
        self._url_ttl = url_ttl
        config = Config(
            signature_version="s3v4",
            connect_timeout=5,
            read_timeout=30,
            retries={"max_attempts": 3, "mode": "standard"},
            # Other servers than AWS expect hosts without the bucket's name, and lack boto3's newer checksums.
            s3={"addressing_style": "path" if endpoint_url else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        session = _open_session()
        region = session.region_name or "us-east-1"
        self._credentials = session.get_credentials()
        self._s3 = session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
        # The host is part of the signature of a presigned URL, so callers' URLs need a client of their own.
        self._public = (
            session.client("s3", endpoint_url=public_endpoint_url, region_name=region, config=config)
            if public_endpoint_url
            else self._s3
        )

    def get(self, key: str, *, max_bytes: int) -> bytes:
        """GET the object. Reads at most `max_bytes`."""
        with self._translated(key), contextlib.closing(self._opened(key)) as body:
            data: bytes = body.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise ObjectTooLarge(key)
        return data

    def parts(self, key: str) -> Iterator[bytes]:
        """GET the object, and read it in parts."""
        return self._read(key, self._opened(key))

    def _opened(self, key: str) -> Any:
        with self._translated(key):
            return self._s3.get_object(Bucket=self._bucket, Key=checked(key))["Body"]

    def _read(self, key: str, body: Any) -> Iterator[bytes]:
        with self._translated(key):
            yield from parts_of(body)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """PUT the object."""
        request = {"Bucket": self._bucket, "Key": checked(key), "Body": data, "ContentType": content_type}
        try:
            with self._translated(key):
                self._s3.put_object(**request)
        except ObjectNotFound as error:
            raise StoreUnavailable(
                f"The bucket {self._bucket!r} does not exist. Create it or change the setting."
            ) from error

    def size(self, key: str) -> int:
        """HEAD the object."""
        with self._translated(key):
            return int(self._s3.head_object(Bucket=self._bucket, Key=checked(key))["ContentLength"])

    def delete(self, key: str) -> None:
        """DELETE the object."""
        with self._translated(key):
            self._s3.delete_object(Bucket=self._bucket, Key=checked(key))

    def remove_partial_writes(self) -> None:
        """Do nothing, because S3 never keeps an incomplete PUT."""

    def entries(self) -> Iterator[tuple[str, float]]:
        """List the bucket, page by page."""
        with self._translated(self._bucket):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket):
                yield from ((one["Key"], one["LastModified"].timestamp()) for one in page.get("Contents", []))

    def check(self) -> None:
        """HEAD the bucket."""
        try:
            with self._translated(self._bucket):
                self._s3.head_bucket(Bucket=self._bucket)
        except ObjectNotFound as error:
            raise StoreUnavailable(
                f"The bucket {self._bucket!r} does not exist. Create it or change the setting."
            ) from error

    def upload_url(self, key: str, content_type: str, base_url: str) -> SignedUrl:
        """Presign a PUT that fixes the content type."""
        params = {"Bucket": self._bucket, "Key": checked(key), "ContentType": content_type}
        return self._presigned("PUT", "put_object", params, {"Content-Type": content_type})

    def download_url(self, key: str, content_type: str, base_url: str, method: str = "GET") -> SignedUrl:
        """Presign a GET or a HEAD that answers with Backdrop's content type instead of the stored type."""
        if self._place is None:
            return self._presigned_get(key, content_type, method)
        now = datetime.now(UTC).replace(microsecond=0)
        with self._translated(key):
            url = self._signed(*self._place, checked(key), content_type, now, method)
        return SignedUrl(method, url, {}, now + timedelta(seconds=self._url_ttl))

    def _presigned_get(self, key: str, content_type: str, method: str = "GET") -> SignedUrl:
        params = {"Bucket": self._bucket, "Key": checked(key), "ResponseContentType": content_type}
        return self._presigned(method, f"{method.lower()}_object", params, {})

    @cached_property
    def _place(self) -> tuple[str, str, str, str] | None:
        """The bucket's scheme, host and path, and the scope of signatures. None: only botocore can sign.

        Botocore takes 0.3 ms for a URL, and a list has 20. So Backdrop signs URLs itself, in the same way. If the first
        URL differs from botocore's, botocore signs all. That happens for directory buckets and multi-region access
        points.
        """
        made = urlsplit(self._presigned_get("key", "image/jpeg").url)
        query = parse_qs(made.query)
        scope = query["X-Amz-Credential"][0].split("/", 2)[2]
        place = made.scheme, made.netloc, made.path.removesuffix("key"), scope
        now = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")
        own = urlsplit(self._signed(*place, "key", "image/jpeg", now, "GET"))
        return place if own[:3] == made[:3] and parse_qs(own.query) == query else None

    def _signed(
        self, scheme: str, host: str, path: str, scope: str, key: str, content_type: str, now: datetime, method: str
    ) -> str:
        """Return the URL of a GET or a HEAD, signed with AWS Signature Version 4."""
        credentials = self._credentials.get_frozen_credentials()
        query, message, signing_key = _grant(credentials, scope, content_type, now, self._url_ttl)
        request = f"{method}\n{path}{key}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        message += hashlib.sha256(request.encode()).hexdigest()
        signature = hmac.digest(signing_key, message.encode(), "sha256").hex()
        return f"{scheme}://{host}{path}{key}?{query}&X-Amz-Signature={signature}"

    def _presigned(self, method: str, call: str, params: dict[str, str], headers: dict[str, str]) -> SignedUrl:
        expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=self._url_ttl)
        with self._translated(params["Key"]):
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


@lru_cache(maxsize=8)
def _grant(credentials: Any, scope: str, content_type: str, now: datetime, ttl: int) -> tuple[str, str, bytes]:
    """Return the parts that all URLs of a second share: query, names in order, head of the signed text, and key."""
    time = f"{now:%Y%m%dT%H%M%SZ}"
    scope = f"{time[:8]}/{scope}"
    query = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={quote(f'{credentials.access_key}/{scope}', safe='')}"
    query += f"&X-Amz-Date={time}&X-Amz-Expires={ttl}"
    query += f"&X-Amz-Security-Token={quote(credentials.token, safe='')}" if credentials.token else ""
    query += f"&X-Amz-SignedHeaders=host&response-content-type={quote(content_type, safe='')}"
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return query, f"AWS4-HMAC-SHA256\n{time}\n{scope}\n", key


def _open_session() -> Any:
    """Return a boto3 session with its own credentials and region."""
    import boto3
    from botocore.session import get_session

    session = get_session()
    session.register_component("data_loader", _descriptions())
    return boto3.session.Session(botocore_session=session)


@cache
def _descriptions() -> Any:
    """Return a shared loader of S3's description. Without it, each session would parse a megabyte of JSON."""
    from botocore.loaders import create_loader

    return create_loader()
