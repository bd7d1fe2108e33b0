"""What tests of the worker stand on."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.core.networks import Networks
from tests.support.worker import Worker


@pytest.fixture
def worker(engine: sa.Engine, tmp_path: Path, networks: Networks) -> Worker:
    return Worker(engine, tmp_path, networks)
