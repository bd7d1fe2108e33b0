"""Mending: a caller's mask or choice of subjects applies to the photo from then on, and bad ones are refused."""

import io
import struct
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import binary_erosion
from ulid import ULID

import pipeline.deliver
import pipeline.swap
from pipeline.compositing.place import lay
from pipeline.core.order import SwapOrder
from pipeline.core.spec import Limits
from pipeline.core.types import Cutout, Placed
from pipeline.delivery.encode import encode
from pipeline.photo.decode import decode
from service.catalogue.catalogue import load_catalogue
from service.catalogue.specs import stored_spec
from service.cutouts.mask_file import MAX_BYTES
from service.jobs.intake import JobIntake, NewJob
from testkit.specimens import saved
from tests.service.cutouts.conftest import CUTOUTS, Mender, grey_png, plain_photo
from tests.support.caller import assert_problem
from tests.support.worker import BOTTLE, raising, small


def drawn() -> NDArray[np.uint8]:
    """Return a mask that no network would find in the bottle's photo: an ellipse with a soft edge."""
    picture = Image.new("L", (490, 630))
    ImageDraw.Draw(picture).ellipse((100, 150, 400, 560), fill=255)
    return np.asarray(picture.resize((245, 315), Image.Resampling.BOX).resize((490, 630), Image.Resampling.BILINEAR))


def pair() -> bytes:
    """Return a photo with its own alpha: a large thing on the left, a small one on the right, and a speck."""
    picture = Image.new("RGBA", (400, 300))
    for box in ((20, 40, 200, 280), (260, 160, 340, 280), (380, 20, 383, 23)):
        ImageDraw.Draw(picture).ellipse(box, fill=(120, 60, 40, 255))
    return saved(picture, "PNG")


def test_a_mask_applies_to_the_photo_until_it_is_reset(mender: Mender) -> None:
    before = mender.cut_out()
    other = mender.cut_out()  # of the same bytes, under another key
    codes = drawn()

    answer = mender.mend(before["public_id"], grey_png(codes))

    assert answer.status_code == 200, answer.text
    view = answer.json()
    assert (view["cut_by"], view["confidence"], view["public_id"]) == ("mended", 1, before["public_id"])
    assert np.array_equal(mender.picture(view["mask_url"]), codes)
    preview = mender.picture(view["preview_url"])
    assert np.array_equal(preview[..., 3], codes)
    photo = np.asarray(Image.open(io.BytesIO(BOTTLE)))
    inside = codes == 255
    assert np.abs(preview[inside][:, :3].astype(int) - photo[inside]).mean() < 4  # by way of a JPEG
    rows, columns = np.nonzero(codes > 127)
    assert view["product_box"] == {
        "left": columns.min(),
        "top": rows.min(),
        "width": columns.max() + 1 - columns.min(),
        "height": rows.max() + 1 - rows.min(),
    }
    assert mender.shown(other["public_id"])["cut_by"] == "mended"
    assert mender.get(CUTOUTS).json()["items"][0]["cut_by"] == "mended"

    back = mender.ask("DELETE", f"{CUTOUTS}/{other['public_id']}/mask").json()
    assert back["cut_by"] == mender.shown(before["public_id"])["cut_by"] == "network"
    assert np.array_equal(mender.picture(back["mask_url"]), mender.picture(other["mask_url"]))
    assert back["warnings"] == other["warnings"]


def test_a_mask_defines_a_product_where_the_network_found_none(mender: Mender) -> None:
    view = mender.cut_out(plain_photo())
    codes = np.zeros((400, 400), np.uint8)
    codes[100:300, 100:] = 255

    mended = mender.mend(view["public_id"], grey_png(codes)).json()

    assert mended["product_box"] == {"left": 100, "top": 100, "width": 300, "height": 200}
    assert [one["code"] for one in mended["warnings"]] == ["subject_touches_edge"]
    assert mended["cut_sides"] == ["right"]


def test_subjects_are_kept_by_their_ids_and_can_be_chosen_again(mender: Mender) -> None:
    view = mender.cut_out(pair())
    assert [(one["id"], one["kept"]) for one in view["subjects"]] == [(1, True), (2, True)]
    assert view["subjects"][0]["share"] > 0.75
    assert view["subjects"][1]["box"] == {"left": 260, "top": 160, "width": 81, "height": 121}
    assert "several_subjects" in {one["code"] for one in view["warnings"]}
    path = f"{CUTOUTS}/{view['public_id']}/subjects"

    small = mender.ask("PUT", path, json={"keep": [2]}).json()

    assert small["cut_by"] == "subjects"
    assert [(one["id"], one["kept"]) for one in small["subjects"]] == [(1, False), (2, True)]
    assert small["product_box"] == view["subjects"][1]["box"]
    assert small["warnings"] == []
    both, alone = mender.picture(view["mask_url"]), mender.picture(small["mask_url"])
    assert not alone[:, :230].any()
    assert np.array_equal(alone[:, 240:370], both[:, 240:370])
    assert mender.ask("PUT", path, json={"keep": [1]}).json()["product_box"] == view["subjects"][0]["box"]
    again = mender.ask("PUT", path, json={"keep": [2, 1]}).json()
    assert (again["cut_by"], again["subjects"]) == ("network", view["subjects"])


