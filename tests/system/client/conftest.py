"""The Python client at a real installation: API, worker and sweep in processes of their own."""

from collections.abc import Iterator

import pytest

from backdrop_client import Backdrop, Retries, Spec
from tests.support.served import Served
from tests.support.unreliable_network import FaultyProxy, faulty_proxy

#: An order that a lean worker can make: the photo's own cut-out, without a background.
SPEC = Spec(scene="white", mood="calm", preset="transparent_cutout")
#: Retries at once: the tests check whether it retries, not when.
QUICK = Retries(first=0.01)


@pytest.fixture
def key(served: Served, request: pytest.FixtureRequest) -> str:
    return served.register(request.node.name[:100])


@pytest.fixture
def backdrop(served: Served, key: str) -> Iterator[Backdrop]:
    with Backdrop(served.url, key, retries=QUICK) as backdrop:
        yield backdrop


@pytest.fixture
def proxy(served: Served) -> Iterator[FaultyProxy]:
    with faulty_proxy(served.url) as proxy:
        yield proxy


@pytest.fixture
def unlucky(proxy: FaultyProxy, key: str) -> Iterator[Backdrop]:
    """A client that reaches the API through a faulty proxy."""
    with Backdrop(proxy.url, key, retries=QUICK) as backdrop:
        yield backdrop
