"""The two buckets of an installation, of the kind in its settings."""

from service.settings import Settings
from service.storage.directory import DirectoryBucket, UrlSigner
from service.storage.objects import Bucket
from service.storage.s3 import S3Bucket


def open_buckets(settings: Settings) -> tuple[Bucket, Bucket]:
    """Return the buckets of uploaded photos and of renders. Does not connect yet."""
    names = (settings.s3_source_bucket, settings.s3_render_bucket) if settings.store == "s3" else ("sources", "renders")
    sources, renders = (_open_bucket(settings, name) for name in names)
    return sources, renders


def _open_bucket(settings: Settings, name: str) -> Bucket:
    if settings.store == "s3":
        return S3Bucket(
            name,
            endpoint_url=settings.s3_endpoint_url,
            public_endpoint_url=settings.s3_public_endpoint_url,
            url_ttl=settings.url_ttl,
        )
    signer = UrlSigner(settings.signing_secret())
    return DirectoryBucket(settings.home / "objects" / name, bucket=name, signer=signer, url_ttl=settings.url_ttl)
