"""`backdrop secrets`: the keys that encrypt what signs for clients, and how each secret is stored."""

import json
from pathlib import Path
from typing import Any

import click

from service.cli.options import home_option, migrated_engine, settings_from


@click.group()
def secrets() -> None:
    """Encrypt what signs for clients: Shopify's secrets and those of webhooks."""


@secrets.command("new-key")
def new_key() -> None:
    """Print a new key for BACKDROP_ENCRYPTION_KEYS."""
    from service.database.encryption import new_encryption_key

    click.echo(new_encryption_key())


@secrets.command("check")
@click.option("--json", "as_json", is_flag=True, help='Print {"ok", "secrets": {column: {state: count}}}.')
@home_option
def check(as_json: bool, home: Path | None) -> None:
    """Count the secrets by how they are stored; status 1 while any is in the clear, unreadable, or by an older key."""
    from service.database.reencryption import SecretState, secret_states

    engine, cipher = _open(home)
    states = secret_states(engine, cipher)
    wrong = sum(count.total() - count[SecretState.CURRENT] for count in states.values())
    if as_json:
        click.echo(json.dumps({"ok": not wrong, "secrets": states}))
    else:
        for column, count in states.items():
            said = ", ".join(f"{number} {state}" for state, number in sorted(count.items()))
            click.echo(f"{column:<32} {said or 'none'}")
        click.echo("All are encrypted with the first key." if not wrong else f"{wrong} are not as they should be.")
    raise SystemExit(1 if wrong else 0)


@secrets.command("reencrypt")
@click.option("--to-plain", is_flag=True, help="Decrypt all: before a step back to a release that can't.")
@home_option
def reencrypt(to_plain: bool, home: Path | None) -> None:
    """Encrypt every secret with the first key, those in the clear and those by older keys; the service may run."""
    from service.database.encryption import SecretCipher
    from service.database.reencryption import reencrypt as store_anew

    engine, cipher = _open(home)
    if not cipher.encrypts:
        raise click.ClickException(
            "There is no key: set BACKDROP_ENCRYPTION_KEYS. `backdrop secrets new-key` makes one."
        )
    counts = store_anew(engine, cipher, SecretCipher() if to_plain else None)
    click.echo(f"{counts['changed']} changed, {counts['left']} were as they should be.")
    if counts["unreadable"]:
        raise click.ClickException(
            f"{counts['unreadable']} are encrypted with a key that is not set: add it to BACKDROP_ENCRYPTION_KEYS."
        )


def _open(home: Path | None) -> tuple[Any, Any]:
    from service.database.encryption import open_cipher

    settings = settings_from(home=home)
    return migrated_engine(settings), open_cipher(settings)
