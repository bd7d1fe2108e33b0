"""One mended mask in all pictures of its photo: scenes, presets, a chain and a batch, pixel by pixel."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion
from ulid import ULID

import pipeline.swap
from pipeline.compositing.place import lay
from pipeline.core.networks import Networks
from pipeline.core.order import SwapOrder
from pipeline.core.spec import Limits
from pipeline.core.types import Cutout, Placed
from pipeline.delivery.encode import encode
from pipeline.photo.decode import decode
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import stored_spec
from service.jobs.intake import JobIntake, NewJob
from tests.service.cutouts.conftest import CUTOUTS, Mender, grey_png
from tests.service.cutouts.test_mending import drawn
from tests.support.worker import BOTTLE, raising, small

SCENES = ("podium", "flat_lay_linen")
PHOTO = decode(BOTTLE, Limits()).rgb


class Watch:
    """Records product placements and encoded pictures, and changes nothing."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.placed: list[tuple[Cutout, Placed, Placed]] = []
        self.pictures: list[NDArray[np.float32]] = []

        def placing(cutout: Cutout, position: Any, width: int, height: int) -> Any:
            placed = lay(cutout, position, width, height)
            (left, top), (rows, columns) = cutout.origin, cutout.alpha.shape
            own = np.ascontiguousarray(PHOTO[top : top + rows, left : left + columns])
            self.placed.append((cutout, placed, lay(replace(cutout, rgb=own), position, width, height)))
            return placed

        def encoding(picture: Any, *args: Any, **options: Any) -> Any:
            self.pictures.append(np.array(picture))
            return encode(picture, *args, **options)

        patch.setattr(pipeline.swap, "lay", placing)
        patch.setattr(pipeline.swap, "encode", encoding)

    def assert_the_photos_own(self, codes: NDArray[np.uint8], count: int) -> None:
        """Assert that inside the mask each picture equals the resampled photo to the bit before encoding."""
        assert len(self.placed) == len(self.pictures) == count
        for (cutout, placed, photographed), picture in zip(self.placed, self.pictures, strict=True):
            (left, top), (rows, columns) = cutout.origin, cutout.alpha.shape
            mask = codes[top : top + rows, left : left + columns]
            assert np.array_equal(np.rint(255 * cutout.alpha), mask)
            assert (codes > 0).sum() == (mask > 0).sum()
            solid = mask == 255
            assert np.array_equal(cutout.rgb[solid], PHOTO[top : top + rows, left : left + columns][solid])
            # Lanczos reaches three source pixels; at scale 1 nothing is resampled.
            reach = 0 if placed.scale == 1 else 1 + int(np.ceil(3 * max(1.0, placed.scale)))
            inside = (
                binary_erosion(placed.alpha == 1, np.ones((3, 3)), iterations=reach) if reach else placed.alpha == 1
            )
            assert inside.sum() > 1000
            assert np.array_equal(picture[..., :3][inside], photographed.whole()[inside])


def order(mender: Mender, key: str, scene: str, preset: str) -> str:
    """Order a swap at a tenth of its preset's pixels, as the API stores it."""
    catalogue = small(load_catalogue(), 360, 240)
    if preset != "open_graph":
        place = replace(catalogue.presets[preset], size=(240, 240))
        catalogue = replace(catalogue, presets={**catalogue.presets, preset: place})
    spec = stored_spec(catalogue, SwapOrder(scene, "calm", preset, seed=3))
    new = NewJob(
        request_id=str(ULID()),
        client_id=mender.client.id,
        workflow="background-swap-with-spec",
        body={},
        body_sha256="",
        spec=spec,
        source_key=key,
        credits_cost=1,
    )
    return JobIntake(mender.engine).create(new).job_id


def test_every_picture_of_a_mended_photo_has_its_mask_and_its_pixels(
    mender: Mender, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = mender.cut_out()
    codes, key = drawn(), view["source_image_s3_key"]
    assert mender.mend(view["public_id"], grey_png(codes)).status_code == 200
    # From here on every call of a segmenter fails.
    failing = raising(AssertionError("a network looked for the product"))
    networks: Networks = mender.runner.networks
    mender.runner = replace(mender.runner, networks=replace(networks, segmenter=failing.segmenter))
    watch = Watch(monkeypatch)

    jobs = [order(mender, key, scene, "open_graph") for scene in SCENES]
    jobs += [order(mender, key, "white", "shopify_product")]
    # A batch uploads each of its photos: the same bytes under other keys.
    jobs += [order(mender, mender.upload(BOTTLE), "white", "open_graph")]
    for job in jobs:
        mender.finish(job)
    first = mender.swap(source_image_s3_key=key, scene_type="white", output_preset="transparent_cutout")
    chain = {"source_image_s3_key": None, "source_render_public_id": first["render"]["public_id"]}
    second = mender.swap(**chain, scene_type="white", output_preset="transparent_cutout")

    shown = [mender.get(f"/v1/jobs/{job}").json() for job in jobs] + [first, second]
    assert [one["status"] for one in shown] == ["SUCCESS"] * 6
    provenances = [one["render"]["report"]["provenance"] for one in shown]
    assert {(one["cutout"], one["cut_by"]) for one in provenances} == {("mended", "mended")}
    watch.assert_the_photos_own(codes, 6)
    # Lossless, at the photo's own size: the delivered file too.
    delivered = np.asarray(Image.open(io.BytesIO(mender.http.get(second["render"]["url"]).content)))
    assert np.array_equal(delivered[..., 3], codes)
    assert np.array_equal(delivered[codes == 255][:, :3], PHOTO[codes == 255])


def test_after_a_reset_the_networks_mask_is_back(mender: Mender) -> None:
    view = mender.cut_out()
    asked = {"source_image_s3_key": view["source_image_s3_key"], "scene_type": "white"}

    def made() -> tuple[str, str]:
        render = mender.swap(**asked, output_preset="transparent_cutout")["render"]
        return render["report"]["provenance"]["cutout"], render["sha256"]

    before = made()
    mender.mend(view["public_id"], grey_png(drawn()))
    mended = made()
    mender.ask("DELETE", f"{CUTOUTS}/{view['public_id']}/mask")

    assert [before[0], mended[0]] == ["cached", "mended"], "the cut-out was kept for the swap"
    assert before[1] != mended[1]
    assert made() == before
