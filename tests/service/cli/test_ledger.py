"""`backdrop ledger check`: the counts of a sound ledger, and the faults of another."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli.main import main
from service.database.engine import create_engine
from service.database.tables import clients
from service.settings import Settings
from tests.support.databases import migrated_engine
from tests.support.shop import Shop, render


def check(home: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["ledger", "check", "--home", str(home), *options])
    return result.exit_code, result.output


@pytest.fixture
def home(tmp_path: Path) -> Path:
    engine = migrated_engine(Settings(home=tmp_path))
    shop = Shop(engine)
    shop.order()
    shop.jobs.succeed(shop.claim(shop.order()), render())
    engine.dispose()
    return tmp_path


def test_the_command_prints_the_counts_of_a_sound_ledger(home: Path) -> None:
    status, output = check(home)
    assert status == 0
    assert "2  jobs\n" in output
    assert "No problems found." in output

    status, output = check(home, "--json")
    report = json.loads(output)
    assert (status, report["ok"], report["findings"], report["counts"]["credits debited"]) == (0, True, [], 4)


def test_the_command_names_the_faults_and_exits_with_1(home: Path) -> None:
    engine = create_engine(Settings(home=home).sqlalchemy_url)
    with engine.begin() as connection:
        connection.execute(clients.update().values(balance=clients.c.balance + 1))
    engine.dispose()

    status, output = check(home, "--objects")
    assert status == 1
    assert "balance_is_the_ledgers_sum: client_id " in output
    assert "render_has_its_bytes: public_id " in output
    assert "2 problems found." in output

    status, output = check(home, "--json")
    (finding,) = json.loads(output)["findings"]
    assert (status, finding["rule"], finding["balance"], finding["ledger"]) == (1, "balance_is_the_ledgers_sum", 7, 6)
