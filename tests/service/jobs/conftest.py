"""Fixtures of the tests of jobs."""

import pytest
import sqlalchemy as sa

from tests.support.shop import Street


@pytest.fixture
def street(engine: sa.Engine) -> Street:
    return Street(engine, *"abc")
