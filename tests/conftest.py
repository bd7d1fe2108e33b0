"""What many tests stand on: a clean environment, real servers, both databases, both object stores, a caller."""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from litestar.testing import TestClient
from xdist.scheduler.loadfile import LoadFileScheduling

from benchmarks.storm import servers
from pipeline.core.networks import Networks
from service.api.app import create_app
from service.database.engine import create_engine
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.objects import Bucket
from service.worker.kernels import use_kept_kernels
from tests.support.caller import Caller
from tests.support.databases import database_name, drop_database, migrated_database, migrated_engine

#: What takes longest, dearest first, files and folders: dealt last, one would keep a process busy when the others are
#: done.
DEAREST = (
    "system/test_workers.py",
    "system/test_outages.py",
    "system/test_webhook_processes.py",
    "system/test_up.py",
    "system/studio/",
    "system/test_examples.py",
    "system/test_chaos.py",
    "system/test_conformance.py",
    "system/test_crowd.py",
    "service/api/test_prefer.py",
    "models/test_generator.py",
    "models/test_segmenter.py",
    "pipeline/delivery/test_presets.py",
    "service/jobs/test_state_machine.py",
    "pipeline/test_golden.py",
)
#: Files and folders that share what is dear to start, processes or libraries, and so go to one process of pytest.
TOGETHER = {
    "torch": (
        "models/test_generator.py",
        "models/test_latent_colour.py",
        "models/test_batches.py",
        "models/test_light_network.py",
        "models/test_refiner.py",
        "models/test_graphs.py",
        "models/test_device.py",
        "benchmarks/test_speed.py",
        "service/worker/test_lane_jobs.py",
    ),
    "running_up": ("system/studio/", "system/test_examples.py"),
    "served": (
        *("system/client/", "system/test_batch.py", "system/test_contact_sheet.py", "system/test_remote_commands.py"),
    ),
}
#: Fixtures that start a server; a parameter named for one starts it by `getfixturevalue`.
SERVERS = {"valkey_url", "postgresql_server", "s3_server", *TOGETHER}
SERVED = {"postgresql", "s3", "embedded", "production"}


def pytest_configure(config: pytest.Config) -> None:
    """Give the fast lane, which is known by leaving out what needs servers, a quarter of hypothesis's examples."""
    if "servers" in config.getoption("markexpr"):
        from hypothesis import settings  # here, as most files do without

        settings.register_profile("fast", max_examples=25)
        settings.load_profile("fast")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark who needs processes of ours: all of `system/`, and what has a server among its fixtures or parameters."""
    if _file(item).startswith("system/"):
        item.add_marker("system")
    parameters = getattr(item, "callspec", None)
    values = {value for value in parameters.params.values() if isinstance(value, str)} if parameters else set()
    if SERVERS & set(getattr(item, "fixturenames", ())) or SERVED & values:
        item.add_marker("servers")


@pytest.hookimpl(trylast=True)  # after pytest has put those side by side that share a fixture: a file's own order stays
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal the dearest files first, then the rest of `system/`, whose tests mostly wait."""
    items.sort(key=lambda item: _turn(_file(item)))


def _turn(file: str) -> int:
    named = (number for number, place in enumerate(DEAREST) if file.startswith(place))
    return next(named, len(DEAREST) + (not file.startswith("system/")))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector rest while modules are imported: it finds next to nothing in a quarter of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Take what collecting made out of the garbage collector's rounds: thousands of items and all their modules."""
    gc.freeze()


class Dealer(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """Deals files to the processes of pytest, those of TOGETHER as if they were one file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0].removeprefix("tests/")
        return next((name for name, places in TOGETHER.items() if file.startswith(places)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Dealer:
    return Dealer(config, log)


def _file(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).as_posix()


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """Settings of whoever runs the tests must not reach them, nor the processes that they start."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):  # noqa: TID251  # cleaning it is the point
            if name.startswith("BACKDROP_") or name in {"DATABASE_URL", "REDIS_URL", "VALKEY_URL"}:
                patch.delenv(name)
        # A seventh of the default's time, for all tests in which the network does not matter.
        patch.setenv("BACKDROP_SEGMENTER", "u2netp")
        # Set-up has compiled the kernels.
        use_kept_kernels(Settings())
        yield


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.valkey_server(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    with servers.public_folder() as folder, servers.postgresql(folder) as server:
        yield server.url


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return new_database(request.getfixturevalue("postgresql_server"), tmp_path.name)


def new_database(server: str, name: str) -> str:
    """Make an empty database on a PostgreSQL server and return its URL."""
    return servers.make_database(server, database_name(name))


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database of each kind, that of `engine`."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_server")
        yield migrated_database(server, tmp_path.name)
        drop_database(server, database_name(tmp_path.name))
    else:
        url = f"sqlite:///{tmp_path / 'test.db'}"
        migrated_engine(Settings(database_url=url)).dispose()
        yield url


@pytest.fixture
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    """A migrated database of each kind."""
    engine = create_engine(Settings(database_url=migrated_url).sqlalchemy_url)
    yield engine
    engine.dispose()


@pytest.fixture
def s3_settings(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings for two fresh buckets on the S3 server."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", servers.S3_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", servers.S3_SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    name = "".join(c if c.isalnum() else "-" for c in tmp_path.name.lower())[-40:].strip("-")
    buckets = {"s3_source_bucket": f"{name}-sources", "s3_render_bucket": f"{name}-renders"}
    servers.make_buckets(s3_server, *buckets.values())
    return {"store": "s3", "s3_endpoint_url": s3_server, **buckets}


@pytest.fixture(params=["directory", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    """An empty bucket of each kind."""
    settings = request.getfixturevalue("s3_settings") if request.param == "s3" else {"store": "directory"}
    return open_buckets(Settings(home=tmp_path, **settings))[0]


@pytest.fixture(scope="session")
def networks() -> Networks:
    """The networks of a default installation but for the small segmenter, loaded once."""
    from service.worker.networks import open_networks  # which imports torch: seconds that most tests need not wait

    return open_networks(Settings())


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Settings:
    """Those of an API on a migrated SQLite database, one for each file of tests."""
    settings = Settings(home=tmp_path_factory.mktemp("api"), queue_url=valkey_url)
    migrated_engine(settings).dispose()
    return settings


@pytest.fixture(scope="module")
def http(settings: Settings) -> Iterator[Any]:
    """That API."""
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def caller(http: Any, settings: Settings, request: pytest.FixtureRequest) -> Caller:
    """A client of that API with 100 credits, named for the test."""
    return Caller(http, settings, request.node.name[:100], credits=100)
