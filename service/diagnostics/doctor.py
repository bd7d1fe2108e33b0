"""`backdrop doctor`: reports the configuration, which services are reachable, and the device of each network."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.markup import escape

from service.accounts.clients import Accounts
from service.catalogue.catalogue import CLIENTS, load_catalogue
from service.database.encryption import SecretState, open_cipher, secret_states
from service.database.engine import create_engine
from service.database.schema import open_database, schema
from service.health.installation import State, open_installation
from service.health.parts import try_write
from service.jobs.records import JobStatus
from service.marks.c2pa import open_marking
from service.marks.stored import stored_chain
from service.settings import Settings, unknown_settings
from service.storage.buckets import open_buckets
from service.telemetry.logs import explained


def examine(settings: Settings, *, load: bool, generator: str | None = None) -> bool:
    """Print one line for each part and return whether all are well. Never prints passwords.

    `generator`: a folder or hub id of a generator to load and try, or "" for the configured generator.
    """
    console = Console(soft_wrap=True)

    def check(part: str, look: Callable[[], str]) -> bool:
        try:
            console.print(f"[green]ok[/]    {part:<10} {look()}", highlight=False)
        except Exception as error:  # noqa: BLE001  # a broken part must not stop the checks of the others
            console.print(f"[red]wrong[/] {part:<10} {escape(explained(error) or str(error))}", highlight=False)
            return False
        return True

    for sentence in unknown_settings():
        console.print(f"[yellow]unsure[/] settings  {escape(sentence)}", highlight=False)
    checks = [check("database", lambda: _database(settings))]
    checks.append(check("catalogue", lambda: _catalogue(settings, reachable=checks[0])))
    if settings.queue_url:
        state = open_installation(settings).look()
        checks += [
            check("jobs", lambda: _waiting(state)),
            check("queue", lambda: _queue(state)),
            check("processes", lambda: _workers(state)),
        ]
    else:
        check("queue", lambda: "embedded Valkey, which `backdrop up` starts")
    checks.append(check("store", lambda: _store(settings)))
    if checks[0]:
        checks.append(check("secrets", lambda: _secrets(settings)))
        checks.append(check("marks", lambda: _marks(settings)))
    if load:
        checks.append(check("networks", lambda: _networks(settings)))
    if generator is not None:
        checks.append(check("generator", lambda: _tried(settings, generator)))
    return all(checks)


def _database(settings: Settings) -> str:
    url = sa.make_url(settings.sqlalchemy_url).render_as_string(hide_password=True)
    return f"{url}, schema {schema(open_database(settings.sqlalchemy_url)).found}"


def _catalogue(settings: Settings, *, reachable: bool) -> str:
    found = load_catalogue(settings.catalogue)
    clients = Accounts(create_engine(settings.sqlalchemy_url)).all() if reachable else []
    gone = [
        f"{CLIENTS}/{one.catalogue} of {one.name!r}" for one in clients if one.catalogue not in (None, *found.clients)
    ]
    if gone:
        raise RuntimeError(f"missing: {', '.join(gone)}. Add it, or run `backdrop clients set-catalogue NAME --none`")
    return found.summary


def _secrets(settings: Settings) -> str:
    cipher = open_cipher(settings)
    states = sum(secret_states(create_engine(settings.sqlalchemy_url), cipher).values(), Counter[SecretState]())
    if unreadable := states[SecretState.UNREADABLE]:
        raise RuntimeError(f"{unreadable} can't be read. Add the key that encrypted them to BACKDROP_ENCRYPTION_KEYS")
    if not cipher.encrypts:
        return "[yellow]plain text[/]: a dump of the database contains them. Set BACKDROP_ENCRYPTION_KEYS"
    if outdated := states.total() - states[SecretState.CURRENT]:
        return f"[yellow]{outdated} plain or encrypted by an older key[/]: run `backdrop secrets reencrypt`"
    return f"{states.total()}, encrypted"


def _waiting(state: State) -> str:
    if state.backlog is None:
        raise RuntimeError("unknown, because the database can't be read")
    waiting, running = (state.backlog.of(status) for status in (JobStatus.NOT_STARTED, JobStatus.IN_PROGRESS))
    oldest = f", the oldest for {state.backlog.oldest:.0f} s" if waiting else ""
    return f"{waiting} jobs wait{oldest}; {running} run; {state.backlog.messages} webhook messages wait"


def _queue(state: State) -> str:
    for one in state.away:
        if one.part == "queue":
            raise RuntimeError(one.detail)
    return f"reachable; {sum((state.queued or {}).values())} messages"


def _workers(state: State) -> str:
    if state.workers is None:
        raise RuntimeError("unknown, because the queue server does not answer")
    if state.lacking:
        raise RuntimeError(" ".join(one.detail for one in state.lacking))
    lines = [f"workers: {len(state.usable or ())}, sweeps: {state.sweeps}"]
    for worker in state.workers:
        lines.append(
            f"      worker {worker['host']}:{worker['pid']}: segmenter on {worker['segmenter_device']},"
            f" generator on {worker['generator_device']}, {worker.get('in_flight', 1)} jobs at once{_idle(worker)}"
        )
        lines += [f"      {warning}" for warning in _device_warning(worker)]
    return "\n".join(lines)


def _idle(worker: Mapping[str, Any]) -> str:
    return f"; [yellow]takes no jobs: {worker['takes_no_jobs']}[/]" if worker.get("takes_no_jobs") else ""


def _store(settings: Settings) -> str:
    for bucket in open_buckets(settings):
        try_write(bucket)
    if settings.store == "s3":
        where = settings.s3_endpoint_url or "AWS"
        return f"S3 at {where}: {settings.s3_source_bucket}, {settings.s3_render_bucket}"
    return f"directory {settings.home / 'objects'}"


def _marks(settings: Settings) -> str:
    marking = open_marking(settings, partial(stored_chain, keep=False))
    signed = "unsigned" if marking.credentials is None else f"content credentials of {marking.credentials.issuer}"
    return f"{signed}; {'no watermark' if marking.installation is None else 'watermark'}"


def _networks(settings: Settings) -> str:
    from service.worker.networks import open_networks

    networks = open_networks(settings)
    versions = networks.versions
    lines = [f"{versions['segmenter']} on {versions['segmenter_device']}"]
    lines += [f"with {versions[name]}" for name in ("second_segmenter", "witness", "viewpoint") if name in versions]
    lines.append(f"{versions['generator']} on {versions['generator_device']}")
    lines += _device_warning(versions)
    return _under_another(lines)


def _device_warning(versions: Mapping[str, Any]) -> list[str]:
    return [f"[yellow]{versions['device_warning']}[/]"] if "device_warning" in versions else []


def _tried(settings: Settings, model: str) -> str:
    from service.diagnostics.generator_trial import trial

    return _under_another(list(trial(settings, model or None)))


def _under_another(lines: list[str]) -> str:
    return f"\n      {'':<10} ".join(lines)
