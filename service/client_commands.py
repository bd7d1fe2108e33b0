"""`backdrop clients`: register, grant, list, disable, set Shopify secrets."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from service.options import home_option, settings_from
from service.webhook_commands import webhook_states


@click.group()
def clients() -> None:
    """Register clients, grant credits, disable, set Shopify secrets."""


def _with_accounts(action: Callable[[Any], Any], home: Path | None) -> Any:
    from service.accounts import Accounts, ClientExists, UnknownClient
    from service.database import create_engine
    from service.database import migrate as bring_up_to_date

    engine = create_engine(settings_from(home=home).sqlalchemy_url)
    bring_up_to_date(engine)
    try:
        return action(Accounts(engine))
    except (ClientExists, UnknownClient, ValueError) as error:
        raise click.ClickException(str(error.args[0])) from error


def _show(client: Any, webhook: str | None = None) -> None:
    state = "disabled" if client.disabled_at else f"{client.balance} credits"
    told = f"  webhook {webhook}" if webhook else ""
    click.echo(f"{client.name}  {client.id}  {state}{told}")


@clients.command("add")
@click.argument("name")
@click.option("--credits", type=click.IntRange(0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help='Print {"client_id", "key"}.')
@home_option
def add_client(name: str, credits: int, as_json: bool, home: Path | None) -> None:
    """Register a client and print its key, once."""
    client, key = _with_accounts(lambda accounts: accounts.add(name, credits=credits), home)
    if as_json:
        click.echo(json.dumps({"client_id": client.id, "key": key}))
    else:
        _show(client)
        click.echo(f"key (shown this once): {key}")


@clients.command("grant")
@click.argument("name")
@click.argument("credits", type=click.IntRange(1))
@home_option
def grant_credits(name: str, credits: int, home: Path | None) -> None:
    """Add credits to a client."""
    _show(_with_accounts(lambda accounts: accounts.grant(name, credits), home))


@clients.command("list")
@click.option("--json", "as_json", is_flag=True)
@home_option
def list_clients(as_json: bool, home: Path | None) -> None:
    """List all clients, and whether each has a webhook."""
    found = _with_accounts(lambda accounts: accounts.all(), home)
    webhooks = webhook_states(home)
    if as_json:
        items = [
            {
                "client_id": one.id,
                "name": one.name,
                "balance": one.balance,
                "disabled": one.disabled_at is not None,
                "webhook": webhooks.get(one.id),
            }
            for one in found
        ]
        click.echo(json.dumps(items))
        return
    for client in found:
        _show(client, webhooks.get(client.id))


@clients.command("disable")
@click.argument("name")
@home_option
def disable_client(name: str, home: Path | None) -> None:
    """Refuse a client's keys from now on."""
    _show(_with_accounts(lambda accounts: accounts.disable(name), home))


@clients.command("set-shopify-secret")
@click.argument("name")
@click.option("--secret", prompt=True, hide_input=True, help="Asked for when not given, so that no history keeps it.")
@home_option
def set_shopify_secret(name: str, secret: str, home: Path | None) -> None:
    """Set the secret that signs this client's requests; the one before it stays good until the next change."""
    _show(_with_accounts(lambda accounts: accounts.set_shopify_secret(name, secret), home))
