"""Fixtures of the tests of jobs."""

import pytest
import sqlalchemy as sa

from tests.support.shop import Shop, Street


@pytest.fixture
def shop(engine: sa.Engine) -> Shop:
    return Shop(engine)


@pytest.fixture
def street(engine: sa.Engine) -> Street:
    return Street(engine, *"abc")
