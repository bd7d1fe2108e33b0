"""The files that an operator starts from: each matches this release and its documentation."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from service.accounts.clients import Accounts
from service.database.encryption import open_cipher
from service.database.engine import create_engine
from service.database.schema import migrate, require_schema
from service.database.tables import metadata
from service.settings import Settings
from tests.support.databases import new_database

SERVICE = Path(__file__).resolve().parents[3] / "service"
EXAMPLES = SERVICE / "examples"
#: Permissions for each call of boto3, https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
ACTIONS = {
    "get_object": "s3:GetObject",
    "head_object": "s3:GetObject",
    "put_object": "s3:PutObject",
    "delete_object": "s3:DeleteObject",
    "delete_objects": "s3:DeleteObject",
    "head_bucket": "s3:ListBucket",
    "get_paginator": "s3:ListBucket",
    "list_objects_v2": "s3:ListBucket",
}

ROLES = ("backdrop_owner", "backdrop", "backdrop_autoscaler")


def variables(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_environment_file_contains_only_valid_settings() -> None:
    given = {name.removeprefix("BACKDROP_"): value for name, value in variables(EXAMPLES / "backdrop.env").items()}
    ours = {name.lower(): value for name, value in given.items() if not name.startswith("AWS_")}
    assert ours.keys() <= Settings.model_fields.keys()
    settings = Settings(**ours)  # type: ignore[arg-type]  # checked by pydantic
    assert settings.store == "s3"
    assert settings.shutdown_delay == 10


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed: apt-get install systemd"
)
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    text = (EXAMPLES / "backdrop@.service").read_text()
    unit = tmp_path / "backdrop@.service"
    # The program is not installed here.
    unit.write_text(text.replace("ExecStart=backdrop", "ExecStart=true"))

    def verify() -> str:
        command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "backdrop@api.service")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return "\n".join(line for line in (done.stdout + done.stderr).splitlines() if "backdrop" in line)

    assert verify() == ""
    unit.write_text(unit.read_text().replace("KillMode=mixed", "KillMode=some"))
    assert "some" in verify()


def test_the_policy_allows_exactly_the_stores_calls() -> None:
    code = (SERVICE / "storage" / "s3.py").read_text()
    called = {*re.findall(r"_s3\.(?!meta)([a-z_0-9]+)\(", code), *re.findall(r'_presigned\("\w+", "(\w+)"', code)}
    called.discard("generate_presigned_url")
    assert called >= {"head_bucket", "put_object", "get_object"}
    policy = json.loads((EXAMPLES / "s3-policy.json").read_text())
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert allowed == {ACTIONS[call] for call in called}


@pytest.fixture
def server(postgresql_server: str) -> Iterator[str]:
    yield postgresql_server
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS test_roles WITH (FORCE)")
        connection.execute(f"DROP ROLE IF EXISTS {', '.join(ROLES)}")


def test_each_role_can_do_its_part_and_no_more(server: str) -> None:
    url = sa.make_url(new_database(server, "roles"))
    script: Any = (EXAMPLES / "roles.sql").read_text()

    def of(role: str) -> str:
        return url.set(username=role, password="secret").render_as_string(hide_password=False)

    def execute(role: str, statement: Any) -> None:
        with psycopg.connect(of(role)) as connection:
            connection.execute(statement)

    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as superuser:
        superuser.execute(script)
        for role in ROLES:
            superuser.execute(f"ALTER ROLE {role} PASSWORD 'secret'")
        owner = create_engine(Settings(database_url=of("backdrop_owner")).sqlalchemy_url)
        migrate(owner)
        owner.dispose()
        superuser.execute(script)

    settings = Settings(database_url=of("backdrop"))
    require_schema(settings.sqlalchemy_url)
    parts = create_engine(settings.sqlalchemy_url)
    Accounts(parts, open_cipher(settings)).add("acme", credits=100)
    parts.dispose()
    for table in metadata.tables:
        execute("backdrop", f"SELECT FROM {table} FOR UPDATE")
        execute("backdrop", f"DELETE FROM {table} WHERE false")
        execute("backdrop", f"INSERT INTO {table} SELECT * FROM {table} WHERE false")
    query = re.search(
        r"SELECT COALESCE.+?'IN_PROGRESS'\)", (SERVICE / "chart/templates/autoscaling.yaml").read_text(), re.S
    )
    assert query
    execute("backdrop_autoscaler", re.sub("{{.+?}}", "1", query[0]))
    for role, statement in (
        ("backdrop", "CREATE TABLE other (id int)"),
        ("backdrop", "DROP TABLE jobs"),
        ("backdrop", "UPDATE alembic_version SET version_num = '0001'"),
        ("backdrop_autoscaler", "SELECT spec FROM jobs"),
        ("backdrop_autoscaler", "SELECT name FROM clients"),
        ("backdrop_autoscaler", "UPDATE jobs SET status = 'SUCCESS'"),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            execute(role, statement)
