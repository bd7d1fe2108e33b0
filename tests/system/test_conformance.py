"""The live service against its own OpenAPI document, by Schemathesis: a short run of the benchmark."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from benchmarks.robustness.conformance import Live, conform, live
from tests.support.databases import new_database
from tests.support.storm import servers


# At night on the embedded default too: the routes are the same, and the gate takes the stricter database and store.
@pytest.fixture(scope="module", params=["production", pytest.param("embedded", marks=pytest.mark.nightly)])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """SQLite, a directory and the embedded Valkey; or PostgreSQL, an S3 server and a Valkey by URL."""
    variables: dict[str, str] = {}
    if request.param == "production":
        endpoint: str = request.getfixturevalue("s3_server")
        servers.make_buckets(endpoint, "conformance-sources", "conformance-renders")
        variables = {
            "DATABASE_URL": new_database(request.getfixturevalue("postgresql_server"), "conformance"),
            "VALKEY_URL": request.getfixturevalue("valkey_url"),
            "BACKDROP_STORE": "s3",
            "BACKDROP_S3_ENDPOINT_URL": endpoint,
            "BACKDROP_S3_SOURCE_BUCKET": "conformance-sources",
            "BACKDROP_S3_RENDER_BUCKET": "conformance-renders",
            "AWS_ACCESS_KEY_ID": servers.S3_KEY,
            "AWS_SECRET_ACCESS_KEY": servers.S3_SECRET,
            "AWS_REGION": "us-east-1",
        }
    with live(tmp_path_factory.mktemp("conformance"), **variables) as service:
        yield service


# In the gate three requests of each operation; thousands at night.
@pytest.mark.parametrize("examples", [3, pytest.param(200, marks=pytest.mark.nightly)])
def test_requests_of_every_kind_are_answered_as_documented(service: Live, tmp_path: Path, examples: int) -> None:
    done = conform(service, tmp_path, examples=examples, seed=20_261_124)

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    generated, passed = re.findall(r"(\d+) (?:generated|passed), ", done.stdout)[-2:]
    assert int(generated) == int(passed) > 100, done.stdout[-1000:]
    assert httpx.get(f"{service.address}/health/ready", timeout=300).status_code == 200


@pytest.mark.nightly  # of Schemathesis itself: a run without findings must be able to fail
def test_the_checks_detect_an_undocumented_answer(service: Live, tmp_path: Path) -> None:
    # a document without the 404 of a job
    document = httpx.get(f"{service.address}/schema/openapi.json", timeout=300).json()
    document["servers"] = [{"url": service.address}]
    document["paths"] = {path: document["paths"][path] for path in ("/v1/jobs/{job_id}",)}
    del document["paths"]["/v1/jobs/{job_id}"]["get"]["responses"]["404"]

    done = conform(service, tmp_path, examples=5, seed=1, document=document)

    assert done.returncode == 1
    assert "404" in done.stdout, done.stdout[-3000:]
    assert "ndocumented" in done.stdout, done.stdout[-3000:]
