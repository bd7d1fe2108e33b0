"""`backdrop clients`: register, grant, weigh, list, rotate keys, disable and enable, set secrets and catalogues.

`backdrop secrets`: the keys that encrypt clients' signing secrets, and how each secret is stored.
"""

import json
from typing import TYPE_CHECKING, Any

import click

from service.cli.options import Opened, on_database

if TYPE_CHECKING:
    from service.accounts.clients import Accounts
    from service.webhooks.endpoints import WebhookEndpoint


@click.group()
def clients() -> None:
    """Register and manage clients: credits, weights, keys, webhooks and secrets."""


def _accounts(opened: Opened) -> "Accounts":
    from service.accounts.clients import Accounts
    from service.database.encryption import open_cipher

    return Accounts(opened.engine, open_cipher(opened.settings))


def _show(client: Any, also: str = "") -> None:
    state = "disabled" if client.disabled_at else "enabled"
    state += "  sandbox" if client.sandbox else ""
    signs = "  signature required" if client.signature_required else ""
    own = f"  catalogue {client.catalogue}" if client.catalogue else ""
    limits = f"  accept {client.accept}" if client.accept else ""
    click.echo(f"{client.name}  {client.id}  {client.balance} credits  {state}{signs}{own}{limits}{also}")


def _show_key(client: Any, key: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"client_id": client.id, "key": key}))
    else:
        _show(client)
        click.echo(f"key (shown only once): {key}")


@clients.command("add")
@click.argument("name")
@click.option("--credits", type=click.IntRange(0), default=0, show_default=True, help="Credits to start with.")
@click.option("--sandbox", is_flag=True, help="For tests: nothing is charged, and pictures have a visible watermark.")
@click.option("--json", "as_json", is_flag=True, help='Print {"client_id", "key"}.')
@on_database
def add_client(name: str, credits: int, sandbox: bool, as_json: bool, opened: Opened) -> None:
    """Register a client and print its key. The key is shown only once."""
    client, key = _accounts(opened).add(name, credits=credits, sandbox=sandbox)
    _show_key(client, key, as_json)


@clients.command("grant")
@click.argument("name")
@click.argument("credits", type=click.IntRange(1))
@click.option("--operation-id", metavar="ID", help="Your own id of this grant, such as an invoice's. It grants once.")
@on_database
def grant_credits(name: str, credits: int, operation_id: str | None, opened: Opened) -> None:
    """Add credits to a client. A repeat with the same --operation-id grants nothing more."""
    from ulid import ULID

    from service.database.commit import OutcomeUnknown

    operation_id = operation_id or str(ULID())
    try:
        _show(_accounts(opened).grant(name, credits, operation_id))
    except OutcomeUnknown as error:
        repeat = f"backdrop clients grant {name!r} {credits} --operation-id {operation_id}"
        raise click.ClickException(f"The database went away, and may have granted them. Run: {repeat}") from error


@clients.command("weight")
@click.argument("name")
@click.argument("weight", type=click.IntRange(1, 1000))
@on_database
def weigh_client(name: str, weight: int, opened: Opened) -> None:
    """Set a client's share of the workers. A client of WEIGHT 2 gets twice the share of a client of weight 1.

    Applies to jobs that already wait, too.
    """
    from service.jobs.turns import set_weight

    set_weight(opened.engine, name, weight)
    _show(_accounts(opened).named(name), f"  weight {weight}")


@clients.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@on_database
def list_clients(as_json: bool, opened: Opened) -> None:
    """List all clients.

    Shows balance, state, sandbox, required signature, own catalogue, unfinished jobs, bytes of stored photos, weight
    (unless 1), webhook.
    """
    from service.storage.registry import ObjectRegistry
    from service.webhooks.endpoints import Webhooks

    accounts, stored = _accounts(opened), ObjectRegistry(opened.engine).stored_bytes()
    found, unfinished = accounts.all(), accounts.unfinished_jobs()
    webhooks = {client_id: _webhook_state(one) for client_id, one in Webhooks(opened.engine).all().items()}
    if as_json:
        items = [
            {
                "client_id": one.id,
                "name": one.name,
                "balance": one.balance,
                "disabled": one.disabled_at is not None,
                "sandbox": one.sandbox,
                "signature_required": one.signature_required,
                "unfinished_jobs": unfinished.get(one.id, 0),
                "stored_photo_bytes": stored.get(one.id, 0),
                "weight": one.weight,
                "catalogue": one.catalogue,
                "accept": one.accept,
                "webhook": webhooks.get(one.id),
            }
            for one in found
        ]
        click.echo(json.dumps(items))
        return
    for client in found:
        webhook = webhooks.get(client.id)
        also = f"  {unfinished.get(client.id, 0)} unfinished jobs"
        also += f"  {stored[client.id] / 1e6:.0f} MB of photos" if stored.get(client.id) else ""
        also += f"  weight {client.weight}" if client.weight != 1 else ""
        _show(client, also + (f"  webhook {webhook}" if webhook else ""))


