"""`backdrop api|worker|sweep` run one part as a process of its own. `backdrop probe` checks the health of a part."""

import logging
import socket
import sys
from pathlib import Path

import click

from service.cli.options import catalogue_needed, home_option, queue_needed, schema_needed, settings_from

logger = logging.getLogger(__name__)

#: Only for the children of `backdrop up`. A part that was started by hand outlives its shell.
die_with_parent_option = click.option("--die-with-parent", "child", is_flag=True, hidden=True)


@click.command()
@home_option
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--host", help="Address to listen on.")
@click.option("--fd", type=int, hidden=True, help="A socket that is already bound.")
def api(home: Path | None, port: int | None, host: str | None, fd: int | None) -> None:
    """Run only the API."""
    from service.api.server import Server
    from service.health.observed import observed_process
    from service.supervisor.processes import die_with_parent
    from service.telemetry.logs import configure_logs

    settings = queue_needed(settings_from(home=home, port=port, host=host))
    configure_logs(settings)
    catalogue_needed(settings)
    schema_needed(settings)
    sockets = None
    if fd is not None:
        die_with_parent()
        sockets = [socket.socket(fileno=fd)]
    with observed_process(settings, "api") as process:
        Server(settings, process.health, process.registry, process.tracer).run(sockets=sockets)


@click.command()
@home_option
@die_with_parent_option
def worker(home: Path | None, child: bool) -> None:
    """Run a worker. It is one process that uses the device, and is restarted if it dies."""
    from service.supervisor.processes import die_with_parent, stop_on_signals, supervise
    from service.telemetry.logs import configure_logs

    settings = queue_needed(settings_from(home=home))
    configure_logs(settings)
    if child:
        die_with_parent()
    command = [sys.executable, "-m", "service.worker.main"]
    stopping = stop_on_signals()
    status = supervise(
        "worker", command, environment=settings.environment(), stopping=stopping, grace=settings.stop_grace + 2
    )
    logger.info("the worker's supervisor stops with status %d: %s", status, stopping.reason)
    sys.exit(status)


@click.command()
@home_option
@die_with_parent_option
def sweep(home: Path | None, child: bool) -> None:
    """Run the sweep. It resends queue messages, settles crashed jobs, deletes expired objects and sends webhooks."""
    import threading
    from dataclasses import replace

    from service.database.engine import create_engine
    from service.database.quarantine import Quarantine
    from service.health.observed import observed_process
    from service.jobs.sweep import build_sweeper, keep_sweeping
    from service.jobs.worker_registry import sweep_heartbeat
    from service.operations.erasure import Erasure
    from service.storage.expiry import build_expirer, keep_expiring
    from service.supervisor.processes import die_with_parent, stop_on_signals
    from service.telemetry.logs import configure_logs
    from service.telemetry.metrics import JobMetrics, WebhookMetrics
    from service.webhooks.delivery import delivering

    settings = queue_needed(settings_from(home=home))
    configure_logs(settings)
    if child:
        die_with_parent()
    stopping = stop_on_signals()
    schema_needed(settings)
    heartbeat = sweep_heartbeat(settings.queue_url)

    # In its own thread, so that a store that hangs does not delay the queue. Killing it halfway loses nothing.
    may_act = Quarantine(create_engine(settings.sqlalchemy_url), settings, marks=True).may_act
    expirer = replace(build_expirer(settings), erase=Erasure(create_engine(settings.sqlalchemy_url), settings).finish)
    expiring = {"every": settings.expire_every, "stopping": stopping, "may_act": may_act}
    threading.Thread(target=keep_expiring, args=[expirer], kwargs=expiring, daemon=True).start()
    with (
        observed_process(settings, "sweep") as process,
        delivering(
            settings, stopping, metrics=WebhookMetrics(process.registry), tracer=process.tracer, may_act=may_act
        ),
    ):

        def on_look() -> None:
            process.health.beat()
            heartbeat.beat()

        process.health.is_ready()
        keep_sweeping(
            build_sweeper(settings, JobMetrics(process.registry)),
            every=settings.sweep_every,
            grace=settings.lease,
            stopping=stopping,
            on_look=on_look,
            may_act=may_act,
        )
        logger.info("the sweep stops: %s", stopping.reason)
    heartbeat.stop()


@click.command()
@home_option
@click.argument("part", type=click.Choice(["api", "worker", "sweep"]))
@click.option("--live", is_flag=True, help="Check whether the process lives, not whether it is ready.")
@click.option("--port", type=click.IntRange(1, 65535), help="Its metrics port. Default: BACKDROP_METRICS_PORT.")
def probe(home: Path | None, part: str, live: bool, port: int | None) -> None:
    """Check whether a process on this machine is ready. For health checks. Status 1 means no."""
    from service.health.process import probe as ask

    settings = settings_from(home=home, metrics_port=port)
    if not settings.metrics_port:
        raise click.ClickException("BACKDROP_METRICS_PORT is not set. Set it here and for the process to check.")
    answer = ask(settings, live=live)
    click.echo(f"{part}: {answer.said}")
    sys.exit(0 if answer.well else 1)


PARTS = (api, worker, sweep, probe)
