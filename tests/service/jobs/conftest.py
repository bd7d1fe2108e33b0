"""What tests of jobs stand on."""

import pytest
import sqlalchemy as sa

from tests.support.shop import Shop


@pytest.fixture
def shop(engine: sa.Engine) -> Shop:
    return Shop(engine)
