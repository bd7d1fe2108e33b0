"""The release before runs on the new schema, as an upgrade without downtime needs, and leaves what this one can use.

Its code is that of the newest tag or, where there is none, of the commit before the newest migration.
"""

import json
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.diagnostics.audit import audit
from service.diagnostics.audit_rules import Bounds
from service.jobs.transitions import Jobs

pytestmark = pytest.mark.nightly  # of what tests/service/database/test_migrations.py proves of this release
_ROOT = Path(__file__).parents[2]
_MIGRATIONS = "service/database/migrations/versions"


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", "-C", str(_ROOT), *arguments], check=True, capture_output=True).stdout


@pytest.fixture(scope="session")
def release_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the release before, in a folder of its own."""
    if not (_ROOT / ".git").exists():
        pytest.skip("no history: the release before is not here")
    tags = git("tag", "--list", "v*", "--sort=-v:refname").decode().split()
    newest = max(path.name for path in (_ROOT / _MIGRATIONS).glob("v*.py"))
    added = git("log", "--diff-filter=A", "-1", "--format=%H", "--", f"{_MIGRATIONS}/{newest}").decode().strip()
    if not tags and not added:
        pytest.skip("the newest migration is not committed yet")
    folder = tmp_path_factory.mktemp("release-before")
    archive = git("archive", tags[0] if tags else f"{added}^", "service", "pipeline", "models", "client")
    with tarfile.open(fileobj=BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    return folder


def test_the_release_before_runs_on_the_new_schema_and_this_one_goes_on_with_what_it_left(
    engine: sa.Engine, migrated_url: str, release_before: Path
) -> None:
    environment = {
        **os.environ,  # noqa: TID251  # what the child process gets
        "PYTHONPATH": f"{release_before}:{release_before / 'client'}",
        "PYTHONSAFEPATH": "1",  # the folder that it stands in is this release's
        "DATABASE_URL": migrated_url,
    }
    command = [sys.executable, str(_ROOT / "tests" / "system" / "release_before.py")]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr[-3000:]
    told = json.loads(ended.stdout)
    assert told == {"code": str(release_before), "known": True, "balance": 4, "findings": []}
    claim = Jobs(engine, lease=60, max_attempts=2).claim("host:1")
    assert claim is not None, "a job that it made is run by this one"
    assert audit(engine, Bounds(max_attempts=2)).findings == []
