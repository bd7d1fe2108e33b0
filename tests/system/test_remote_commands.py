"""The command line at a server: a developer's commands in place of HTTP."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from backdrop_client import Backdrop
from service.settings import load_remote
from testkit.photos import bad, good, mask
from tests.support.command_line import run
from tests.support.served import Served

Command = Callable[..., Result]
#: An order that a lean worker can make.
SPEC = ("--scene", "white", "--mood", "calm", "--preset", "transparent_cutout")


@pytest.fixture
def command(served: Served, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line of a client that has set its key."""
    monkeypatch.setenv("BACKDROP_KEY", served.register(request.node.name[:100]))
    return lambda *arguments: run(*arguments, "--url", served.url)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    path = tmp_path / "jar.png"
    path.write_bytes(good())
    return str(path)


def test_a_swap_at_a_server_writes_the_picture_and_its_report(command: Command, photo: str, tmp_path: Path) -> None:
    output = tmp_path / "deep" / "out.webp"

    words = ("--mood", "like a rainy sunday")
    result = command("swap", photo, *SPEC, *words, "--seed", "4", "-o", str(output))

    assert result.exit_code == 0, result.output
    with Image.open(output) as picture:
        assert picture.format == "WEBP"
    assert "warning: The mood 'like a rainy sunday' is free text" in result.output
    assert result.output.count("[mood_in_words]") == 1
    assert f"{output}  200x240  {output.stat().st_size:,} bytes  seed 4" in result.output
    report = json.loads((tmp_path / "deep" / "out.webp.json").read_text())
    assert report["provenance"]["seed"] == 4


def test_a_cutout_is_shown_mended_and_swapped(command: Command, photo: str, tmp_path: Path) -> None:
    seen, given, output = (tmp_path / name for name in ("seen.png", "given.png", "out.png"))
    given.write_bytes(mask(0))

    cut = command("cutout", photo, "-o", str(seen))
    assert cut.exit_code == 0, cut.output
    assert "network" in cut.output
    assert "subject 1: 100% at 60, 40, 140, 200" in cut.output
    refused = command("cutout", photo, "-o", str(seen), "--mask", photo)
    assert (refused.exit_code, "8 bits" in refused.output) == (2, True)
    assert "--subject" in command("cutout", photo, "-o", str(seen), "--subject", "7").output
    chosen = command("cutout", photo, "-o", str(seen), "--subject", "0.5,0.5")
    assert (chosen.exit_code, "subjects" in chosen.output) == (0, True), chosen.output
    nothing = command("cutout", photo, "-o", str(seen), "--subject", "0.05,0.05")
    assert (nothing.exit_code, "point 0.05, 0.05" in nothing.output) == (1, True), nothing.output
    swapped = command("swap", photo, *SPEC, "--mask", str(given), "-o", str(output), "--quiet")
    assert swapped.exit_code == 0, swapped.output
    report = json.loads((tmp_path / "out.png.json").read_text())
    assert report["provenance"]["cutout"] == "mended"
    assert "mended" in command("cutout", photo, "-o", str(seen)).output


def test_a_swap_takes_a_reference_which_finds_its_job(command: Command, served: Served, photo: str) -> None:
    swapped = command("swap", photo, *SPEC, "--reference", "sku 7/ä", "-o", f"{photo}.out.png", "--quiet")
    assert swapped.exit_code == 0, swapped.output

    with Backdrop(served.url, load_remote(url=None, key=None).key) as backdrop:
        assert [job.reference for job in backdrop.iter_jobs(reference="sku 7/ä")] == ["sku 7/ä"]


def test_a_brand_is_stored_at_the_server_and_sets_preset_and_seed(command: Command, photo: str, tmp_path: Path) -> None:
    options = ("--color", "#e8c7b8", "--color", "ivory", "--word", "linen", "--pinned", "--seed", "7")
    made = command("brands", "set", "acme", *options, "--preset", "transparent_cutout")
    assert made.output == "acme  #e8c7b8 #fffff0  linen  pinned, seed 7  preset transparent_cutout\n"
    assert command("brands", "show", "acme").output == command("brands", "list").output == made.output

    swapped = command("swap", photo, *SPEC[:4], "--brand", "acme", "-o", str(tmp_path / "out.png"))
    assert "200x240" in swapped.output
    assert "seed 7" in swapped.output
    assert command("brands", "set", "acme").output == "acme  no palette  no style words  a new seed each time\n"
    without = command("swap", photo, *SPEC[:4], "--brand", "acme", "-o", str(tmp_path / "out.png"))
    assert (without.exit_code, "the brand 'acme' has no default preset" in without.output) == (2, True)
    assert "--color[0]" in command("brands", "set", "acme", "--color", "reddish").output


def test_a_refusal_of_the_server_is_reported_with_the_option_and_the_remedy(
    command: Command, photo: str, tmp_path: Path
) -> None:
    output = tmp_path / "out.jpg"

    wrong = command("swap", photo, "--scene", "", "--mood", "calm", "--preset", "shopify", "-o", str(output))
    assert wrong.exit_code == 2
    assert "--scene: " in wrong.output
    assert "--preset: There is no such output preset. The nearest are: shopify_product" in wrong.output
    mistyped = command(
        "swap", photo, "--scene", "podum", "--mood", "clam", "--preset", "shopify_product", "-o", str(output)
    )
    assert mistyped.exit_code == 2
    assert "--scene: Did you mean podium?" in mistyped.output
    assert "--mood: Did you mean calm?" in mistyped.output
    opaque = command("swap", photo, *SPEC, "-o", str(output), "--quiet")
    assert (opaque.exit_code, "the suffix of -o: JPEG has no transparency" in opaque.output) == (2, True)
    unusable = tmp_path / "empty.png"
    unusable.write_bytes(bad()["no_subject"])
    failed = command("swap", str(unusable), *SPEC, "-o", str(tmp_path / "out.png"), "--quiet")
    assert failed.exit_code == 1
    assert "no_subject" in failed.output
    assert not output.exists()
    nothing = command("brands", "show", "nobody")
    assert nothing.exit_code == 1
    assert "There is no such brand" in nothing.output


def test_a_missing_address_or_key_is_named_with_the_remedy(photo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--url" in run("brands", "list").output
    monkeypatch.setenv("BACKDROP_URL", "http://127.0.0.1:9")
    assert "BACKDROP_KEY" in run("brands", "list").output
    assert "base URL" in run("brands", "list", "--url", "nowhere", "--key", "bd_1").output
    assert run("brands", "list").exit_code == 2


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (("--brand", "acme"), "--url"),
        ((), "--preset is missing"),
        (("--url", "http://127.0.0.1:9", "--key", "bd_1", "--keep", "cutouts"), "A server keeps each cut-out itself"),
    ],
    ids=["a brand without a server", "no preset", "a folder for cut-outs at a server"],
)
def test_a_swap_reports_missing_and_useless_options(
    photo: str, tmp_path: Path, options: tuple[str, ...], remedy: str
) -> None:
    result = run("swap", photo, "--scene", "white", "--mood", "calm", *options, "-o", str(tmp_path / "out.jpg"))

    assert result.exit_code == 2
    assert remedy in result.output
