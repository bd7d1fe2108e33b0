"""Faults of settings, files and servers print one line with the remedy, never a traceback."""

import errno
import os
import re
import shutil
import time
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from pipeline.core.errors import NoSubject
from service.cli.main import Commands
from service.jobs.worker_registry import WorkerHeartbeat, WorkerRegistry, sweep_heartbeat
from service.settings import Settings
from service.telemetry.logs import explained
from service.worker.main import CANNOT_START, serve
from tests.support.command_line import migrated_home, run

PHOTO = str(files("service") / "sample" / "bottle.jpg")
SWAP = ("swap", PHOTO, "--scene", "white", "--mood", "calm", "--preset", "open_graph", "-o", "out.jpg", "--quiet")
CUTOUT = ("cutout", PHOTO, "-o", "mask.png")
#: Commands that open the database.
OVER_THE_DATABASE = [
    ("clients", "list"),
    ("clients", "add", "acme"),
    ("clients", "webhook", "acme"),
    ("ledger", "check"),
    ("secrets", "check"),
    ("secrets", "reencrypt"),
    ("ops", "jobs"),
    ("ops", "workers"),
    ("ops", "export-run"),
    ("migrate",),
]
PARTS = [("api",), ("worker",), ("sweep",)]
DOCTOR = ("doctor", "--no-networks")
AWAY = "postgresql://acme:hunter2@127.0.0.1:9/backdrop"
QUEUE = "redis://127.0.0.1:9/0"
S3 = {"BACKDROP_STORE": "s3", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "eu"}

