"""Fixtures of the tests of the store."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from service.settings import Settings
from service.storage.buckets import open_buckets
from tests.support.warehouse import Warehouse


@pytest.fixture
def warehouse(request: pytest.FixtureRequest, engine: sa.Engine, tmp_path: Path) -> Warehouse:
    """Each store on one of the databases: store and database do not depend on each other."""
    on_s3 = engine.dialect.name == "postgresql"
    settings = request.getfixturevalue("s3_settings") if on_s3 else {"store": "directory"}
    return Warehouse(engine, *open_buckets(Settings(home=tmp_path, **settings)))
