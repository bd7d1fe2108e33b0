"""The command line as a person or a script uses it."""

import json
import os
import re
import stat
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from PIL import Image

from pipeline.core.networks import Networks
from service.accounts.clients import Accounts
from service.cli.main import main
from service.database.encryption import open_cipher
from service.database.engine import create_engine
from service.database.tables import clients
from service.jobs.worker_registry import WorkerHeartbeat, WorkerRegistry, sweep_heartbeat
from service.settings import Settings
from tests.models.onnx_graphs import mean_of_channels
from tests.support import shoot, still_life, worker
from tests.support.command_line import migrated_home, run
from tests.support.databases import migrated_engine, new_database
from tests.support.shop import Shop, render
from tests.support.still_life import two_products
from tests.support.storm.worker import lean_networks
from tests.support.worker import BOTTLE as SMALL_BOTTLE

BOTTLE = str(files("service") / "sample" / "bottle.jpg")


def test_every_command_explains_itself() -> None:
    for command in ("", *main.commands):
        result = run(*command.split(), "--help")
        if command != "bench":  # its help is the benchmark's
            assert result.exit_code == 0, command
            assert "Usage:" in result.output


def test_a_client_is_added_granted_listed_and_disabled(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    added = json.loads(run("clients", "add", "acme", "--credits", "5", "--json", *home).output)
    assert set(added) == {"client_id", "key"}
    for _ in range(2):
        assert run("clients", "grant", "acme", "7", "--operation-id", "invoice-7", *home).exit_code == 0
    assert run("clients", "set-shopify-secret", "acme", "--secret", "s", *home).exit_code == 0
    assert run("clients", "disable", "acme", *home).exit_code == 0

    (listed,) = json.loads(run("clients", "list", "--json", *home).output)

    assert listed == {
        "client_id": added["client_id"],
        "name": "acme",
        "balance": 12,
        "disabled": True,
        "sandbox": False,
        "signature_required": False,
        "unfinished_jobs": 0,
        "weight": 1,
        "catalogue": None,
        "accept": None,
        "webhook": None,
    }


def test_a_sandbox_is_listed_as_one_and_gets_no_credits(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    refused = run("clients", "add", "ci", "--sandbox", "--credits", "5", *home)
    assert (refused.exit_code, "sandbox" in refused.output) == (1, True)
    added = json.loads(run("clients", "add", "ci", "--sandbox", "--json", *home).output)
    assert added["key"].startswith("bd_test_")
    assert run("clients", "grant", "ci", "7", *home).exit_code == 1
    assert json.loads(run("clients", "rotate-key", "ci", "--json", *home).output)["key"].startswith("bd_test_")
    assert "0 credits  enabled  sandbox" in run("clients", "list", *home).output


def test_a_webhook_is_tested_and_the_message_is_shown(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    run("clients", "add", "acme", *home)
    assert run("clients", "webhook", "acme", "--test", *home).exit_code == 1
    run("clients", "set-webhook", "acme", "https://shop.example/hooks", *home)

    shown = run("clients", "webhook", "acme", "--test", *home)

    assert "webhook.test  no job  waiting  attempts 0  not sent yet" in shown.output


def test_the_list_of_clients_shows_balance_state_unfinished_jobs_and_unusual_weights(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    for name in ("acme", "zenith"):
        run("clients", "add", name, "--credits", "5", *home)
    run("clients", "disable", "zenith", *home)
    assert run("clients", "weight", "zenith", "2", *home).output.endswith("  5 credits  disabled  weight 2\n")

    first, second = run("clients", "list", *home).output.splitlines()

    assert first.startswith("acme  ")
    assert first.endswith("  5 credits  enabled  0 unfinished jobs")
    assert second.startswith("zenith  ")
    assert second.endswith("  5 credits  disabled  0 unfinished jobs  weight 2")
    assert [one["weight"] for one in json.loads(run("clients", "list", "--json", *home).output)] == [1, 2]
    assert "enabled" in run("clients", "enable", "zenith", *home).output
    assert run("clients", "accept", "acme", '{"set": "strict"}', *home).output.endswith('  accept {"set": "strict"}\n')
    wrong = run("clients", "accept", "acme", "strickt", *home)
    assert (wrong.exit_code, "Did you mean strict?" in wrong.output) == (1, True)
    assert json.loads(run("clients", "list", "--json", *home).output)[0]["accept"] == '{"set": "strict"}'
    assert run("clients", "accept", "acme", "default", *home).output.endswith("  5 credits  enabled\n")
    assert run("clients", "weight", "acme", "0", *home).exit_code == 2
    for command in (("weight", "nobody", "2"), ("grant", "nobody", "1"), ("rotate-key", "nobody")):
        unknown = run("clients", *command, *home)
        assert (unknown.exit_code, "no client named 'nobody'" in unknown.output) == (1, True)
    again = run("clients", "add", "acme", *home)
    assert (again.exit_code, "exists already" in again.output) == (1, True)


def test_signatures_can_be_required_and_not_without_a_change_of_the_secret(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    run("clients", "add", "acme", *home)

    def set_to(*options: str, said: str | None = None) -> Result:
        return CliRunner().invoke(main, ["clients", "set-shopify-secret", "acme", *options, *home], input=said)

    def listed() -> bool:
        (one,) = json.loads(run("clients", "list", "--json", *home).output)
        assert ("signature required" in run("clients", "list", *home).output) == one["signature_required"]
        return bool(one["signature_required"])

    def secrets() -> tuple[str, ...]:
        settings = Settings(home=tmp_path)
        accounts = Accounts(create_engine(settings.sqlalchemy_url), open_cipher(settings))
        return accounts.shopify_secrets(accounts.named("acme"))

    assert "Secret" in set_to("--require", said="first\n").output, "there is no secret to sign with yet"
    assert (listed(), secrets()) == (True, ("first",))
    assert set_to("--no-require").exit_code == 0
    assert (listed(), secrets()) == (False, ("first",))
    assert set_to("--require").exit_code == 0
    assert set_to(said="second\n").exit_code == 0
    assert (listed(), secrets()) == (True, ("second", "first"))


def test_a_key_is_rotated_and_the_new_key_printed_once(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    accounts = Accounts(create_engine(Settings(home=tmp_path).sqlalchemy_url))
    added = json.loads(run("clients", "add", "acme", "--json", *home).output)

    kept = json.loads(run("clients", "rotate-key", "acme", "--keep-old", "24", "--json", *home).output)
    assert set(kept) == {"client_id", "key"}
    assert kept["client_id"] == added["client_id"]
    assert all(accounts.authenticate(one["key"]) for one in (added, kept))

    shown = run("clients", "rotate-key", "acme", *home).output
    key = shown.rpartition("key (shown only once): ")[2].strip()
    assert accounts.authenticate(key) is not None
    assert not any(accounts.authenticate(one["key"]) for one in (added, kept))
    assert key not in run("clients", "list", *home).output


def test_the_catalogue_is_printed_as_the_api_lists_it() -> None:
    listed = json.loads(run("catalog", "--json").output)

    assert set(listed) == {"scene_types", "moods", "output_presets"}
    assert "shopify_product" in {preset["name"] for preset in listed["output_presets"]}
    assert "shopify_product" in run("catalog").output


def test_parts_that_need_a_queue_name_the_setting(tmp_path: Path) -> None:
    for part in ("api", "worker", "sweep"):
        result = run(part, "--home", str(tmp_path))
        assert result.exit_code == 1
        assert "BACKDROP_QUEUE_URL" in result.output


def test_a_command_that_needs_no_setting_runs_with_an_invalid_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDROP_LEASE", "soon")
    assert run("secrets", "new-key").exit_code == 0


def test_only_migrate_creates_a_database_and_other_commands_name_the_missing_one(tmp_path: Path) -> None:
    home = tmp_path / "other"
    clients, others = ("clients list", "clients add acme", "clients webhook acme"), ("ledger check", "ops jobs")
    for command in (*clients, *others, "secrets check", "secrets reencrypt"):
        result = run(*command.split(), "--home", str(home))

        assert result.exit_code == 1
        assert f"There is no Backdrop database at {home / 'backdrop.db'}." in result.output
        assert "another --home, BACKDROP_HOME or" in result.output
        assert f"`backdrop migrate --home {home}`" in result.output
        assert not home.exists(), "it creates nothing, no key either"


def test_an_empty_and_an_old_schema_are_reported_without_the_password(
    postgresql_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database(postgresql_server, tmp_path.name)
    shown = sa.make_url(url).set(password="secret")  # any password works: the server trusts this machine
    monkeypatch.setenv("BACKDROP_DATABASE_URL", shown.render_as_string(hide_password=False))
    missing = run("clients", "list").output
    assert f"There is no Backdrop database at {Settings().sqlalchemy_url.replace(':secret@', ':***@')}." in missing
    assert "run `backdrop migrate`." in missing
    assert run("migrate").exit_code == 0
    engine = create_engine(Settings().sqlalchemy_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0011'"))
    engine.dispose()

    old = run("clients", "list").output

    assert "is 0011, but this release needs 00" in old
    assert "secret" not in missing + old


def test_a_part_does_not_start_without_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDROP_QUEUE_URL", "redis://127.0.0.1:9/0")
    for part in ("api", "sweep"):
        assert run(part, "--home", str(tmp_path)).exit_code == os.EX_CONFIG
    assert not (tmp_path / "backdrop.db").exists()


def test_migrate_lists_its_migrations_makes_a_private_home_and_restores_the_umask(
    tmp_path: Path,
) -> None:
    home, beside = tmp_path / "home", tmp_path / "beside"
    before = os.umask(0o022)
    try:
        first, second = (run("migrate", "--home", str(home)).output for _ in range(2))
        beside.touch()
    finally:
        os.umask(before)
    assert first.startswith("applied 0023: The whole schema of this release.\n")
    assert second == "The database is up to date.\n"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, home / "backdrop.db", beside)}
    assert modes == {"home": 0o700, "backdrop.db": 0o600, "beside": 0o644}


def test_the_doctor_reports_faults_missing_processes_and_waiting_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> None:
    home = ("--home", str(tmp_path))
    missing = run("doctor", "--no-networks", *home)
    assert (missing.exit_code, "backdrop migrate" in missing.output) == (1, True)
    migrated_home(tmp_path)
    assert run("doctor", "--no-networks", *home).exit_code == 0
    monkeypatch.setenv("BACKDROP_QUEUE_URL", f"{valkey_url.rpartition('/')[0]}/8")
    result = run("doctor", "--no-networks", *home)
    assert result.exit_code == 1
    for said in ("No worker is running", "No sweep is running", "0 jobs wait"):
        assert said in result.output


def test_the_doctor_warns_about_a_network_on_the_cpu_of_a_machine_with_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> None:
    warning = "The segmenter runs on the CPU: onnxruntime 1.32.0 is the CPU's build."
    versions = {"segmenter": "u2netp", "segmenter_device": "cpu", "generator": "light", "generator_device": "cuda"}
    versions["device_warning"] = warning
    networks = replace(still_life.networks(), versions=versions)
    monkeypatch.setattr("service.worker.networks.open_networks", lambda settings: networks)
    queue = f"{valkey_url.rpartition('/')[0]}/9"
    monkeypatch.setenv("BACKDROP_QUEUE_URL", queue)
    about = {"name": "one", "host": "gpu-1", "pid": 7, **versions}
    for heartbeat in (WorkerHeartbeat(WorkerRegistry(queue), "one", about), sweep_heartbeat(queue)):
        heartbeat.beat()

    said = run("doctor", *migrated_home(tmp_path)).output

    assert said.count(warning) == 2, "of the networks loaded here, and of the worker's"


def test_the_doctor_shows_an_operators_own_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.onnx").write_bytes(mean_of_channels(48, 48))
    (tmp_path / "mine.toml").write_text("size = 48\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]\n")
    monkeypatch.setenv("BACKDROP_SEGMENTER", f"onnx:{tmp_path / 'mine.onnx'}")

    said = run("doctor", *migrated_home(tmp_path / "home")).output

    assert re.search(r"ok +networks +onnx:mine.onnx sha256:[0-9a-f]{12} mine.toml sha256:[0-9a-f]{12} in ", said)


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        (["--preset", "shopify", "--scene", "podium"], "shopify_product"),
        (["--preset", "amazon_main", "--scene", "podium"], "amazon_lifestyle"),
        (["--preset", "open_graph", "--scene", "podum"], "--scene: Did you mean podium?"),
        (["--preset", "open_graf", "--scene", "podium"], "Did you mean open_graph?"),
        (["--preset", "open_graph", "--scene", "podium", "--color", "reddish"], "#rrggbb"),
        (
            ["--preset", "open_graph", "--scene", "podium", *["--color", "red"] * 7],
            "--color: List should have at most 6",
        ),
        (["--preset", "open_graph", "--scene", "podium", "-o", "x.gif"], ".jpg, .jpeg, .png, .webp, .avif"),
        (["--preset", "open_graph", "--scene", "podium", "-o", "x.png", "--format", "jpeg"], "-o with --format: 'x"),
        (["--preset", "transparent_cutout", "--scene", "white", "-o", "x.JPG"], "Use png or webp"),
        (
            ["--preset", "open_graph", "--scene", "podium", "--color", "teal", "--colors-on", "ceiling:teal"],
            "--colors-on: The scene podium has no surface ceiling. It has wall, floor and accent",
        ),
    ],
)
def test_an_impossible_swap_names_the_option_and_the_remedy(tmp_path: Path, options: list[str], remedy: str) -> None:
    result = run("swap", BOTTLE, "--mood", "calm", "-o", str(tmp_path / "out.jpg"), *options)

    assert result.exit_code == 2
    assert remedy in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(name="loaded")
def _loaded(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give commands the networks that all tests share."""
    monkeypatch.setattr("service.worker.local.open_networks", lambda settings: networks)


@pytest.fixture
def lean(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Give commands networks that cost nothing, and return a photo for them."""
    monkeypatch.setattr("service.worker.local.open_networks", lean_networks)
    return shoot.photo()


@pytest.mark.gate
@pytest.mark.usefixtures("loaded")
def test_a_local_swap_writes_the_picture_in_the_format_of_its_suffix_and_its_report(tmp_path: Path) -> None:
    output, photo = tmp_path / "deep" / "out.webp", tmp_path / "bottle.jpg"
    photo.write_bytes(worker.BOTTLE)

    result = run(
        *("swap", str(photo), "--scene", "marble_tabletop", "--mood", "like early snow", "--color", "#cfe3d4"),
        *("--preset", "open_graph", "--seed", "4", "--scale", "0.9", "--turn", "2", "-o", str(output)),
        *("--stance", "lying", "--keep", str(tmp_path / "kept"), "--quiet"),
        *("--props", "none", "--colors-on", "table:#CFE3D4"),
    )

    assert result.exit_code == 0, result.output
    assert "warning: The mood 'like early snow' is free text" in result.output
    assert "Named moods: calm, natural" in result.output
    assert result.output.count("[mood_in_words]") == 1
    assert "scene_in_words" not in result.output
    assert len(list((tmp_path / "kept" / "cutouts" / "local").iterdir())) == 1
    with Image.open(output) as picture:
        assert (picture.size, picture.format) == ((1200, 630), "WEBP")
    report = json.loads((tmp_path / "deep" / "out.webp.json").read_text())
    assert set(report) == {"palette", "fidelity", "preset", "cutout", "provenance", "placement", "marks"}
    assert report["placement"] == {"shift_x": 0, "shift_y": 0, "scale": 0.9, "turn": 2, "stance": "lying", "breaks": []}
    assert report["provenance"]["seed"] == 4
    checked = run("verify", str(output))
    assert checked.exit_code == 0
    assert set(report["marks"]) == {line.split()[0] for line in checked.output.splitlines()}
    assert "From this installation" in checked.output
    assigned = {one["surface"]: one["colour"] for one in report["palette"]["assigned"]}
    assert (assigned["table"], "props" in assigned) == ("#cfe3d4", False)


def test_a_local_swap_that_misses_its_limits_fails_and_writes_only_its_report_and_a_preview(
    tmp_path: Path, lean: bytes
) -> None:
    photo, output = tmp_path / "jar.png", tmp_path / "out.jpg"
    photo.write_bytes(lean)
    asked = ("swap", str(photo), "--scene", "white", "--mood", "calm", "--preset", "open_graph", "--quiet")

    result = run(*asked, "--accept", '{"set": "standard", "enlargement": 0.01}', "-o", str(output))

    assert result.exit_code == 1
    assert "enlargement is " in result.output
    assert "the limit is 0.01." in result.output
    assert not output.exists()
    with Image.open(tmp_path / "out.preview.jpg") as picture:
        assert max(picture.size) == 512
    missed = json.loads((tmp_path / "out.jpg.json").read_text())["acceptance"]["missed"]
    assert [one["limit"] for one in missed] == ["enlargement"]


def test_a_local_swap_takes_the_file_behind_the_product_and_names_a_missing_one(tmp_path: Path, lean: bytes) -> None:
    photo, behind, output = (tmp_path / name for name in ("jar.png", "behind.jpg", "out.jpg"))
    photo.write_bytes(lean)
    asked = ("swap", str(photo), "--scene", "podium", "--mood", "calm", "--preset", "open_graph", "--quiet")

    missing = run(*asked, "--background", "image", "--background-image", str(behind), "-o", str(output))
    kept = run(*asked, "--background", "render", "--background-render", "x", "-o", str(output))
    assert (missing.exit_code, kept.exit_code) == (2, 2)
    assert "--background-image: " in missing.output
    assert "No such file" in missing.output
    assert "Only a server keeps renders" in kept.output
    assert not output.exists()

    behind.write_bytes(worker.BOTTLE)
    done = run(*asked, "--background", "image", "--background-image", str(behind), "-o", str(output))
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "out.jpg.json").read_text())["background"]["source"] == "image"


@pytest.mark.gate
@pytest.mark.usefixtures("loaded")
def test_a_local_cutout_is_the_mask_of_a_local_swap(tmp_path: Path) -> None:
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


@pytest.mark.usefixtures("loaded")
def test_a_local_cutout_contains_the_product_at_the_given_point(tmp_path: Path) -> None:
    photo, mask = tmp_path / "pair.jpg", tmp_path / "mask.png"
    data, (mug, vase) = two_products()
    photo.write_bytes(data)

    cut = run("cutout", str(photo), "-o", str(mask), "--subject", "0.2,0.7")

    assert cut.exit_code == 0, cut.output
    with Image.open(mask) as codes:
        seen = np.asarray(codes) > 127
    assert (seen & mug).sum() / (seen | mug).sum() > 0.95
    assert not (seen & vase).any()


@pytest.mark.parametrize(
    ("command", "subject", "remedy"),
    [
        ("swap", "0.2,1.7", "'--subject': 1.7 is outside the photo. Give shares from 0 to 1"),
        ("swap", "left", "'--subject': 'left' is not a place. Give x,y or left,top,right,bottom"),
        ("cutout", "0.2,0.7,0.9", "'--subject': 3 numbers are neither a point nor a box"),
        ("cutout", "1", "product numbers need a server"),
    ],
)
def test_an_invalid_place_in_a_photo_is_refused_with_the_remedy(
    tmp_path: Path, command: str, subject: str, remedy: str
) -> None:
    own = ("--scene", "white", "--mood", "calm", "--preset", "open_graph") if command == "swap" else ()
    result = run(command, BOTTLE, *own, "-o", str(tmp_path / "out.png"), "--subject", subject)

    assert result.exit_code == 2
    assert remedy in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_mask_and_its_preview_are_written_only_as_png(tmp_path: Path) -> None:
    for option in ("-o", "--preview"):
        result = run("cutout", BOTTLE, "-o", str(tmp_path / "mask.png"), option, str(tmp_path / "cut.jpg"))

        assert result.exit_code == 2
        assert f"{option}: 'cut.jpg' is a name for jpeg" in result.output
        assert "'cut.png'" in result.output
        assert list(tmp_path.iterdir()) == []


# `backdrop ledger check`


def check(home: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["ledger", "check", "--home", str(home), *options])
    return result.exit_code, result.output


@pytest.fixture
def home(tmp_path: Path) -> Path:
    engine = migrated_engine(Settings(home=tmp_path))
    shop = Shop(engine)
    shop.order()
    shop.jobs.succeed(shop.claim(shop.order()), render())
    engine.dispose()
    return tmp_path


def test_the_command_prints_the_counts_of_a_sound_ledger(home: Path) -> None:
    status, output = check(home)
    assert status == 0
    assert "2  jobs\n" in output
    assert "No problems found." in output

    status, output = check(home, "--json")
    report = json.loads(output)
    assert (status, report["ok"], report["findings"], report["counts"]["credits debited"]) == (0, True, [], 4)


def test_the_command_names_the_faults_and_exits_with_1(home: Path) -> None:
    engine = create_engine(Settings(home=home).sqlalchemy_url)
    with engine.begin() as connection:
        connection.execute(clients.update().values(balance=clients.c.balance + 1))
    engine.dispose()

    status, output = check(home, "--objects")
    assert status == 1
    assert "balance_is_the_ledgers_sum: client_id " in output
    assert "render_has_its_bytes: public_id " in output
    assert "2 problems found." in output

    status, output = check(home, "--json")
    (finding,) = json.loads(output)["findings"]
    assert (status, finding["rule"], finding["balance"], finding["ledger"]) == (1, "balance_is_the_ledgers_sum", 7, 6)


# Imports of a process


HEAVY = ("torch", "diffusers", "transformers", "rembg", "onnxruntime", "numba")
HELP = "from service.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"


@pytest.mark.system
@pytest.mark.parametrize(("program", "also"), [("import service.api.app", ()), (HELP, ("litestar", "sqlalchemy"))])
def test_a_fresh_interpreter_loads_no_network_for_the_api_or_for_help(program: str, also: tuple[str, ...]) -> None:
    program += f"\nimport sys; print([name for name in {HEAVY + also!r} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip().endswith("[]")


@pytest.mark.system
@pytest.mark.nightly  # the test above has the imports; here numba loads too
def test_the_api_assigns_colours_to_surfaces_without_the_kernels() -> None:
    program = """
import service.api.app, sys
from pipeline.core.spec import Spec
from pipeline.scene.surfaces import painted
from service.catalogue.catalogue import load_catalogue
catalogue = load_catalogue()
scene, mood, preset = catalogue.scene("neon"), catalogue.mood("calm"), catalogue.preset("shopify_product")
spec = Spec(scene, mood, ("#12122a", "#ff3d81"), preset, 0)
without = painted(spec)
assert "numba" not in sys.modules
import numba
assert painted(spec) == without
"""

    subprocess.run([sys.executable, "-c", program], check=True)
