"""Installations that several files share. They end with the folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit import servers
from testkit.up import Up
from tests.support.databases import new_database
from tests.support.installation import Installation, running_installation
from tests.support.served import Caller, Served, serve


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An installation of real processes, shared by all files of tests that only call it."""
    with serve(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="module", params=["production", pytest.param("embedded", marks=pytest.mark.nightly)])
def servers_of(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A home, and the variables of its servers: PostgreSQL, S3 and Valkey by URL; or none, for the embedded default."""
    home = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        return home, {}
    endpoint: str = request.getfixturevalue("s3_server")
    buckets = {"BACKDROP_S3_SOURCE_BUCKET": f"{home.name}-sources", "BACKDROP_S3_RENDER_BUCKET": f"{home.name}-renders"}
    servers.make_buckets(endpoint, *buckets.values())
    return home, {
        "DATABASE_URL": new_database(request.getfixturevalue("postgresql_server"), home.name),
        "VALKEY_URL": request.getfixturevalue("valkey_url"),
        "BACKDROP_STORE": "s3",
        "BACKDROP_S3_ENDPOINT_URL": endpoint,
        **servers.S3_ENVIRONMENT,
        **buckets,
    }


# At night on SQLite too: the worker and the queue are the same there.
@pytest.fixture(scope="package", params=["production", pytest.param("embedded", marks=pytest.mark.nightly)])
def troubled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Installation, Caller]]:
    """An installation that loses workers and servers, and a client of it.

    It is one host with SQLite; or several on PostgreSQL, whose clocks are a minute fast and a minute slow.
    """
    clocks = (60, -60) if request.param == "production" else (0, 0)
    with (
        running_installation(request.param, tmp_path_factory.mktemp(request.param), clocks=clocks) as installation,
        Caller(installation) as caller,
    ):
        yield installation, caller


@pytest.fixture
def installation(troubled: tuple[Installation, Caller]) -> Iterator[Installation]:
    """The same, with all workers ready. A test may add no finding to the audit."""
    installation = troubled[0]
    installation.all_ready()
    before = installation.wrong()
    yield installation
    assert [finding for finding in installation.wrong() if finding not in before] == []


@pytest.fixture(scope="package")
def running_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`backdrop up` on its embedded default, shared by all files of tests that only call it."""
    up = Up(tmp_path_factory.mktemp("up"))
    up.start()
    yield up
    assert up.stop() == 0
