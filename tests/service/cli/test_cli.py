"""The command line, as a person or a script uses it."""

import json
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.accounts.clients import Accounts
from service.database.engine import create_engine
from service.database.schema import schema
from service.settings import Settings
from tests.support import worker
from tests.support.command_line import migrated_home, run
from tests.support.worker import BOTTLE as SMALL_BOTTLE

BOTTLE = str(files("service") / "sample" / "bottle.jpg")


@pytest.mark.parametrize(
    "command",
    [
        "",
        "up",
        "api",
        "worker",
        "sweep",
        "probe",
        "swap",
        "cutout",
        "catalog",
        "clients",
        "ledger",
        "models",
        "kernels",
        "thumbnails",
        "doctor",
        "migrate",
    ],
)
def test_every_command_explains_itself(command: str) -> None:
    result = run(*command.split(), "--help")

    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_a_client_is_added_granted_listed_and_disabled(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    added = json.loads(run("clients", "add", "acme", "--credits", "5", "--json", *home).output)
    assert set(added) == {"client_id", "key"}
    assert run("clients", "grant", "acme", "7", *home).exit_code == 0
    assert run("clients", "set-shopify-secret", "acme", "--secret", "s", *home).exit_code == 0
    assert run("clients", "disable", "acme", *home).exit_code == 0

    (listed,) = json.loads(run("clients", "list", "--json", *home).output)

    assert listed == {
        "client_id": added["client_id"],
        "name": "acme",
        "balance": 12,
        "disabled": True,
        "unfinished_jobs": 0,
        "weight": 1,
        "webhook": None,
    }


def test_the_list_of_clients_says_balance_state_and_unfinished_jobs(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    for name in ("acme", "zenith"):
        run("clients", "add", name, "--credits", "5", *home)
    run("clients", "disable", "zenith", *home)

    first, second = run("clients", "list", *home).output.splitlines()

    assert first.startswith("acme  ")
    assert first.endswith("  5 credits  enabled  0 unfinished jobs")
    assert second.startswith("zenith  ")
    assert second.endswith("  5 credits  disabled  0 unfinished jobs")
    assert "enabled" in run("clients", "enable", "zenith", *home).output


def test_a_weight_is_given_and_listed_where_it_is_not_one(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    for name in ("acme", "zenith"):
        run("clients", "add", name, *home)

    assert run("clients", "weight", "zenith", "2", *home).output.endswith("  0 credits  enabled  weight 2\n")

    first, second = run("clients", "list", *home).output.splitlines()
    assert first.endswith("  0 unfinished jobs")
    assert second.endswith("  0 unfinished jobs  weight 2")
    assert [one["weight"] for one in json.loads(run("clients", "list", "--json", *home).output)] == [1, 2]
    assert "no client named 'nobody'" in run("clients", "weight", "nobody", "2", *home).output
    assert run("clients", "weight", "acme", "0", *home).exit_code == 2


def test_a_key_is_rotated_and_the_new_one_printed_once(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    accounts = Accounts(create_engine(Settings(home=tmp_path).sqlalchemy_url))
    added = json.loads(run("clients", "add", "acme", "--json", *home).output)

    kept = json.loads(run("clients", "rotate-key", "acme", "--keep-old", "24", "--json", *home).output)
    assert set(kept) == {"client_id", "key"}
    assert kept["client_id"] == added["client_id"]
    assert all(accounts.authenticate(one["key"]) for one in (added, kept))

    shown = run("clients", "rotate-key", "acme", *home).output
    key = shown.rpartition("key (shown this once): ")[2].strip()
    assert accounts.authenticate(key) is not None
    assert not any(accounts.authenticate(one["key"]) for one in (added, kept))
    assert key not in run("clients", "list", *home).output
    assert "no client named 'nobody'" in run("clients", "rotate-key", "nobody", *home).output


def test_the_same_client_twice_and_an_unknown_one_are_refused_in_a_sentence(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    run("clients", "add", "acme", *home)

    again, unknown = run("clients", "add", "acme", *home), run("clients", "grant", "nobody", "1", *home)

    assert (again.exit_code, unknown.exit_code) == (1, 1)
    assert "exists already" in again.output
    assert "no client named 'nobody'" in unknown.output


def test_the_catalogue_is_printed_as_the_api_lists_it() -> None:
    listed = json.loads(run("catalog", "--json").output)

    assert set(listed) == {"scene_types", "moods", "output_presets"}
    assert "shopify_product" in {preset["name"] for preset in listed["output_presets"]}
    assert "shopify_product" in run("catalog").output


def test_parts_that_need_a_queue_say_how_to_name_one(tmp_path: Path) -> None:
    for part in ("api", "worker", "sweep"):
        result = run(part, "--home", str(tmp_path))
        assert result.exit_code == 1
        assert "BACKDROP_QUEUE_URL" in result.output


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDROP_LEASE", "soon")

    result = run("catalog")
    assert result.exit_code == 0, "a command that needs no setting runs all the same"
    result = run("doctor", "--no-networks")
    assert result.exit_code == 1
    assert "lease" in result.output.lower()


@pytest.mark.parametrize("arguments", [("list",), ("add", "acme"), ("webhook", "acme")])
def test_no_command_but_migrate_makes_a_schema(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run("clients", *arguments, "--home", str(tmp_path))

    assert result.exit_code == 1
    assert "backdrop migrate" in result.output
    engine = create_engine(Settings(home=tmp_path).sqlalchemy_url)
    assert schema(engine).found is None
    engine.dispose()


@pytest.mark.parametrize("part", ["api", "sweep"])
def test_a_part_does_not_start_on_an_old_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    monkeypatch.setenv("BACKDROP_QUEUE_URL", "redis://127.0.0.1:9/0")

    assert run(part, "--home", str(tmp_path)).exit_code == os.EX_CONFIG


def test_migrate_says_what_it_applied(tmp_path: Path) -> None:
    first, second = (run("migrate", "--home", str(tmp_path)).output for _ in range(2))

    assert "applied 0001: " in first
    assert "applied 0012: Deleted renders keep their row" in first
    assert second == "The database is up to date.\n"


def test_the_doctor_says_that_no_worker_and_no_sweep_lives_and_what_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> None:
    monkeypatch.setenv("BACKDROP_QUEUE_URL", f"{valkey_url.rpartition('/')[0]}/8")
    result = run("doctor", "--no-networks", *migrated_home(tmp_path))

    assert result.exit_code == 1
    assert "No worker lives" in result.output
    assert "No sweep lives" in result.output
    assert "0 jobs wait" in result.output


def test_the_doctor_names_what_is_wrong(tmp_path: Path) -> None:
    result = run("doctor", "--no-networks", "--home", str(tmp_path))

    assert result.exit_code == 1
    assert "backdrop migrate" in result.output
    assert run("migrate", "--home", str(tmp_path)).exit_code == 0
    assert run("doctor", "--no-networks", "--home", str(tmp_path)).exit_code == 0


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (["--preset", "shopify", "--scene", "podium"], "shopify_product"),
        (["--preset", "amazon_main", "--scene", "podium"], "amazon_lifestyle"),
        (["--preset", "open_graph", "--scene", "podum"], "did you mean podium?"),
        (["--preset", "open_graf", "--scene", "podium"], "Did you mean open_graph?"),
        (["--preset", "open_graph", "--scene", "podium", "--color", "reddish"], "#rrggbb"),
        (["--preset", "open_graph", "--scene", "podium", *["--color", "red"] * 7], "six"),
    ],
    ids=["preset", "forbidden scene", "near miss of a scene", "near miss of a preset", "colour", "too many colours"],
)
def test_a_swap_that_can_not_be_made_names_the_option_and_the_remedy(
    tmp_path: Path, options: list[str], remedy: str
) -> None:
    result = run("swap", BOTTLE, "--mood", "calm", *options, "-o", str(tmp_path / "out.jpg"))

    assert result.exit_code == 2
    assert remedy in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.gate  # loads networks for one swap: two seconds
def test_a_local_swap_writes_the_picture_and_its_report(tmp_path: Path) -> None:
    output, photo = tmp_path / "deep" / "out.jpg", tmp_path / "bottle.jpg"
    photo.write_bytes(worker.BOTTLE)

    result = run(
        *("swap", str(photo), "--scene", "marble_tabletop", "--mood", "like early snow", "--color", "#cfe3d4"),
        *("--preset", "open_graph", "--seed", "4", "--scale", "0.9", "--turn", "2", "-o", str(output)),
        *("--keep", str(tmp_path / "kept"), "--quiet"),
    )

    assert result.exit_code == 0, result.output
    assert "warning: The mood 'like early snow' is described in words" in result.output
    assert "Moods with a name: calm, natural" in result.output
    assert result.output.count("[mood_in_words]") == 1
    assert "scene_in_words" not in result.output
    assert len(list((tmp_path / "kept" / "cutouts" / "local").iterdir())) == 1
    with Image.open(output) as picture:
        assert (picture.size, picture.format) == ((1200, 630), "JPEG")
    report = json.loads((tmp_path / "deep" / "out.jpg.json").read_text())
    assert set(report) == {"palette", "fidelity", "preset", "cutout", "provenance", "placement"}
    assert report["placement"] == {"shift_x": 0, "shift_y": 0, "scale": 0.9, "turn": 2, "breaks": []}
    assert report["provenance"]["seed"] == 4


@pytest.mark.gate  # real networks twice; the fast lane swaps once
def test_a_local_cut_out_is_the_mask_of_a_local_swap(tmp_path: Path) -> None:
    photo, mask = tmp_path / "bottle.jpg", tmp_path / "mask.png"
    photo.write_bytes(SMALL_BOTTLE)
    cut = run("cutout", str(photo), "-o", str(mask), "--preview", str(tmp_path / "preview.png"))
    assert cut.exit_code == 0, cut.output
    assert "subject 1: 100%" in cut.output
    with Image.open(tmp_path / "preview.png") as preview:
        assert preview.mode == "RGBA"
    with Image.open(mask) as codes:
        half = codes.copy()
        half.paste(0, (0, 0, codes.width, codes.height // 2))
    half.save(mask)
    made = tmp_path / "cut.png"
    order = ("--scene", "white", "--mood", "calm", "--preset", "transparent_cutout", "--quiet", "-o", str(made))
    swapped = run("swap", str(photo), *order, "--mask", str(mask))

    assert swapped.exit_code == 0, swapped.output
    with Image.open(made) as picture:
        assert np.array_equal(np.asarray(picture)[..., 3], np.asarray(half))
    half.resize((40, 40)).save(mask)
    refused = run("swap", str(photo), *order, "--mask", str(mask))
    assert refused.exit_code == 2
    assert "--mask" in refused.output


def test_a_file_that_is_no_picture_fails_with_its_code(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_text("not a picture")

    result = run(
        *("swap", str(photo), "--scene", "podium", "--mood", "calm"),
        *("--preset", "open_graph", "-o", str(tmp_path / "out.jpg"), "--quiet"),
    )

    assert result.exit_code == 1
    assert "image_unreadable" in result.output
    assert not (tmp_path / "out.jpg").exists()
