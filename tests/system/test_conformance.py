"""The live service against its own OpenAPI document, by Schemathesis: a short run of the benchmark."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.robustness.conformance import Live, conform, live

# In the gate every answer to the tests of the API is compared with the document (tests/support/documented.py).
pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def service(servers_of: tuple[Path, dict[str, str]]) -> Iterator[Live]:
    home, variables = servers_of
    with live(home, **variables) as service:
        yield service


def test_requests_of_every_kind_are_answered_as_documented(service: Live, tmp_path: Path) -> None:
    done = conform(service, tmp_path, examples=50, seed=20_261_124)

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    generated, passed = re.findall(r"(\d+) (?:generated|passed), ", done.stdout)[-2:]
    assert int(generated) == int(passed) > 100, done.stdout[-1000:]
    assert httpx.get(f"{service.address}/health/ready", timeout=300).status_code == 200