Case = tuple[dict[str, str], tuple[str, ...], str]
CASES: list[Case] = [
    *(({"BACKDROP_DATABASE_URL": AWAY}, command, "BACKDROP_DATABASE_URL") for command in OVER_THE_DATABASE),
    *(
        ({"DATABASE_URL": "mysql://acme:hunter2@db/backdrop"}, command, "must begin with sqlite:///")
        for command in [*OVER_THE_DATABASE, DOCTOR, *PARTS, ("up",)]
    ),
    *(({"BACKDROP_QUEUE_URL": "db:6379"}, part, "BACKDROP_QUEUE_URL: it must begin with redis://") for part in PARTS),
    ({"BACKDROP_QUEUE_URL": "db:6379"}, DOCTOR, "BACKDROP_QUEUE_URL"),
    *(({"BACKDROP_HOME": "a file"}, command, "a file: ") for command in [("up",), ("migrate",), DOCTOR]),
    *(
        ({"BACKDROP_HOME": "a file"}, command, "There is no Backdrop database at")
        for command in [("clients", "list"), ("secrets", "check"), ("ledger", "check")]
    ),
    ({"BACKDROP_PORT": "eighty"}, ("up",), "BACKDROP_PORT: Input should be a valid integer"),
    ({"BACKDROP_STORE": "ftp"}, ("migrate",), "'directory' or 's3'. It is 'ftp'."),
    ({"BACKDROP_ENCRYPTION_KEYS": "secret"}, ("secrets", "check"), "backdrop secrets new-key"),
    ({"BACKDROP_PREVIEWS": "perhaps"}, ("api",), "BACKDROP_PREVIEWS"),
    ({"BACKDROP_DEVICE": "tpu"}, CUTOUT, "BACKDROP_DEVICE"),
    ({"BACKDROP_WEIGHTS": "no weights"}, CUTOUT, "backdrop models fetch"),
    ({"BACKDROP_WEIGHTS": "a file/weights"}, ("models", "fetch", "u2netp"), "a file"),
    ({"BACKDROP_SEGMENTER": "u3net"}, CUTOUT, "'u3net' is not a rembg model"),
    ({"BACKDROP_SEGMENTER": "mine.onnx"}, CUTOUT, "give a network of your own as onnx:PATH"),
    ({"BACKDROP_SEGMENTER": "onnx:mine.onnx"}, CUTOUT, "BACKDROP_SEGMENTER: there is no file"),
    (
        {"BACKDROP_SEGMENTER": "onnx:a file"},
        ("doctor",),
        "a file.toml. Put the TOML file that describes the network there",
    ),
    ({"BACKDROP_GENERATOR": "/nowhere/at all"}, SWAP, "'/nowhere/at all' is neither an existing folder"),
    (
        {"BACKDROP_GENERATOR": "/nowhere/at all"},
        ("doctor", "--no-networks", "--generator"),
        "neither an existing folder",
    ),
    ({"BACKDROP_C2PA_CERTIFICATE": "none.pem", "BACKDROP_C2PA_KEY": "none.pem"}, SWAP, "none.pem"),
    *(
        (
            {"BACKDROP_CATALOGUE": "catalogue", "BACKDROP_QUEUE_URL": QUEUE},
            command,
            "scene 'loft': title: missing. Add it.",
        )
        for command in [("catalog",), ("api",), ("thumbnails",), SWAP, DOCTOR]
    ),
    ({"BACKDROP_CATALOGUE": "nowhere"}, ("catalog",), "nowhere: No such file or directory. Name a folder"),
    ({"BACKDROP_THUMBNAILS": "a file/x"}, ("thumbnails",), "a file"),
    ({}, ("batch", ".", "--spec", "spec.toml", "--presets", "open_graph", "-o", "a file/out"), "a file"),
    (
        {"BACKDROP_SEGMENTER": "u3net"},
        ("batch", ".", "--spec", "spec.toml", "--presets", "open_graph", "-o", "out"),
        "'u3net'",
    ),
    (S3 | {"BACKDROP_S3_ENDPOINT_URL": "nowhere"}, ("ledger", "check", "--objects"), "BACKDROP_S3_ENDPOINT_URL"),
    (S3 | {"BACKDROP_S3_ENDPOINT_URL": "nowhere"}, DOCTOR, "BACKDROP_S3_ENDPOINT_URL"),
    (S3 | {"BACKDROP_S3_ENDPOINT_URL": "nowhere", "BACKDROP_QUEUE_URL": QUEUE}, ("api",), "BACKDROP_S3_ENDPOINT_URL"),
    ({}, ("batch", ".", "--spec", "none.toml", "--presets", "open_graph", "-o", "out"), "none.toml"),
    ({}, ("batch", ".", "--spec", "a file", "--presets", "open_graph", "-o", "out"), "a file"),
    ({}, ("bench", "nothing"), "Name a benchmark"),
    *(({}, ("bench", "nothing"), f"{name}") for name in ("rolling", "swaps", "capacity")),
    ({}, ("swap", "a file", *SWAP[2:]), "image_unreadable"),
    ({"BACKDROP_URL": "http://127.0.0.1:9"}, ("brands", "list"), "BACKDROP_KEY"),
    ({"BACKDROP_URL": "ftp://acme", "BACKDROP_KEY": "bd_1"}, ("brands", "list"), "ftp://acme"),
]


