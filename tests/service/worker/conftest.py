"""Fixtures of the tests of the worker."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.core.networks import Networks
from service.settings import Settings
from testkit.still_life import by_colour
from tests.support.databases import migrated_engine
from tests.support.worker import Worker


@pytest.fixture
def migrated_url(tmp_path: Path) -> str:
    """SQLite alone: a worker moves jobs through `Jobs`, whose own tests have both databases."""
    url = f"sqlite:///{tmp_path / 'test.db'}"
    migrated_engine(Settings(database_url=url)).dispose()
    return url


@pytest.fixture
def worker(engine: sa.Engine, tmp_path: Path, networks: Networks) -> Worker:
    """A worker that cuts out by colour, in a tenth of the networks' time, and paints as usual."""
    return Worker(engine, tmp_path, replace(networks, segmenter=by_colour))
