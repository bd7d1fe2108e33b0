"""Clients' webhooks and messages for the operator: `backdrop clients …`."""

import json
from typing import TYPE_CHECKING, Any

import click

from service.cli.options import Opened, on_database

if TYPE_CHECKING:
    from service.webhooks.endpoints import Webhooks


def _webhooks(opened: Opened) -> "Webhooks":
    from service.database.encryption import open_cipher
    from service.webhooks.endpoints import Webhooks

    allowed = opened.settings.webhook_allow_private
    return Webhooks(opened.engine, open_cipher(opened.settings), allow_private=allowed)


def webhook_states(opened: Opened) -> dict[str, str]:
    """Return "enabled" or "disabled" for each client with a webhook, by client id."""
    return {client_id: _state(endpoint) for client_id, endpoint in _webhooks(opened).all().items()}


def _state(endpoint: Any) -> str:
    return "disabled" if endpoint.disabled_at else "enabled"


def _show_secret(registered: tuple[Any, str], as_json: bool) -> None:
    endpoint, secret = registered
    if as_json:
        click.echo(json.dumps({"client_id": endpoint.client_id, "url": endpoint.url, "secret": secret}))
    else:
        click.echo(endpoint.url)
        click.echo(f"secret (shown only once): {secret}")


_as_secret_json = click.option("--json", "as_json", is_flag=True, help='Print {"client_id", "url", "secret"}.')


@click.command("set-webhook")
@click.argument("name")
@click.argument("url")
@_as_secret_json
@on_database
def set_webhook(name: str, url: str, as_json: bool, opened: Opened) -> None:
    """Send a message to URL when a job of the client ends.

    Prints the signing secret once. Replaces the client's previous URL and secret, and enables a disabled webhook.
    Waiting messages go to the new URL.
    """
    _show_secret(_webhooks(opened).register(name, url), as_json)


@click.command("clear-webhook")
@click.argument("name")
@on_database
def clear_webhook(name: str, opened: Opened) -> None:
    """Remove a client's webhook and drop its waiting messages."""
    dropped = _webhooks(opened).clear(name)
    click.echo(f"{name}: no webhook; {dropped} waiting messages dropped")


@click.command("rotate-webhook-secret")
@click.argument("name")
@click.option(
    "--grace-hours",
    type=click.FloatRange(0),
    default=24.0,
    show_default=True,
    help="Hours for which the old secret signs as well. 0: the old secret stops at once.",
)
@_as_secret_json
@on_database
def rotate_webhook_secret(name: str, grace_hours: float, as_json: bool, opened: Opened) -> None:
    """Make a new webhook secret and print it once. The old secret signs as well during the grace period."""
    _show_secret(_webhooks(opened).rotate(name, grace=grace_hours * 3600), as_json)


@click.command("webhook")
@click.argument("name")
@click.option("--resend", metavar="ID", help="Send this message again, under the same id.")
@click.option("--test", is_flag=True, help="Send a test message. Backdrop tries it once.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Messages to show.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@on_database
def webhook(name: str, resend: str | None, test: bool, limit: int, as_json: bool, opened: Opened) -> None:
    """Show a client's webhook and its latest messages. Shows state, attempts, last answer and next attempt."""
    webhooks = _webhooks(opened)
    if resend is not None:
        webhooks.resend(name, resend)
    if test:
        webhooks.test(name)
    endpoint, messages = webhooks.find(name), webhooks.latest(name, limit=limit)
    if as_json:
        shown = {"webhook": None if endpoint is None else vars(endpoint), "messages": [vars(one) for one in messages]}
        click.echo(json.dumps(shown, default=_text))
        return
    click.echo("no webhook" if endpoint is None else f"{endpoint.url}  {_state(endpoint)}")
    if endpoint is not None and endpoint.previous_until:
        click.echo(f"the previous secret also signs until {_text(endpoint.previous_until)}")
    for one in messages:
        last = one.last_error or (f"HTTP {one.last_status}" if one.last_status else "not sent yet")
        then = f"  next {_text(one.next_attempt_at)}" if one.next_attempt_at else ""
        about = one.job_id or one.order_id or "no job"
        click.echo(f"{one.id}  {one.type}  {about}  {one.state}  attempts {one.attempts}  {last}{then}")


def _text(time: Any) -> str:
    return str(time.isoformat(timespec="seconds").replace("+00:00", "Z"))


WEBHOOK_COMMANDS = (set_webhook, clear_webhook, rotate_webhook_secret, webhook)