@clients.command("webhook")
@click.argument("name")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Messages to show.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@on_database
def webhook(name: str, limit: int, as_json: bool, opened: Opened) -> None:
    """Show a client's webhook and its latest messages. Shows state, attempts, last answer and next attempt."""
    from service.webhooks.endpoints import DeliveryLog, Webhooks

    endpoint = Webhooks(opened.engine).find(name)
    messages = DeliveryLog(opened.engine).page(_accounts(opened).named(name).id, limit=limit).items
    if as_json:
        shown = {"webhook": None if endpoint is None else vars(endpoint), "messages": [vars(one) for one in messages]}
        click.echo(json.dumps(shown, default=_text))
        return
    click.echo("no webhook" if endpoint is None else f"{endpoint.url}  {_webhook_state(endpoint)}")
    if endpoint is not None and endpoint.previous_until:
        click.echo(f"the previous secret also signs until {_text(endpoint.previous_until)}")
    for one in messages:
        last = one.last_error or (f"HTTP {one.last_status}" if one.last_status else "not sent yet")
        then = f"  next {_text(one.next_attempt_at)}" if one.next_attempt_at else ""
        about = one.job_id or one.order_id or "no job"
        click.echo(f"{one.id}  {one.type}  {about}  {one.state}  attempts {one.attempts}  {last}{then}")


def _webhook_state(endpoint: "WebhookEndpoint") -> str:
    return "disabled" if endpoint.disabled_at else "enabled"


def _text(time: Any) -> str:
    return str(time.isoformat(timespec="seconds").replace("+00:00", "Z"))


@clients.command("rotate-key")
@click.argument("name")
@click.option(
    "--keep-old",
    "hours",
    type=click.IntRange(0, 24 * 365),
    default=0,
    show_default=True,
    help="Hours for which the old key still works.",
)
@click.option("--json", "as_json", is_flag=True, help='Print {"client_id", "key"}.')
@on_database
def rotate_key(name: str, hours: int, as_json: bool, opened: Opened) -> None:
    """Give a client a new key and print it once. The old key stops working, at once or after --keep-old hours."""
    client, key = _accounts(opened).rotate_key(name, keep_old=hours * 3600.0)
    _show_key(client, key, as_json)


@clients.command("disable")
@click.argument("name")
@on_database
def disable_client(name: str, opened: Opened) -> None:
    """Refuse all requests with a client's keys from now on."""
    _show(_accounts(opened).disable(name))


@clients.command("enable")
@click.argument("name")
@on_database
def enable_client(name: str, opened: Opened) -> None:
    """Accept a disabled client's keys again."""
    _show(_accounts(opened).enable(name))


@clients.command("set-catalogue")
@click.argument("name")
@click.argument("folder", required=False)
@click.option("--none", "shared", is_flag=True, help="Give the client the shared catalogue again.")
@on_database
def set_catalogue(name: str, folder: str | None, shared: bool, opened: Opened) -> None:
    """Give a client a catalogue of its own: the FOLDER in `clients` of BACKDROP_CATALOGUE.

    An API that started before the folder was there answers this client with 503 until it is restarted.
    """
    from service.catalogue.catalogue import CLIENTS, load_catalogue

    if shared == (folder is not None):
        raise click.UsageError("Name a FOLDER, or give --none.")
    there, own = opened.settings.catalogue, load_catalogue(opened.settings.catalogue).clients
    if folder is not None and folder not in own:
        known = f"Folders there: {', '.join(own) or 'none'}." if there else "BACKDROP_CATALOGUE is not set."
        raise click.ClickException(f"FOLDER: there is no {CLIENTS}/{folder} in the catalogue. {known}")
    _show(_accounts(opened).set_catalogue(name, folder))