@pytest.fixture(scope="module", name="a_home")
def _a_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated home that no case changes."""
    return Path(migrated_home(tmp_path_factory.mktemp("home"))[1])


@pytest.mark.parametrize(
    ("environment", "command", "said"), CASES, ids=[f"{' '.join(case[0].values())}-{case[1][0]}" for case in CASES]
)
def test_a_fault_of_a_setting_or_a_file_is_reported_in_words(
    a_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    command: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_text("x")
    shutil.copy(PHOTO, tmp_path)
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "scenes.toml").write_text('[[scene]]\nname = "loft"\nkind = "attic"\n')
    (tmp_path / "spec.toml").write_text('scene = "white"\nmood = "calm"\n')
    for name, value in {"BACKDROP_HOME": str(a_home), **environment}.items():
        monkeypatch.setenv(name, value)

    result = run(*command)

    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code != 0
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert "hunter2" not in result.output, "no password is printed"


def test_a_worker_that_cannot_start_reports_the_reason_in_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal.signal", lambda number, handler: None)  # the test process keeps its own
    home = migrated_home(tmp_path)[1]

    assert serve(Settings(home=Path(home), generator="/nowhere/at all")) == CANNOT_START

    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage().startswith("The worker can't start: '/nowhere/at all' is neither an existing folder")
    assert not record.exc_info


def test_a_faulty_catalogue_stops_each_part_with_all_its_faults_and_a_status_that_means_do_not_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signal.signal", lambda number, handler: None)  # the test process keeps its own
    home = migrated_home(tmp_path)
    monkeypatch.setenv("BACKDROP_CATALOGUE", str(tmp_path))
    monkeypatch.setenv("BACKDROP_QUEUE_URL", QUEUE)
    (tmp_path / "moods.toml").write_text('[[mood]]\nname = "dim"\ntitle = "Dim"\n')
    said = [f"moods.toml: mood 'dim': {key}: missing. Add it." for key in ("description", "prompt")]

    assert serve(Settings(home=Path(home[1]), catalogue=tmp_path)) == CANNOT_START == os.EX_CONFIG
    assert all(sentence in caplog.messages[-1] for sentence in said)
    stopped = [run("api", *home), run("up", *home), run("catalog", "--check", str(tmp_path))]
    assert [one.exit_code for one in stopped] == [os.EX_CONFIG] * 3
    assert all(sentence in one.output for one in stopped for sentence in said)


@click.group(cls=Commands)
@click.option("--debug", is_flag=True)
def program(debug: bool) -> None:
    """A program."""


@program.command()
def broken() -> None:
    dict[str, str]()["nothing"]


def test_an_unexpected_error_is_one_line_and_debug_shows_its_traceback() -> None:
    result = CliRunner().invoke(program, ["broken"])
    assert (result.exit_code, result.output) == (
        1,
        "Error: KeyError: 'nothing'. Run `backdrop --debug …` for the traceback.\n",
    )
    assert isinstance(CliRunner().invoke(program, ["--debug", "broken"]).exception, KeyError)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/out/x.jpg"), "/out/x.jpg: No space left on device. Free"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/out"), "/out: Permission denied. Choose another"),
        (ModuleNotFoundError("No module named 'numba'"), r"'numba'.*pip install 'backdrop\[networks,cpu\]'"),
        (
            sa.exc.OperationalError("SELECT 'secret'", {}, Exception("disk is full\nmore")),
            "^The database: disk is full. Ch",
        ),
        (NoSubject("There is nothing."), r"^There is nothing. \(no_subject\)$"),
    ],
)
def test_a_reported_error_has_its_cause_and_a_remedy(error: Exception, said: str) -> None:
    assert re.search(said, explained(error) or "")


def test_a_librarys_error_is_not_explained() -> None:
    assert explained(ValueError("x")) is None


@pytest.mark.parametrize(
    ("variable", "remedy"),
    [("BACKDROP_RENDER_DAY", "Did you mean BACKDROP_RENDER_DAYS?"), ("BACKDROP_QQ", "Unset it.")],
)
def test_an_unknown_variable_is_reported_by_each_part_at_its_start_and_by_the_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, remedy: str
) -> None:
    sentence = f"{variable} is set, but no setting has that name. {remedy}"
    home = migrated_home(tmp_path / "home")
    assert variable not in run("doctor", "--no-networks", *home).output
    monkeypatch.setenv(variable, "3")

    done = run("doctor", "--no-networks", *home)
    assert sentence in " ".join(done.output.split())
    assert done.exit_code == 0, "it may be another program's"
    # Each ends at once: there is no schema.
    monkeypatch.setenv("BACKDROP_QUEUE_URL", "redis://127.0.0.1:1")
    for part in ("api", "sweep"):
        assert sentence in run(part, "--home", str(tmp_path / "none")).output


def test_the_doctor_retries_until_the_worker_has_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valkey_url: str
) -> None:
    queue = f"{valkey_url.rpartition('/')[0]}/10"
    monkeypatch.setenv("BACKDROP_QUEUE_URL", queue)
    about = {"name": "one", "host": "cpu-1", "pid": 7, "segmenter_device": "cpu", "generator_device": "cpu"}
    beats = (WorkerHeartbeat(WorkerRegistry(queue), "one", about), sweep_heartbeat(queue))

    def sleep(_: float) -> None:
        for one in beats:
            one.beat()

    monkeypatch.setattr("service.cli.installation.time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    done = run("doctor", "--no-networks", "--wait", "30", *migrated_home(tmp_path))
    assert done.exit_code == 0
    assert done.output.count("No worker is running") == 1
