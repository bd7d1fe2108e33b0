"""Commands and their database: a missing, empty or old one, and migrations."""

import os
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.database.engine import create_engine
from service.settings import Settings
from tests.support.command_line import run
from tests.support.databases import new_database


def test_only_migrate_creates_a_database_and_other_commands_name_the_missing_one(tmp_path: Path) -> None:
    home = tmp_path / "other"
    clients, others = ("clients list", "clients add acme", "clients webhook acme"), ("ledger check", "ops jobs")
    for command in (*clients, *others, "secrets check", "secrets reencrypt"):
        result = run(*command.split(), "--home", str(home))

        assert result.exit_code == 1
        assert f"There is no Backdrop database at {home / 'backdrop.db'}." in result.output
        assert "another --home, BACKDROP_HOME or" in result.output
        assert f"`backdrop migrate --home {home}`" in result.output
        assert not home.exists(), "it creates nothing, no key either"


def test_an_empty_and_an_old_schema_are_reported_without_the_password(
    postgresql_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database(postgresql_server, tmp_path.name)
    shown = sa.make_url(url).set(password="secret")  # any password works: the server trusts this machine
    monkeypatch.setenv("BACKDROP_DATABASE_URL", shown.render_as_string(hide_password=False))
    missing = run("clients", "list").output
    assert f"There is no Backdrop database at {Settings().sqlalchemy_url.replace(':secret@', ':***@')}." in missing
    assert "run `backdrop migrate`." in missing
    assert run("migrate").exit_code == 0
    engine = create_engine(Settings().sqlalchemy_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0011'"))
    engine.dispose()

    old = run("clients", "list").output

    assert "is 0011, but this release needs 00" in old
    assert "secret" not in missing + old


def test_a_part_does_not_start_without_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKDROP_QUEUE_URL", "redis://127.0.0.1:9/0")
    for part in ("api", "sweep"):
        assert run(part, "--home", str(tmp_path)).exit_code == os.EX_CONFIG
    assert not (tmp_path / "backdrop.db").exists()


def test_migrate_lists_its_migrations_makes_a_private_home_and_restores_the_umask(
    tmp_path: Path,
) -> None:
    home, beside = tmp_path / "home", tmp_path / "beside"
    before = os.umask(0o022)
    try:
        first, second = (run("migrate", "--home", str(home)).output for _ in range(2))
        beside.touch()
    finally:
        os.umask(before)
    assert first.startswith("applied 0026: The whole schema of this release.\n")
    assert second == "The database is up to date.\n"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, home / "backdrop.db", beside)}
    assert modes == {"home": 0o700, "backdrop.db": 0o600, "beside": 0o644}
