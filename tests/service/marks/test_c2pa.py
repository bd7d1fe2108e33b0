"""Content credentials: signed with a chain made here, read back by the c2pa library, invalid when altered."""

import io
import itertools
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.order import Format, SwapOrder
from pipeline.core.provenance import DIGITAL_SOURCE_TYPES, Credentials
from pipeline.core.spec import Limits
from pipeline.delivery.encode import encode
from pipeline.delivery.preset_rules import reopen
from pipeline.swap import SwapResult, swap
from service.catalogue.catalogue import load_catalogue
from service.marks.c2pa import CredentialsInvalid, SigningFailed, open_credentials
from service.marks.chain import renewed
from service.settings import Settings
from service.worker.local import SpecInvalid, swap_file
from service.worker.main import CANNOT_START, serve
from testkit.servers import free_port
from testkit.still_life import jpeg, networks, preset, spec, still_life
from tests.support.databases import migrated_engine

COMPOSITE = "compositeWithTrainedAlgorithmicMedia"


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with a certificate of "Example Shop" and its authority."""
    folder = tmp_path_factory.mktemp("c2pa")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.marks.chain.ORGANISATION", "Example Shop")
        made = renewed(None)
    (folder / "chain.pem").write_text(made.certificates)
    (folder / "root.pem").write_text(made.certificates.partition("-----END CERTIFICATE-----\n")[2])
    (folder / "key.pem").write_text(made.leaf_key)
    (folder / "root-key.pem").write_text(made.keys.removeprefix(made.leaf_key))
    return Settings(c2pa_certificate=folder / "chain.pem", c2pa_key=folder / "key.pem")


@pytest.fixture(scope="module")
def credentials(signing: Settings) -> Credentials:
    opened = open_credentials(signing)
    assert opened is not None
    return opened


def picture(form: Format) -> bytes:
    y, x = np.mgrid[0:300, 0:400].astype(np.float32)
    image = np.stack([x / 400, y / 300, np.full_like(x, 0.4)], axis=-1)
    return encode(image, replace(preset(size=(400, 300), form=form), digital_source_type=COMPOSITE)).data


def pixels(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(opened.convert("RGB"))


def manifest(data: bytes, content_type: str) -> dict[str, Any]:
    with c2pa.Reader(content_type, io.BytesIO(data)) as reader:
        assert reader.get_validation_state() == "Valid"
        store = json.loads(reader.json())
    active: dict[str, Any] = store["manifests"][store["active_manifest"]]
    return active


@pytest.mark.parametrize("form", ["jpeg", "png", "webp", "avif"])
def test_a_signed_file_states_its_maker_and_its_making_and_looks_the_same(
    credentials: Credentials, form: Format
) -> None:
    plain = picture(form)
    signed = credentials.sign(plain, f"image/{form}", COMPOSITE)
    read_back = manifest(signed, f"image/{form}")
    assert read_back["claim_generator_info"][0]["name"] == "Backdrop"
    assert read_back["signature_info"]["issuer"] == credentials.issuer == "Example Shop"
    assert read_back["signature_info"]["alg"] == "Es256"
    (actions,) = (part for part in read_back["assertions"] if part["label"].startswith("c2pa.actions"))
    (action,) = actions["data"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"] == DIGITAL_SOURCE_TYPES + COMPOSITE
    assert (pixels(signed) == pixels(plain)).all()
    # the mark and the profile are still there
    assert reopen(signed).digital_source_type == COMPOSITE
    assert reopen(signed).icc == reopen(plain).icc
    assert 0 < len(signed) - len(plain) <= credentials.reserve < 16_000
    assert credentials.read(signed, f"image/{form}") == "Example Shop"


def test_an_altered_or_unsigned_file_has_no_issuer(credentials: Credentials) -> None:
    signed = credentials.sign(picture("jpeg"), "image/jpeg", COMPOSITE)
    altered = signed[:-10] + bytes([signed[-10] ^ 1]) + signed[-9:]  # pixels
    assert [credentials.read(data, "image/jpeg") for data in (altered, picture("jpeg"))] == [None, None]


def ingredients(data: bytes) -> list[tuple[str, set[str]]]:
    """Return the relationship of each ingredient of a signed JPEG, and the faults that were found in it."""
    return [
        (one["relationship"], {row["code"] for row in one["validation_results"]["activeManifest"]["failure"]})
        for one in manifest(data, "image/jpeg").get("ingredients", [])
    ]


UNTRUSTED = "signingCredential.untrusted"


@pytest.mark.parametrize(
    ("damage", "max_bytes", "found"),
    [
        ((b"", b""), None, [("parentOf", {UNTRUSTED})]),
        ((b"\xff\xda", b"\xff\xdb"), None, [("parentOf", {UNTRUSTED, "assertion.dataHash.mismatch"})]),
        (
            (b"c2pa.created", b"c2pa.creates"),
            None,
            [("parentOf", {UNTRUSTED, "assertion.hashedURI.mismatch", "assertion.action.malformed"})],
        ),
        ((b"jumdcbor", b"jumdcbxr"), None, None),
        ((b"", b""), 8000, []),
    ],
    ids=["intact", "changed picture", "changed manifest", "broken manifest", "too large for the place"],
)
def test_a_photos_own_manifest_becomes_an_ingredient_with_its_faults_and_never_fails_the_picture(
    credentials: Credentials,
    damage: tuple[bytes, bytes],
    max_bytes: int | None,
    found: list[tuple[str, set[str]]] | None,
) -> None:
    camera = open_credentials(Settings(), renewed(None))
    assert camera is not None
    photo = camera.sign(picture("jpeg"), "image/jpeg", COMPOSITE).replace(*damage)
    plain = picture("jpeg")
    signer = credentials.for_photo(photo, "image/jpeg", max_bytes)
    signed = signer.sign(plain, "image/jpeg", COMPOSITE)
    assert credentials.read(signed, "image/jpeg") == "Example Shop"
    assert len(signed) - len(plain) <= signer.reserve
    if found is not None:
        assert [
            (one, faults & (faults if found == [] else found[0][1])) for one, faults in ingredients(signed)
        ] == found


def test_a_swap_carries_on_the_photos_manifest_and_the_next_one_carries_both(credentials: Credentials) -> None:
    first = render(credentials, credentials.sign(jpeg(still_life()[0]), "image/jpeg", None))
    second = render(credentials, first.data)
    assert [[one for one, _ in ingredients(made.data)] for made in (first, second)] == [["parentOf"]] * 2


def test_a_manifest_of_a_false_size_can_neither_bloat_a_picture_nor_be_fetched(credentials: Credentials) -> None:
    photo = credentials.sign(picture("jpeg"), "image/jpeg", COMPOSITE)
    at = photo.index(b"jumb") - 4
    for size in (0, 1, 1 << 20):
        false = photo[:at] + size.to_bytes(4) + photo[at + 4 :]
        assert credentials.for_photo(false, "image/jpeg", None) is credentials


def render(credentials: Credentials | None, photo: bytes = b"") -> SwapResult:
    """A swap for Instagram, but small: light at the full size costs seconds."""
    asked = spec("sweep", place=replace(load_catalogue().presets["instagram_square"], size=(300, 300)))
    clock = itertools.count()
    return swap(
        photo or jpeg(still_life()[0]),
        asked,
        networks(),
        limits=Limits(),
        clock=lambda: float(next(clock)),
        credentials=credentials,
    )


def test_a_swap_is_signed_and_its_report_measures_the_signed_file(credentials: Credentials) -> None:
    made = render(credentials)
    rules = {row.rule: row for row in made.report.preset}
    assert rules["content_credentials"].measured == rules["content_credentials"].bound == "Example Shop"
    assert rules["content_credentials"].status == "pass"
    assert rules["content_credentials"].source_url.startswith("https://c2pa.org/")
    assert rules["bytes"].measured == len(made.data)
    assert rules["ai_marking"].status == "pass"
    assert manifest(made.data, "image/jpeg")["signature_info"]["common_name"] == "Installation's own certificate"


def test_without_a_certificate_nothing_is_signed_or_reported() -> None:
    assert open_credentials(Settings()) is None
    made = render(None)
    assert "content_credentials" not in {row.rule for row in made.report.preset}
    with pytest.raises(c2pa.C2paError, match="ManifestNotFound"):
        c2pa.Reader("image/jpeg", io.BytesIO(made.data))


def test_a_file_that_lost_its_signature_fails_the_rule(credentials: Credentials) -> None:
    class Forgetful:
        issuer, reserve, trusted = credentials.issuer, credentials.reserve, credentials.trusted
        read, signs = staticmethod(credentials.read), staticmethod(credentials.signs)

        def for_photo(self, photo: bytes, content_type: str, max_bytes: int | None) -> "Forgetful":
            return self

        def sign(self, data: bytes, content_type: str, digital_source_type: str | None) -> bytes:
            return data

    row = {row.rule: row for row in render(Forgetful()).report.preset}["content_credentials"]
    assert (row.measured, row.status) == (None, "fail")


def test_a_cutout_alone_is_signed_as_an_altered_photo_and_other_files_are_not_signed(
    credentials: Credentials,
) -> None:
    read_back = manifest(credentials.sign(picture("png"), "image/png", None), "image/png")
    assert "algorithmicallyEnhanced" in json.dumps(read_back["assertions"])
    with pytest.raises(SigningFailed, match="could not be signed"):
        credentials.sign(b"not a picture", "image/jpeg", COMPOSITE)


#: The change to valid settings, and the words of the error.
FAULTS: dict[str, tuple[Callable[[Path], dict[str, Any]], str]] = {
    "no key": (lambda folder: {"c2pa_key": None}, "C2PA_KEY is not set"),
    "no certificate": (lambda folder: {"c2pa_certificate": None}, "C2PA_CERTIFICATE is not set"),
    "file away": (
        lambda folder: {"c2pa_certificate": folder / "away.pem"},
        "C2PA_CERTIFICATE: .*away.pem can't be read",
    ),
    "another's key": (lambda folder: {"c2pa_key": folder / "root-key.pem"}, "C2PA_KEY must be that certificate's key"),
    "self-signed": (
        lambda folder: {"c2pa_certificate": folder / "root.pem", "c2pa_key": folder / "root-key.pem"},
        "self-signed.*C2PA_CERTIFICATE must be",
    ),
    "no certificate in it": (lambda folder: {"c2pa_certificate": folder / "key.pem"}, "C2PA_CERTIFICATE must be"),
    "another algorithm": (lambda folder: {"c2pa_algorithm": "ps256"}, r"C2PA_ALGORITHM \(ps256\)"),
    "no authority": (lambda folder: {"c2pa_timestamp_url": "http://127.0.0.1:9/"}, "C2PA_TIMESTAMP_URL"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_configuration_is_named_with_its_remedy(signing: Settings, fault: str) -> None:
    assert signing.c2pa_certificate is not None
    change, named_so = FAULTS[fault]
    with pytest.raises(CredentialsInvalid, match=f"(?s){named_so}"):
        open_credentials(signing.model_copy(update=change(signing.c2pa_certificate.parent)))


def test_neither_a_worker_nor_the_command_line_starts_with_a_wrong_certificate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, nowhere = tmp_path / "away.pem", f"redis://127.0.0.1:{free_port()}"
    wrong = Settings(home=tmp_path, c2pa_certificate=away, c2pa_key=away, queue_url=nowhere)
    monkeypatch.setattr("signal.signal", lambda number, handler: None)  # the test process keeps its own
    migrated_engine(wrong).dispose()
    with caplog.at_level(logging.ERROR):
        assert serve(wrong) == CANNOT_START
    assert "BACKDROP_C2PA_CERTIFICATE" in caplog.text
    with pytest.raises(SpecInvalid, match="BACKDROP_C2PA_CERTIFICATE"):
        swap_file(
            tmp_path / "no.jpg",  # read only once the certificate is right
            tmp_path / "out.jpg",
            SwapOrder("white", "bright", "amazon_main", seed=1),
            settings=wrong,
            show_progress=False,
        )
    assert not (tmp_path / "out.jpg").exists()
