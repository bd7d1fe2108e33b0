"""The check of files: every mark in words, strangers' files in a process with limits, and nothing fetched for them."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import c2pa
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from pipeline.core.errors import ImageUnreadable
from pipeline.core.provenance import DIGITAL_SOURCE_TYPES
from pipeline.core.spec import Limits
from pipeline.delivery.watermark import NO_JOB, Payload, embed
from service.cli.main import main
from service.marks import verify
from service.marks.c2pa import open_credentials
from service.marks.chain import renewed
from service.marks.verify import MarksFound, check_apart, find_marks
from service.settings import Settings
from testkit.receiver import Quiet, serving
from testkit.specimens import saved
from testkit.still_life import jpeg, still_life
from tests.service.marks.test_c2pa import COMPOSITE, picture, signing
from tests.support.hostile import png_bomb
from tests.support.installation import clock_off_by

__all__ = ["signing"]


def signed(settings: Settings) -> bytes:
    """A JPEG with XMP, signed by the settings' certificate, else by a new installation's own."""
    credentials = open_credentials(settings, renewed(None))
    assert credentials is not None
    return credentials.sign(picture("jpeg"), "image/jpeg", COMPOSITE)


def flipped(data: bytes) -> bytes:
    return data[:-10] + bytes([data[-10] ^ 1]) + data[-9:]


def said(found: MarksFound) -> dict[str, str]:
    return {one.kind: one.meaning for one in found.marks}


def test_own_signatures_are_untrusted_the_operators_trusted_and_changes_are_named(signing: Settings) -> None:
    trust = verify.trusted_files(signing)
    files = signed(Settings()), signed(signing), flipped(signed(signing))
    own, operators, changed = (find_marks(data, Limits(), trust, ()) for data in files)
    assert said(own) == {
        "xmp": "Composed, with parts that a trained model (AI) made.",
        "c2pa": "Intact. Issuer: Backdrop, untrusted: the installation's own certificate.",
    }
    assert said(operators)["c2pa"] == "Intact. Issuer: Example Shop, trusted."
    assert "Changed since it was signed: the picture." in said(changed)["c2pa"]
    assert [one.holds for one in (own, operators, changed)] == [True, True, False]


def test_a_photo_without_marks_has_none() -> None:
    assert find_marks(jpeg(still_life()[0]), Limits(), (), ()) == MarksFound(marks=[], holds=False)


def test_a_watermark_names_its_installation_and_its_job() -> None:
    ours, theirs = renewed(None).installation, renewed(None).installation
    y, x = np.mgrid[0:600, 0:800] / 800
    codes = np.dstack([90 + 60 * x, 120 + 60 * y, 150 - 60 * x]).astype(np.uint8)
    for job in ("7C5E3G", NO_JOB):
        marked = codes.copy()
        embed(marked, np.ones(marked.shape[:2], bool), Payload(ours, job))
        file = saved(Image.fromarray(marked), "JPEG", quality=90)
        found, other = (find_marks(file, Limits(), (), [number]) for number in (ours, theirs))
        assert [(one.value, one.own) for one in (*found.marks, *other.marks)] == [
            (f"{ours:05x} {job}", True),
            (f"{ours:05x} {job}", False),
        ]
        assert ("another installation" in said(other)["watermark"], job in said(found)["watermark"]) == (
            True,
            job != NO_JOB,
        )


def test_a_signature_whose_certificate_has_expired_stays_intact(tmp_path: Path) -> None:
    late = clock_off_by(3 * 365 * 86_400)
    if not late:
        pytest.skip("libfaketime, which sets a process's clock off, has no wheel for this system")
    file = tmp_path / "picture.jpg"
    file.write_bytes(signed(Settings()))
    command = [sys.executable, "-m", "service.cli.main", "verify", str(file), "--home", str(tmp_path)]
    run = subprocess.run(command, env=os.environ | late, capture_output=True, text=True, check=True)  # noqa: TID251  # PATH
    assert "Intact." in run.stdout
    assert "The certificate has expired." in run.stdout


def test_no_address_in_a_strangers_file_is_asked() -> None:
    asked = list[str]()

    class Stranger(Quiet):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with serving(Stranger) as port:
        data = with_a_manifest_at(f"http://127.0.0.1:{port}/manifest.c2pa")
        (mark,) = (one for one in find_marks(data, Limits(), (), ()).marks if one.kind == "c2pa")
        with pytest.raises(c2pa.C2paError, match="404"):
            c2pa.Reader("image/jpeg", io.BytesIO(data))  # by its own defaults the library asks
    assert asked == ["/manifest.c2pa"]
    assert (mark.intact, mark.meaning) == (
        False,
        "Content credentials that can't be read: they are at another address.",
    )


def with_a_manifest_at(address: str) -> bytes:
    """A JPEG whose content credentials are elsewhere."""
    chain, file = renewed(None), io.BytesIO()
    info = c2pa.C2paSignerInfo("es256", chain.certificates.encode(), chain.leaf_key.encode(), None)
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": DIGITAL_SOURCE_TYPES + COMPOSITE}]}
    manifest = {"format": "image/jpeg", "assertions": [{"label": "c2pa.actions.v2", "data": actions}]}
    with c2pa.Builder(manifest) as builder:
        builder.set_no_embed()
        builder.set_remote_url(address)
        builder.sign(c2pa.Signer.from_info(info), "image/jpeg", io.BytesIO(picture("jpeg")), file)
    return file.getvalue()


@pytest.mark.parametrize(("change", "status"), [(bytes, 0), (flipped, 1)])
def test_the_command_says_it_in_words_and_by_its_status(
    tmp_path: Path, change: Callable[[bytes], bytes], status: int
) -> None:
    file = tmp_path / "picture.jpg"
    file.write_bytes(change(signed(Settings())))
    plain, data = (
        CliRunner().invoke(main, ["verify", str(file), "--home", str(tmp_path), *more]) for more in ([], ["--json"])
    )
    assert (plain.exit_code, data.exit_code) == (status, status)
    found = MarksFound.model_validate_json(data.output)
    assert [one.meaning in plain.output for one in found.marks] == [True, True]
    assert [path.name for path in tmp_path.iterdir()] == ["picture.jpg"], "a check leaves no files"


def test_the_command_refuses_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("not a picture")
    answer = CliRunner().invoke(main, ["verify", str(tmp_path / "note.jpg"), "--home", str(tmp_path)])
    assert (answer.exit_code, "not recognised" in answer.output) == (1, True)


def test_a_strangers_file_is_checked_in_a_process_with_limits_on_pixels_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path)
    data = signed(settings)
    assert check_apart(data, settings, ()) == find_marks(data, Limits(), (), ())
    with pytest.raises(ImageUnreadable, match=r"4000 by 3001 pixels, .* 12 megapixels.* run `backdrop verify FILE`"):
        check_apart(png_bomb(4000, 3001), settings, ())
    monkeypatch.setattr(verify, "_MEMORY", 200 << 20)
    with pytest.raises(ImageUnreadable, match="too long or too much memory"):
        check_apart(data, settings, ())


@pytest.mark.nightly  # 11 CPU-seconds of largest files: the test above has the process and its limits
@pytest.mark.parametrize("name", ["png", "webp"])
def test_the_largest_file_of_a_stranger_fits_the_memory_of_its_process(tmp_path: Path, name: str) -> None:
    alpha = np.random.default_rng(1).integers(0, 255, (3000, 4000, 4), dtype=np.uint8)
    file = saved(Image.fromarray(alpha), name, lossless=True, method=0, compress_level=1)
    assert check_apart(file, Settings(home=tmp_path), ()) == MarksFound(marks=[], holds=False)