def test_subjects_of_a_mended_mask_are_chosen_from_it(mender: Mender) -> None:
    view = mender.cut_out(pair())
    codes = np.zeros((300, 400), np.uint8)
    codes[10:100, 10:100], codes[200:280, 300:360] = 255, 255
    path = f"{CUTOUTS}/{view['public_id']}/subjects"
    mended = mender.mend(view["public_id"], grey_png(codes)).json()
    assert len(mended["subjects"]) == 2

    picked = mender.ask("PUT", path, json={"keep": [2]}).json()
    assert (picked["cut_by"], picked["product_box"]["left"]) == ("subjects", 300)
    whole = mender.ask("PUT", path, json={"keep": [1, 2]}).json()
    assert whole["cut_by"] == "mended"
    assert np.array_equal(mender.picture(whole["mask_url"]), codes)


def test_unknown_subjects_are_refused(mender: Mender) -> None:
    path = f"{CUTOUTS}/{mender.cut_out(pair())['public_id']}/subjects"

    for keep, code, *index in (([3], "subject_unknown"), ([1, 9], "subject_unknown"), (["x"], "int_parsing", 0)):
        answer = mender.ask("PUT", path, json={"keep": keep})
        assert answer.status_code == 422
        assert [(one["code"], one["loc"]) for one in answer.json()["detail"]] == [(code, ["body", "keep", *index])]


def with_a_bomb() -> bytes:
    """Return a PNG of the right size whose text would fill the memory."""
    whole = grey_png(drawn())
    text = b"Comment\0\0" + zlib.compress(bytes(300_000_000), 9)
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text
    chunk += struct.pack(">I", zlib.crc32(chunk[4:]))
    return whole[:33] + chunk + whole[33:]


BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "mask_not_png"),
    "a JPEG": (saved(Image.fromarray(drawn()), "JPEG"), "mask_not_png"),
    "another size": (grey_png(drawn()[:, 1:]), "mask_size"),
    "turned": (grey_png(drawn().T), "mask_size"),
    "colours": (saved(Image.fromarray(drawn()).convert("RGB"), "PNG"), "mask_mode"),
    "an alpha channel": (saved(Image.fromarray(drawn()).convert("LA"), "PNG"), "mask_mode"),
    "a palette": (saved(Image.fromarray(drawn()).convert("P"), "PNG"), "mask_mode"),
    "one bit": (saved(Image.fromarray(drawn()).convert("1"), "PNG"), "mask_mode"),
    "sixteen bits": (saved(Image.fromarray(drawn().astype(np.uint16) * 257), "PNG"), "mask_mode"),
    "cut short": (grey_png(drawn())[:-900], "mask_unreadable"),
    "broken": (grey_png(drawn())[:60] + bytes(40) + grey_png(drawn())[100:], "mask_unreadable"),
    "all black": (grey_png(np.zeros((630, 490), np.uint8)), "mask_empty"),
    "all dark": (grey_png(np.full((630, 490), 120, np.uint8)), "mask_empty"),
    "all white": (grey_png(np.full((630, 490), 255, np.uint8)), "mask_whole"),
}


@pytest.fixture(scope="module")
def cut(http: Any, settings: Any, networks: Any) -> tuple[Mender, str]:
    """One cut-out for all bad masks."""
    mender = Mender(http, settings, "bad masks", networks)
    return mender, mender.cut_out()["public_id"]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_mask_is_refused_with_its_code_and_changes_nothing(cut: tuple[Mender, str], name: str) -> None:
    (mender, public_id), (mask, code) = cut, BAD[name]

    answer = mender.mend(public_id, mask)

    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["detail"]
    assert (error["loc"], error["code"]) == (["body"], code)
    assert len(error["msg"]) > 20
    assert mender.shown(public_id)["cut_by"] == "network"


def test_a_masks_metadata_is_not_read(cut: tuple[Mender, str]) -> None:
    mender, public_id = cut

    assert mender.mend(public_id, with_a_bomb()).status_code == 200
    mender.ask("DELETE", f"{CUTOUTS}/{public_id}/mask")


def test_a_mask_of_too_many_bytes_is_refused(cut: tuple[Mender, str]) -> None:
    mender, public_id = cut
    answer = mender.mend(public_id, bytes(MAX_BYTES + 1))

    assert_problem(answer, 413, "body_too_large")
    assert answer.json()["max_bytes"] == MAX_BYTES


def test_an_unfinished_cutout_cannot_be_mended(mender: Mender) -> None:
    public_id = mender.order()

    for answer in (
        mender.mend(public_id, grey_png(drawn())),
        mender.ask("PUT", f"{CUTOUTS}/{public_id}/subjects", json={"keep": [1]}),
        mender.ask("DELETE", f"{CUTOUTS}/{public_id}/mask"),
    ):
        assert_problem(answer, 409, "cutout_not_ready")


# One mended mask in all pictures of its photo


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
        patch.setattr(pipeline.deliver, "encode", encoding)

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
    maker = mender.runner.maker
    without = replace(maker.networks, segmenter=failing.segmenter)
    mender.runner = replace(mender.runner, maker=replace(maker, networks=without))
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
