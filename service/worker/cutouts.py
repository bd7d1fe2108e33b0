"""What a job of a cut-out stores: the networks' mask, its preview, and the photo at the preview's size."""

from collections.abc import Callable, Sequence

from ulid import ULID

from pipeline.core.types import Cutout, Photo
from service.cutouts.pixels import of_network
from service.jobs.records import NewCutout
from service.storage.objects import Bucket


def store_cutout(
    photo: Photo,
    cutout: Cutout | None,
    photo_sha256: str,
    client_id: str,
    *,
    objects: Bucket,
    register: Callable[[Sequence[str]], None],
) -> NewCutout:
    """Store what the networks made of a photo, once `register` has written down the keys. Raises StoreUnavailable.

    Keys of its own for each attempt: one that lost its lease can't touch the winner's bytes.
    """
    pictures, reduced = of_network(photo, cutout)
    mask_key, preview_key, photo_key = (f"masks/{client_id}/{ULID()}.{kind}" for kind in ("png", "png", "jpg"))
    register((mask_key, preview_key, photo_key))
    objects.put(mask_key, pictures.mask, "image/png")
    objects.put(preview_key, pictures.preview, "image/png")
    objects.put(photo_key, reduced, "image/jpeg")
    height, width = photo.rgb.shape[:2]
    return NewCutout(photo_sha256, width, height, mask_key, preview_key, photo_key, pictures.facts)
