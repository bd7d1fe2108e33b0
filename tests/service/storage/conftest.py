"""What tests of the store stand on."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from service.settings import Settings
from service.storage.buckets import open_buckets
from tests.support.warehouse import Warehouse


@pytest.fixture(params=["directory", "s3"])
def warehouse(request: pytest.FixtureRequest, engine: sa.Engine, tmp_path: Path) -> Warehouse:
    settings = request.getfixturevalue("s3_settings") if request.param == "s3" else {"store": "directory"}
    return Warehouse(engine, *open_buckets(Settings(home=tmp_path, **settings)))
