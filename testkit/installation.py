"""Two installations with servers of their own: an empty folder's, as `backdrop up` makes it, and a production one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.database.engine import create_engine
from service.database.schema import migrate
from service.settings import Settings
from testkit import servers
from testkit.servers import Server


@dataclass(frozen=True)
class Installation:
    """Settings, and the servers that they name."""

    settings: Settings
    queue: Server
    #: PostgreSQL; None: SQLite.
    database: Server | None = None
    #: The S3 server; None: a directory.
    store: Server | None = None

    @property
    def servers(self) -> list[Server]:
        """All servers."""
        return [server for server in (self.queue, self.database, self.store) if server is not None]


@contextmanager
def embedded(home: Path, **settings: Any) -> Iterator[Installation]:
    """Start Valkey. The database is SQLite, and the store a directory, under `home`. The schema is current."""
    with servers.valkey_server(home) as queue:
        made = Settings(home=home, queue_url=queue.url, **settings)
        _migrate(made)
        yield Installation(made, queue)


@contextmanager
def production(home: Path, *, migrated: bool = True, **settings: Any) -> Iterator[Installation]:
    """Start PostgreSQL, Valkey and an S3 server, with an empty database and two buckets.

    The schema is current, or missing where `migrated` is False.
    """
    with (
        servers.public_folder() as folder,
        servers.postgresql(folder) as database,
        servers.s3_server(folder) as store,
        servers.valkey_server(home) as queue,
        _credentials(),
    ):
        made = Settings(
            home=home,
            database_url=servers.make_database(database.url, "backdrop"),
            queue_url=queue.url,
            store="s3",
            s3_endpoint_url=store.url,
            **settings,
        )
        servers.make_buckets(store.url, made.s3_source_bucket, made.s3_render_bucket)
        if migrated:
            _migrate(made)
        yield Installation(made, queue, database, store)


def _migrate(settings: Settings) -> None:
    engine = create_engine(settings.sqlalchemy_url)
    migrate(engine)
    engine.dispose()


@contextmanager
def _credentials() -> Iterator[None]:
    """Set the S3 server's keys where boto3 looks for them, here and in child processes."""
    environment = os.environ  # noqa: TID251  # boto3 does not read Backdrop's settings
    before = {name: environment.get(name) for name in servers.S3_ENVIRONMENT}
    environment.update(servers.S3_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del environment[name]
            else:
                environment[name] = value
