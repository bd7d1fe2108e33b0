"""A photo is cut out once: the stored cut-out, its equality to the bit, and everything that must not be trusted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from pipeline.core.networks import Networks
from pipeline.core.spec import Limits, SceneKind
from pipeline.cutout.cache import Kind, packed, unpacked
from pipeline.cutout.foreground import extract_foreground
from pipeline.cutout.segment import segment
from pipeline.photo.decode import decode
from pipeline.swap import SwapResult, swap
from service.storage import cache as kept_module
from service.storage.cache import ObjectCache, folder_cache
from service.storage.directory import DirectoryBucket, UrlSigner
from service.storage.objects import StoreUnavailable
from testkit.still_life import PHOTO, Counting, Darkener, by_colour, cut_out_png, jpeg, preset, spec, still_life


class Studio:
    """Networks that count their calls, and a folder for cut-outs."""

    def __init__(self, folder: Path) -> None:
        self.segmenter = Counting()
        self.versions = {"segmenter": "by_colour 1", "segmenter_device": "cpu", "generator": "darkener"}
        self.kept = folder_cache(folder)
        self.folder = folder

    def swap(self, data: bytes = PHOTO, *, kind: SceneKind = "white", **changes: Any) -> SwapResult:
        asked = spec(kind, place=preset(size=(200, 200)))
        versions = changes.get("versions", self.versions)
        networks = Networks(self.segmenter, Darkener(), versions, second_segmenter=changes.get("second"))
        kept = changes.get("kept", self.kept)
        return swap(data, asked, networks, limits=Limits(), clock=lambda: 0.0, cache=kept)

    def cache_status(self, data: bytes = PHOTO, **changes: Any) -> str:
        return str(self.swap(data, **changes).report.provenance.cutout)

    @property
    def objects(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def glassy() -> bytes:
    """Return a photo with a cut-out of its own that is translucent in every shade."""
    rgb, alpha = still_life(240, 300)
    return cut_out_png(rgb, alpha * np.linspace(0.4, 1, 300, dtype=np.float32)[:, None])


# Stored cut-outs


@pytest.mark.parametrize("data", [PHOTO, glassy()], ids=["cut out by a network", "with alpha of its own"])
def test_a_stored_cutout_equals_the_first_to_the_bit(data: bytes) -> None:
    photo = decode(data, Limits())
    found = segment(photo, by_colour)
    made = extract_foreground(photo, found).assessed()

    kept = packed(made)
    again = unpacked(kept, photo)

    assert again.rgb.dtype == np.uint8
    assert again.alpha.dtype == np.float32
    assert (again.rgb.tobytes(), again.alpha.tobytes()) == (made.rgb.tobytes(), made.alpha.tobytes())
    assert vars(again) | {"rgb": None, "alpha": None} == vars(made) | {"rgb": None, "alpha": None}
    assert len(kept) < made.alpha.nbytes / 2


def test_a_photo_is_cut_out_once_for_all_its_pictures(studio: Studio) -> None:
    first = studio.swap(kind="podium")
    looks = studio.segmenter.looks

    again, other = studio.swap(kind="podium"), studio.swap()

    assert studio.segmenter.looks == looks > 0
    assert [one.report.provenance.cutout for one in (first, again, other)] == ["computed", "cached", "cached"]
    assert again.data == first.data
    assert other.data == studio.swap(kept=None).data
    assert again.warnings == first.warnings
    assert again.report.cutout == first.report.cutout


def test_another_photo_another_network_and_other_code_need_a_new_cutout(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.swap()
    other = jpeg(still_life(240, 300, cut=True)[0])
    newer = studio.versions | {"segmenter": "by_colour 2"}
    elsewhere = studio.versions | {"segmenter_device": "cuda"}

    came = [
        studio.cache_status(other),
        studio.cache_status(versions=newer),
        studio.cache_status(versions=elsewhere),
        studio.cache_status(),
    ]
    assert came == ["computed", "computed", "computed", "cached"]

    # The small network made the previous release's cut-outs; now it is half of the ensemble.
    small = studio.versions | {"segmenter": "rembg 2.0.86 u2netp sha256:309c8469258d"}
    large = small | {"segmenter": "rembg 2.0.86 u2net sha256:8d10d2f3bb75"}
    both = large | {"second_segmenter": small["segmenter"]}
    assert [studio.cache_status(versions=one) for one in (small, large, small)] == ["computed", "computed", "cached"]
    assert [studio.cache_status(versions=both, second=by_colour) for _ in range(2)] == ["computed", "cached"]
    assert studio.cache_status(versions=large, second=by_colour) == "computed"

    painter = studio.versions | {"generator": "another painter"}
    assert studio.cache_status(versions=painter) == "cached"

    monkeypatch.setattr(kept_module, "made_by", lambda: "another release")
    assert studio.cache_status() == "computed"


def test_the_digest_of_the_code_covers_every_file_that_makes_a_cutout() -> None:
    assert kept_module.made_by() == kept_module.made_by()
    made_of = {name for name, _ in kept_module.code_files("pipeline")}
    assert {"swap.py", "cutout/segment.py", "cutout/foreground.py", "cutout/holes.py", "core/resample.py"} <= made_of
    networks = {name.partition("-")[0] for name, _ in kept_module.code_files("models") if name.endswith(".onnx")}
    assert networks == {"renderer/checkpoint/light", "viewpoint/checkpoint/viewpoint"}


def test_networks_without_a_version_store_nothing(studio: Studio) -> None:
    assert [studio.cache_status(versions={}), studio.cache_status(versions={})] == ["computed", "computed"]
    assert studio.objects == []


def test_one_clients_cutouts_are_not_found_by_another(studio: Studio) -> None:
    store = DirectoryBucket(studio.folder, bucket="b", signer=UrlSigner(b""), url_ttl=0)
    one, two = ObjectCache(store, "ONE"), ObjectCache(store, "TWO")

    assert [studio.cache_status(kept=one), studio.cache_status(kept=two), studio.cache_status(kept=one)] == [
        "computed",
        "computed",
        "cached",
    ]


# Damaged objects


def foreign(studio: Studio, data: bytes) -> bytes:
    """Return the object of another photo."""
    studio.swap(jpeg(still_life(240, 300, cut=True)[0]))
    return next(path.read_bytes() for path in studio.objects if path.read_bytes() != data)


#: Damage to an object.
HARM: dict[str, Callable[[Studio, bytes], bytes]] = {
    "empty": lambda _, data: b"",
    "shorter than its seal": lambda _, data: data[:20],
    "cut": lambda _, data: data[: len(data) // 2],
    "longer": lambda _, data: data + b"\x00",
    "one bit changed": lambda _, data: data[:500] + bytes([data[500] ^ 1]) + data[501:],
    "its seal changed": lambda _, data: bytes([data[0] ^ 1]) + data[1:],
    "another photo's": foreign,
}


def test_a_damaged_object_is_replaced(studio: Studio) -> None:
    right = studio.swap()
    (path,) = studio.objects
    whole = path.read_bytes()
    for name, harm in HARM.items():
        path.write_bytes(harm(studio, whole))

        render = studio.swap()

        assert (render.report.provenance.cutout, render.data) == ("computed", right.data), name
        assert path.read_bytes() == whole
    assert studio.cache_status() == "cached"


class Away(DirectoryBucket):
    """A store that is away and counts the calls."""

    asked = 0

    def get(self, key: str, *, max_bytes: int) -> bytes:
        self.asked += 1
        raise StoreUnavailable(key)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.asked += 1
        raise StoreUnavailable(key)


def test_a_store_that_is_away_is_asked_once_and_fails_no_swap(studio: Studio) -> None:
    store = Away(studio.folder, bucket="b", signer=UrlSigner(b""), url_ttl=0)

    assert studio.cache_status(kept=ObjectCache(store, "local")) == "computed"
    assert store.asked == 1


def test_a_full_folder_and_a_database_that_is_away_only_prevent_storing(studio: Studio) -> None:
    def away(kind: Kind, key: str) -> None:
        raise sa.exc.OperationalError("", {}, Exception("gone"))

    store = DirectoryBucket(studio.folder, bucket="b", signer=UrlSigner(b""), url_ttl=0)
    assert studio.cache_status(kept=ObjectCache(store, "x", register=away)) == "computed"
    assert studio.objects == [], "no object without its row"
    (studio.folder / "cutouts").write_bytes(b"a file where a folder must be")
    assert studio.cache_status() == "computed"
