"""Fixtures of the tests of webhooks."""

import pytest
import sqlalchemy as sa

from service.webhooks.endpoints import Webhooks
from tests.support.webhooks import Messenger


@pytest.fixture
def webhooks(engine: sa.Engine) -> Webhooks:
    return Webhooks(engine)


@pytest.fixture
def messenger(engine: sa.Engine) -> Messenger:
    return Messenger(engine)
