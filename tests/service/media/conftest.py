"""Fixtures of the tests of photos and pictures."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from service.media.deletion import Deletion
from service.storage.mask_registry import MaskRegistry
from tests.support.worker import Bench


@pytest.fixture
def bench(engine: sa.Engine, tmp_path: Path) -> Bench:
    return Bench(engine, tmp_path)


@pytest.fixture
def deletion(bench: Bench) -> Deletion:
    return Deletion(
        bench.registry,
        MaskRegistry(bench.shop.engine),
        bench.shop.jobs,
        bench.sources,
        bench.renders,
        max_photo_bytes=40_000_000,
        upload_ends=900,
        attempt_ends=320,
    )
