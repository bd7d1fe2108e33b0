"""Storage of a cut-out job's pictures: the networks' mask, the chosen mask, previews, and the photo at that size."""

from collections.abc import Callable, Sequence

from ulid import ULID

from pipeline.core.types import Cutout, Photo
from pipeline.cutout.given import GivenMask, codes_of
from pipeline.cutout.subjects import subjects_of
from pipeline.swap import CutOut
from service.cutouts.mask_file import encode_mask
from service.cutouts.masks import MendedMasks
from service.cutouts.pixels import of_network, subject_facts
from service.cutouts.records import CutBy
from service.jobs.records import Claim, NewCutout
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
    """Store a photo's cut-out, after `register` has stored the keys. Raises StoreUnavailable.

    Each attempt has its own keys, so that an attempt that lost its lease can't change the winner's bytes.
    """
    pictures, reduced = of_network(photo, cutout)
    mask_key, preview_key, photo_key = (f"masks/{client_id}/{ULID()}.{kind}" for kind in ("png", "png", "jpg"))
    register((mask_key, preview_key, photo_key))
    objects.put(mask_key, pictures.mask, "image/png")
    objects.put(preview_key, pictures.preview, "image/png")
    objects.put(photo_key, reduced, "image/jpeg")
    height, width = photo.rgb.shape[:2]
    return NewCutout(photo_sha256, width, height, mask_key, preview_key, photo_key, pictures.facts)


def store_choice(cut: CutOut, claim: Claim, found: NewCutout, mask: GivenMask | None, masks: MendedMasks) -> None:
    """Make the chosen product the photo's, as `Mending.keep_subjects` does. Raises StoreUnavailable.

    `mask`: the caller's mask. The chosen product may be a part of it.
    """
    assert cut.chosen is not None
    choice, cutout = cut.chosen
    pictures, _ = of_network(cut.photo, cutout)
    base_by: CutBy = "mended"
    base, facts = pictures.mask, pictures.facts
    if choice.number is not None:
        height, width = cut.photo.rgb.shape[:2]
        if choice.source == "given":
            assert mask is not None
            whole = mask.codes
        else:
            assert cut.found is not None
            whole, base_by = codes_of(cut.found.alpha, cut.found.origin, width, height), "network"
        base = encode_mask(whole)
        facts = facts | {"subjects": subject_facts(subjects_of(whole), {choice.number})}
    masks.keep(
        claim.client_id,
        claim.source_key,
        found.photo_sha256,
        mask=pictures.mask,
        base=base,
        preview=pictures.preview,
        facts=facts,
        cut_by="subjects",
        base_by=base_by,
    )
