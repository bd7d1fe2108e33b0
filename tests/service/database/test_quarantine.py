"""A restored copy detects that it is a copy, on both databases; a moved installation is no copy."""

import logging
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from service.database.engine import create_engine
from service.database.quarantine import Quarantine
from service.jobs.sweep import keep_sweeping
from service.settings import Settings
from service.storage.expiry import keep_expiring
from service.webhooks.delivery import keep_delivering


@pytest.fixture
def settings(migrated_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=migrated_url, home=tmp_path)


@pytest.fixture
def marked(settings: Settings) -> Settings:
    engine = create_engine(settings.sqlalchemy_url)
    assert Quarantine(engine, settings, marks=True).may_act()  # the sweep's first start
    engine.dispose()
    return settings


def reason(settings: Settings, **kinds: Any) -> str | None:
    engine = create_engine(settings.sqlalchemy_url)
    try:
        return Quarantine(engine, settings, **kinds).reason()
    finally:
        engine.dispose()


def copied(settings: Settings, tmp_path: Path) -> Settings:
    """Copy the database, as a backup that is restored next to it."""
    if settings.database_url.startswith("sqlite"):
        shutil.copy2(tmp_path / "test.db", tmp_path / "copy.db")
        return settings.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'copy.db'}"})
    server, _, name = settings.database_url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}_2"')
        connection.execute(f'CREATE DATABASE "{name}_2" TEMPLATE "{name}"')
    return settings.model_copy(update={"database_url": f"{server}/{name}_2"})


def test_a_copy_does_nothing_until_it_is_released_and_the_original_goes_on(marked: Settings, tmp_path: Path) -> None:
    copy = copied(marked, tmp_path)

    said = reason(copy, marks=True)  # a sweep's start leaves the mark as it was
    assert said is not None
    assert "its database is a copy" in said
    assert "backdrop ops release" in said
    engine = create_engine(copy.sqlalchemy_url)
    quarantine = Quarantine(engine, copy)
    assert not quarantine.may_act()
    quarantine.release()
    engine.dispose()

    assert reason(copy) is None
    assert reason(marked) is None


def test_a_moved_installation_is_no_copy(marked: Settings, tmp_path: Path) -> None:
    """Another host, port and password, as behind a pooler; a renamed home or database."""
    if marked.database_url.startswith("sqlite"):
        (tmp_path / "test.db").rename(tmp_path / "moved.db")
        moved = marked.model_copy(update={"database_url": f"sqlite:///{tmp_path / 'moved.db'}"})
        assert reason(moved) is None
        return
    server, _, name = marked.database_url.rpartition("/")
    elsewhere = server.replace("postgres@127.0.0.1", "postgres:new-password@localhost")
    moved = marked.model_copy(update={"database_url": f"{elsewhere}/{name}_moved"})
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_moved"')
        try:
            assert reason(moved) is None
        finally:  # other tests use it
            connection.execute(f'ALTER DATABASE "{name}_moved" RENAME TO "{name}"')


def test_other_buckets_make_a_copy_and_other_addresses_do_not(marked: Settings) -> None:
    s3 = marked.model_copy(update={"store": "s3", "s3_endpoint_url": "http://one.example"})
    assert reason(s3) is None  # the mark has no buckets yet
    assert reason(s3, marks=True) is None  # the sweep adds them
    assert reason(s3.model_copy(update={"s3_endpoint_url": "https://two.example"})) is None

    said = reason(s3.model_copy(update={"s3_render_bucket": "drill-renders"}))
    assert said is not None
    assert "because renders changed" in said
    assert reason(marked) is None  # a command without buckets


def test_an_unmarked_database_acts_and_only_the_sweep_marks_it(settings: Settings, engine: sa.Engine) -> None:
    count = sa.text("SELECT count(*) FROM installation")
    assert reason(settings) is None
    with engine.connect() as connection:
        assert connection.execute(count).scalar_one() == 0
    assert reason(settings, marks=True) is None
    assert reason(settings, marks=True) is None
    with engine.connect() as connection:
        assert connection.execute(count).scalar_one() == 1


def test_an_operator_holds_an_installation_and_the_log_has_one_line_per_change(
    settings: Settings, engine: sa.Engine, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "service.database.quarantine")
    monkeypatch.setattr("service.database.quarantine._FRESH", 0.0)
    quarantine = Quarantine(engine, settings)
    assert quarantine.may_act()
    quarantine.hold()
    assert [quarantine.may_act() for _ in range(3)] == [False] * 3
    quarantine.release()
    assert [quarantine.may_act() for _ in range(3)] == [True] * 3

    lines = [record.message for record in caplog.records]
    assert len(lines) == 2
    assert "an operator put it there at" in lines[0]
    assert lines[1] == "the installation was released from quarantine"


@pytest.mark.parametrize("keep", [keep_sweeping, keep_expiring, keep_delivering])
def test_no_loop_of_the_sweep_acts_until_the_release(keep: Any) -> None:
    stopping, answers, ran = threading.Event(), [False, False, True], list[int]()

    def run_once(**_: Any) -> None:
        ran.append(len(answers))
        stopping.set()

    grace = {"grace": 0.0} if keep is keep_sweeping else {}
    keep(
        SimpleNamespace(run_once=run_once, idle=True),
        every=0.01,
        stopping=stopping,
        may_act=lambda: answers.pop(0),
        **grace,
    )

    assert ran == [0]
