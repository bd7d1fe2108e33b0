"""`backdrop secrets`: the keys that encrypt clients' signing secrets, and how each secret is stored."""

import json

import click

from service.cli.options import Opened, on_database


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
