"""`backdrop clients set-webhook|clear-webhook|rotate-webhook-secret|webhook`: where a client's messages go."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from service.cli.options import home_option, migrated_engine, settings_from


def _with_webhooks(action: Callable[[Any], Any], home: Path | None) -> Any:
    from service.accounts.clients import UnknownClient
    from service.database.encryption import open_cipher
    from service.webhooks.endpoints import NoWebhook, UnknownDelivery, UrlInvalid, Webhooks

    settings = settings_from(home=home)
    engine = migrated_engine(settings)
    try:
        return action(Webhooks(engine, open_cipher(settings), allow_private=settings.webhook_allow_private))
    except (UnknownClient, NoWebhook, UnknownDelivery, UrlInvalid) as error:
        raise click.ClickException(str(error.args[0])) from error


def webhook_states(home: Path | None) -> dict[str, str]:
    """Return "enabled" or "disabled" by the id of each client that has a webhook."""
    endpoints = _with_webhooks(lambda webhooks: webhooks.all(), home)
    return {client_id: _state(endpoint) for client_id, endpoint in endpoints.items()}


def _state(endpoint: Any) -> str:
    return "disabled" if endpoint.disabled_at else "enabled"


def _show_secret(registered: tuple[Any, str], as_json: bool) -> None:
    endpoint, secret = registered
    if as_json:
        click.echo(json.dumps({"client_id": endpoint.client_id, "url": endpoint.url, "secret": secret}))
    else:
        click.echo(endpoint.url)
        click.echo(f"secret (shown this once): {secret}")


_as_secret_json = click.option("--json", "as_json", is_flag=True, help='Print {"client_id", "url", "secret"}.')


@click.command("set-webhook")
@click.argument("name")
@click.argument("url")
@_as_secret_json
@home_option
def set_webhook(name: str, url: str, as_json: bool, home: Path | None) -> None:
    """Tell URL how each of a client's jobs ends, and print the secret that signs, once.

    Replaces the URL and secret that were set before, and enables a webhook that was disabled. What still waits goes to
    the new URL.
    """
    _show_secret(_with_webhooks(lambda webhooks: webhooks.register(name, url), home), as_json)


@click.command("clear-webhook")
@click.argument("name")
@home_option
def clear_webhook(name: str, home: Path | None) -> None:
    """Tell nobody any more, and drop what still waits."""
    dropped = _with_webhooks(lambda webhooks: webhooks.clear(name), home)
    click.echo(f"{name}: no webhook; {dropped} waiting messages dropped")


@click.command("rotate-webhook-secret")
@click.argument("name")
@click.option("--grace-hours", type=click.FloatRange(0), default=24.0, show_default=True)
@_as_secret_json
@home_option
def rotate_webhook_secret(name: str, grace_hours: float, as_json: bool, home: Path | None) -> None:
    """Make a new secret and print it, once. The one before signs as well during the grace period; 0: no longer."""
    rotated = _with_webhooks(lambda webhooks: webhooks.rotate(name, grace=grace_hours * 3600), home)
    _show_secret(rotated, as_json)


@click.command("webhook")
@click.argument("name")
@click.option("--resend", metavar="ID", help="Send this message again, under the same id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Messages to show.")
@click.option("--json", "as_json", is_flag=True)
@home_option
def webhook(name: str, resend: str | None, limit: int, as_json: bool, home: Path | None) -> None:
    """Show a client's webhook and its latest messages: state, attempts, last answer, next attempt."""
    if resend is not None:
        _with_webhooks(lambda webhooks: webhooks.resend(name, resend), home)
    endpoint, messages = _with_webhooks(
        lambda webhooks: (webhooks.find(name), webhooks.latest(name, limit=limit)), home
    )
    if as_json:
        shown = {"webhook": None if endpoint is None else vars(endpoint), "messages": [vars(one) for one in messages]}
        click.echo(json.dumps(shown, default=_text))
        return
    click.echo("no webhook" if endpoint is None else f"{endpoint.url}  {_state(endpoint)}")
    if endpoint is not None and endpoint.previous_until:
        click.echo(f"the secret before signs as well until {_text(endpoint.previous_until)}")
    for one in messages:
        last = one.last_error or (f"HTTP {one.last_status}" if one.last_status else "not sent yet")
        then = f"  next {_text(one.next_attempt_at)}" if one.next_attempt_at else ""
        click.echo(f"{one.id}  {one.type}  {one.job_id}  {one.state}  attempts {one.attempts}  {last}{then}")


def _text(time: Any) -> str:
    return str(time.isoformat(timespec="seconds").replace("+00:00", "Z"))


WEBHOOK_COMMANDS = (set_webhook, clear_webhook, rotate_webhook_secret, webhook)
