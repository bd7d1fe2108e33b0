"""The previous release runs on the new schema, as an upgrade without downtime needs, and this release reads its rows.

Its code is the newest tag's or, without a tag, the code of the commit in `release_before.txt`
(`benchmarks/operations/upgrade.py`).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.operations.upgrade import NoReleaseBefore, environment_of, unpack_release_before
from service.diagnostics.audit import Bounds, audit
from service.jobs.transitions import Jobs

pytestmark = pytest.mark.nightly  # tests/service/database/test_migrations.py checks this release
ROOT = Path(__file__).parents[2]
UPGRADE = ROOT / "benchmarks" / "operations" / "upgrade.py"


@pytest.fixture(scope="session")
def release_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The previous release's code, in a folder of its own."""
    folder = tmp_path_factory.mktemp("release-before")
    try:
        unpack_release_before(folder)
    except NoReleaseBefore as error:
        if "CI" in os.environ:  # noqa: TID251  # in CI a skipped test would go unnoticed
            raise
        pytest.skip(str(error))  # an archive of the source has no history
    return folder


def test_the_previous_release_runs_on_the_new_schema_and_this_one_continues_with_its_rows(
    engine: sa.Engine, migrated_url: str, release_before: Path
) -> None:
    environment = {
        **os.environ,  # noqa: TID251  # the child's environment
        **environment_of(release_before),
        "DATABASE_URL": migrated_url,
    }
    command = [sys.executable, str(ROOT / "tests" / "system" / "release_before.py")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr[-3000:]
    result = json.loads(ended.stdout)
    assert result == {"code": str(release_before), "known": True, "balance": 4, "findings": []}
    claim = Jobs(engine, lease=60, max_attempts=2).claim("host:1")
    assert claim is not None, "this release runs a job of that one"
    assert audit(engine, Bounds(max_attempts=2)).findings == []


def test_both_releases_run_side_by_side_under_load_and_lose_nothing(release_before: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(UPGRADE), "--seconds", "10", "--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "The upgrade lost nothing" in done.stdout
