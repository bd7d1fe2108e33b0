"""What tests of webhooks stand on."""

import pytest
import sqlalchemy as sa

from service.webhooks.endpoints import Webhooks
from tests.support.shop import Shop


@pytest.fixture
def shop(engine: sa.Engine) -> Shop:
    return Shop(engine)


@pytest.fixture
def webhooks(engine: sa.Engine) -> Webhooks:
    return Webhooks(engine)
