"""Clients at the command line: credits, keys, signatures, webhooks, weights, limits."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from service.accounts.clients import Accounts
from service.cli.main import main
from service.database.clock import db_now
from service.database.encryption import open_cipher
from service.database.engine import create_engine
from service.database.tables import webhooks
from service.settings import Settings
from service.webhooks.endpoints import Webhooks
from tests.support.command_line import migrated_home, run


def test_a_client_is_added_granted_listed_and_disabled(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    added = json.loads(run("clients", "add", "acme", "--credits", "5", "--json", *home).output)
    assert set(added) == {"client_id", "key"}
    for _ in range(2):
        assert run("clients", "grant", "acme", "7", "--operation-id", "invoice-7", *home).exit_code == 0
    assert run("clients", "set-shopify-secret", "acme", "--secret", "s", *home).exit_code == 0
    assert run("clients", "disable", "acme", *home).exit_code == 0

    (listed,) = json.loads(run("clients", "list", "--json", *home).output)

    assert listed == {
        "client_id": added["client_id"],
        "name": "acme",
        "balance": 12,
        "disabled": True,
        "sandbox": False,
        "signature_required": False,
        "unfinished_jobs": 0,
        "stored_photo_bytes": 0,
        "weight": 1,
        "catalogue": None,
        "accept": None,
        "webhook": None,
    }


def test_a_sandbox_is_listed_as_one_and_gets_no_credits(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    refused = run("clients", "add", "ci", "--sandbox", "--credits", "5", *home)
    assert (refused.exit_code, "sandbox" in refused.output) == (1, True)
    added = json.loads(run("clients", "add", "ci", "--sandbox", "--json", *home).output)
    assert added["key"].startswith("bd_test_")
    assert run("clients", "grant", "ci", "7", *home).exit_code == 1
    assert json.loads(run("clients", "rotate-key", "ci", "--json", *home).output)["key"].startswith("bd_test_")
    assert "0 credits  enabled  sandbox" in run("clients", "list", *home).output


def test_a_webhook_is_shown_with_its_messages_and_its_state(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    run("clients", "add", "acme", *home)
    assert run("clients", "webhook", "acme", *home).output == "no webhook\n"
    assert "webhook" not in run("clients", "list", *home).output
    engine = create_engine(f"sqlite:///{tmp_path / 'backdrop.db'}")
    owned = Webhooks(engine)
    owned.register("acme", "https://shop.example/")
    owned.test("acme")
    owned.rotate("acme", grace=60)

    first, second, third = run("clients", "webhook", "acme", *home).output.splitlines()

    assert first == "https://shop.example/  enabled"
    assert "also signs until 20" in second
    assert "webhook.test  no job  waiting  attempts 0  not sent yet  next 20" in third
    (message,) = json.loads(run("clients", "webhook", "acme", "--json", *home).output)["messages"]
    assert third.startswith(message["id"])
    assert "webhook enabled" in run("clients", "list", *home).output
    with engine.begin() as connection:
        connection.execute(webhooks.update().values(disabled_at=db_now()))
    engine.dispose()
    assert json.loads(run("clients", "list", "--json", *home).output)[0]["webhook"] == "disabled"
    assert "https://shop.example/  disabled" in run("clients", "webhook", "acme", *home).output
    assert "no client named 'nobody'" in run("clients", "webhook", "nobody", *home).output


def test_the_list_of_clients_shows_balance_state_unfinished_jobs_and_unusual_weights(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    for name in ("acme", "zenith"):
        run("clients", "add", name, "--credits", "5", *home)
    run("clients", "disable", "zenith", *home)
    assert run("clients", "weight", "zenith", "2", *home).output.endswith("  5 credits  disabled  weight 2\n")

    first, second = run("clients", "list", *home).output.splitlines()

    assert first.startswith("acme  ")
    assert first.endswith("  5 credits  enabled  0 unfinished jobs")
    assert second.startswith("zenith  ")
    assert second.endswith("  5 credits  disabled  0 unfinished jobs  weight 2")
    assert [one["weight"] for one in json.loads(run("clients", "list", "--json", *home).output)] == [1, 2]
    assert "enabled" in run("clients", "enable", "zenith", *home).output
    assert run("clients", "accept", "acme", '{"set": "strict"}', *home).output.endswith('  accept {"set": "strict"}\n')
    wrong = run("clients", "accept", "acme", "strickt", *home)
    assert (wrong.exit_code, "Did you mean strict?" in wrong.output) == (1, True)
    assert json.loads(run("clients", "list", "--json", *home).output)[0]["accept"] == '{"set": "strict"}'
    assert run("clients", "accept", "acme", "default", *home).output.endswith("  5 credits  enabled\n")
    assert run("clients", "weight", "acme", "0", *home).exit_code == 2
    for command in (("weight", "nobody", "2"), ("grant", "nobody", "1"), ("rotate-key", "nobody")):
        unknown = run("clients", *command, *home)
        assert (unknown.exit_code, "no client named 'nobody'" in unknown.output) == (1, True)
    again = run("clients", "add", "acme", *home)
    assert (again.exit_code, "exists already" in again.output) == (1, True)


def test_signatures_can_be_required_and_not_without_a_change_of_the_secret(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    run("clients", "add", "acme", *home)

    def set_to(*options: str, said: str | None = None) -> Result:
        return CliRunner().invoke(main, ["clients", "set-shopify-secret", "acme", *options, *home], input=said)

    def listed() -> bool:
        (one,) = json.loads(run("clients", "list", "--json", *home).output)
        assert ("signature required" in run("clients", "list", *home).output) == one["signature_required"]
        return bool(one["signature_required"])

    def secrets() -> tuple[str, ...]:
        settings = Settings(home=tmp_path)
        accounts = Accounts(create_engine(settings.sqlalchemy_url), open_cipher(settings))
        return accounts.shopify_secrets(accounts.named("acme"))

    assert "Secret" in set_to("--require", said="first\n").output, "there is no secret to sign with yet"
    assert (listed(), secrets()) == (True, ("first",))
    assert set_to("--no-require").exit_code == 0
    assert (listed(), secrets()) == (False, ("first",))
    assert set_to("--require").exit_code == 0
    assert set_to(said="second\n").exit_code == 0
    assert (listed(), secrets()) == (True, ("second", "first"))


def test_a_key_is_rotated_and_the_new_key_printed_once(tmp_path: Path) -> None:
    home = migrated_home(tmp_path)
    accounts = Accounts(create_engine(Settings(home=tmp_path).sqlalchemy_url))
    added = json.loads(run("clients", "add", "acme", "--json", *home).output)

    kept = json.loads(run("clients", "rotate-key", "acme", "--keep-old", "24", "--json", *home).output)
    assert set(kept) == {"client_id", "key"}
    assert kept["client_id"] == added["client_id"]
    assert all(accounts.authenticate(one["key"]) for one in (added, kept))

    shown = run("clients", "rotate-key", "acme", *home).output
    key = shown.rpartition("key (shown only once): ")[2].strip()
    assert accounts.authenticate(key) is not None
    assert not any(accounts.authenticate(one["key"]) for one in (added, kept))
    assert key not in run("clients", "list", *home).output