@clients.command("accept")
@click.argument("name")
@click.argument("limits", metavar="standard|strict|none|JSON|default")
@on_database
def set_accept(name: str, limits: str, opened: Opened) -> None:
    """Set the limits for a client's orders that give none, and whose brand gives none. none and default: no limits.

    Applies to orders from now on.
    """
    from pipeline.delivery.acceptance import acceptance_faults

    limits = "" if limits in ("none", "default") else limits
    if fault := next(acceptance_faults(limits), None):
        raise click.ClickException(f"{fault.message} (received {fault.received}).")
    _show(_accounts(opened).set_accept(name, limits or None))


@clients.command("set-shopify-secret")
@click.argument("name")
@click.option("--secret", help="The secret. Without it a prompt reads the secret, so that no shell history keeps it.")
@click.option(
    "--require/--no-require",
    default=None,
    help="Refuse this client's unsigned changes, or accept them again. Without --secret, the secret stays the same.",
)
@on_database
def set_shopify_secret(name: str, secret: str | None, require: bool | None, opened: Opened) -> None:
    """Set the secret that signs a client's requests. The previous secret works until the next change."""
    accounts = _accounts(opened)
    client = accounts.named(name)
    if secret is None and (require is None or (require and not client.stored_secrets)):
        secret = click.prompt("Secret", hide_input=True)
    if secret is not None:
        client = accounts.set_shopify_secret(name, secret)
    if require is not None:
        client = accounts.require_signature(name, require)
    _show(client)


@clients.command("delete-data")
@click.argument("name")
@click.confirmation_option(prompt="Delete all of the client's data? This can't be undone.")
@on_database
def delete_data(name: str, opened: Opened) -> None:
    """Delete all of a client's data but its account and its ledger, and print the receipt as JSON."""
    from service.operations.erasure import Erasure

    receipt = Erasure(opened.engine, opened.settings).run(_accounts(opened).named(name).id)
    click.echo(json.dumps(receipt, default=str))


@clients.command("export")
@click.argument("name")
@click.argument("file", type=click.File("wb"))
@on_database
def export_data(name: str, file: Any, opened: Opened) -> None:
    """Write all of a client's data to FILE, a ZIP."""
    from service.operations.export import exported
    from service.storage.buckets import open_buckets

    for part in exported(opened.engine, open_buckets(opened.settings), _accounts(opened).named(name).id):
        file.write(part)


@click.group()
def secrets() -> None:
    """Encrypt the signing secrets of clients (Shopify and webhooks)."""


@secrets.command("new-key")
def new_key() -> None:
    """Print a new random key for BACKDROP_ENCRYPTION_KEYS."""
    from service.database.encryption import new_encryption_key

    click.echo(new_encryption_key())


@secrets.command("check")
@click.option("--json", "as_json", is_flag=True, help='Print {"ok", "secrets": {column: {state: count}}}.')
@on_database
def check(as_json: bool, opened: Opened) -> None:
    """Count the secrets by how they are stored. Status 1 if any is plain, unreadable, or encrypted by an older key."""
    from service.database.encryption import SecretState, open_cipher, secret_states

    states = secret_states(opened.engine, open_cipher(opened.settings))
    wrong = sum(count.total() - count[SecretState.CURRENT] for count in states.values())
    if as_json:
        click.echo(json.dumps({"ok": not wrong, "secrets": states}))
    else:
        for column, count in states.items():
            said = ", ".join(f"{number} {state}" for state, number in sorted(count.items()))
            click.echo(f"{column:<32} {said or 'none'}")
        click.echo("All are encrypted with the first key." if not wrong else f"{wrong} need `secrets reencrypt`.")
    raise SystemExit(1 if wrong else 0)


@secrets.command("reencrypt")
@click.option("--to-plain", is_flag=True, help="Decrypt all secrets, before a return to a release without encryption.")
@on_database
def reencrypt(to_plain: bool, opened: Opened) -> None:
    """Encrypt every secret with the first key. Includes plain ones and those of older keys. The service may run."""
    from service.database.encryption import SecretCipher, open_cipher
    from service.database.encryption import reencrypt as store_anew

    cipher = open_cipher(opened.settings)
    if not cipher.encrypts:
        raise click.ClickException(
            "BACKDROP_ENCRYPTION_KEYS has no key. Make one with `backdrop secrets new-key` and set it."
        )
    counts = store_anew(opened.engine, cipher, SecretCipher() if to_plain else None)
    click.echo(f"{counts['changed']} changed, {counts['left']} needed no change.")
    if counts["unreadable"]:
        raise click.ClickException(
            f"{counts['unreadable']} are encrypted with a missing key. Add it to BACKDROP_ENCRYPTION_KEYS."
        )
