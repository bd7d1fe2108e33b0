"""Fixtures of all tests: a clean environment, real servers, both databases, both object stores, a caller."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from litestar.testing import TestClient

from pipeline.core.networks import Networks
from service.api.app import create_app
from service.database.engine import create_engine
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.objects import Bucket
from service.worker.kernels import use_kept_kernels
from testkit import servers
from tests.support.caller import Caller
from tests.support.databases import emptied_database, migrated_engine, new_database
from tests.support.documented import compared
from tests.support.shop import Shop


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """Remove the developer's settings, so that they reach neither the tests nor their processes."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):  # noqa: TID251  # cleaning it is the point
            if name.startswith("BACKDROP_") or name in {
                "DATABASE_URL",
                "REDIS_URL",
                "VALKEY_URL",
                "OTEL_EXPORTER_OTLP_ENDPOINT",
            }:
                patch.delenv(name)
        # u2netp takes a seventh of the default's time. It serves all tests in which the network does not matter.
        patch.setenv("BACKDROP_SEGMENTER", "u2netp")
        # Set-up has compiled the kernels.
        use_kept_kernels(Settings())
        yield


@pytest.fixture(scope="session", autouse=True)
def unsynced_sqlite() -> Iterator[None]:
    """In this process SQLite waits for no disk, as PostgreSQL does not here either: no test cuts the power."""

    def unsynced(connection: Any, *_: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    sa.event.listen(sa.Pool, "checkout", unsynced)
    yield
    sa.event.remove(sa.Pool, "checkout", unsynced)


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


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated and empty database of each kind, the database of `engine`."""
    if request.param == "postgresql":
        return emptied_database(request.getfixturevalue("postgresql_server"))
    url = f"sqlite:///{tmp_path / 'test.db'}"
    migrated_engine(Settings(database_url=url)).dispose()
    return url


@pytest.fixture
def engine(migrated_url: str) -> Iterator[sa.Engine]:
    """A migrated database of each kind."""
    engine = create_engine(Settings(database_url=migrated_url).sqlalchemy_url)
    yield engine
    engine.dispose()


@pytest.fixture
def s3_settings(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings for two new buckets on the S3 server."""
    for variable, value in servers.S3_ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
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
    """The networks of a default installation except for the small segmenter, loaded once."""
    from service.worker.networks import open_networks  # it imports torch: seconds that most tests need not wait

    return open_networks(Settings())


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a family's tiny pipeline, under the real model's name; created once, read only."""

    @cache
    def saved(name: str) -> Path:
        import torch

        from tests.models.hub.tiny_families import TINY_FAMILIES

        folder = tmp_path_factory.mktemp(name)
        torch.manual_seed(0)
        TINY_FAMILIES[name](folder).save_pretrained(folder / name)
        return folder / name

    return saved


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Settings:
    """Settings of an API on a migrated SQLite database, one for each file of tests."""
    settings = Settings(home=tmp_path_factory.mktemp("api"), queue_url=valkey_url)
    migrated_engine(settings).dispose()
    return settings


@pytest.fixture(scope="module")
def http(settings: Settings) -> Iterator[Any]:
    """The API of `settings`. Each of its answers is compared with the OpenAPI document."""
    with TestClient(create_app(settings)) as client:
        compared(client)
        yield client


@pytest.fixture(scope="module")
def document(http: Any) -> dict[str, Any]:
    """That API's OpenAPI document."""
    answer: dict[str, Any] = http.get("/schema/openapi.json").json()
    return answer


@pytest.fixture
def shop(engine: sa.Engine) -> Shop:
    return Shop(engine)


@pytest.fixture
def caller(http: Any, settings: Settings, request: pytest.FixtureRequest) -> Caller:
    """A client of that API with 100 credits, named for the test."""
    return Caller(http, settings, request.node.name[:100], credits=100)
