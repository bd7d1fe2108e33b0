"""Fixtures of the tests of the store: a shop and its two buckets, whose objects age and expire."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from service.database.tables import metadata, stored_objects
from service.jobs.intake import Accepted
from service.jobs.records import NewRender
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.expiry import Expirer
from service.storage.objects import Bucket, ObjectNotFound
from service.storage.registry import ObjectRegistry
from tests.support.shop import Shop, render

DAY = 86_400.0


class Warehouse:
    """A shop, its two buckets, and an expirer that deletes objects after a day."""

    def __init__(self, engine: sa.Engine, sources: Bucket, renders: Bucket) -> None:
        self.engine = engine
        self.shop = Shop(engine, credits=1000)
        self.sources, self.renders = sources, renders
        self.registry = ObjectRegistry(engine)
        self.expirer = Expirer(
            self.registry,
            {"sources": sources, "renders": renders},
            source_age=DAY,
            render_age=DAY,
            attempt_ends=320.0,
            delete_delay=0.0,
        )

    def photo(self, name: str = "photo") -> str:
        key = f"uploads/{self.shop.client.id}/{name}.jpg"
        self.registry.register("sources", key, client_id=self.shop.client.id)
        self.sources.put(key, b"photo", "image/jpeg")
        return key

    def picture(self, accepted: Accepted, attempt: int) -> str:
        key = f"renders/{self.shop.client.id}/{accepted.job_id}-{attempt}.jpg"
        self.registry.register("renders", key, client_id=self.shop.client.id, job_id=accepted.job_id)
        self.renders.put(key, b"picture", "image/jpeg")
        return key

    def delivered(self, key: str, *, preview: bool = False) -> tuple[Accepted, NewRender]:
        """Order from a photo and deliver a render."""
        accepted = self.shop.order(source_key=key, cost=0 if preview else 2, preview=preview)
        claim = self.shop.claim(accepted)
        made = NewRender(**vars(render()) | {"key": self.picture(accepted, 1), "preview": preview})
        self.shop.jobs.succeed(claim, made)
        return accepted, made

    def pass_time(self, days: float) -> None:
        """Make everything stored this much older."""
        with self.engine.begin() as connection:
            for table, column in (
                ("stored_objects", "used_at"),
                ("stored_objects", "doomed_at"),
                ("renders", "created_at"),
            ):
                if connection.dialect.name == "sqlite":
                    older = f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-{days * DAY} seconds')"
                else:
                    older = f"{column} - make_interval(secs => {days * DAY})"
                connection.exec_driver_sql(f"UPDATE {table} SET {column} = {older}")

    def lies_in(self, bucket: Bucket, key: str) -> bool:
        try:
            return bucket.size(key) >= 0
        except ObjectNotFound:
            return False

    def rows(self, table: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(metadata.tables[table])).scalar_one())

    @property
    def known(self) -> set[str]:
        with self.engine.connect() as connection:
            return set(connection.execute(sa.select(stored_objects.c.key)).scalars())


@pytest.fixture
def warehouse(request: pytest.FixtureRequest, engine: sa.Engine, tmp_path: Path) -> Warehouse:
    """Each store on one of the databases: store and database do not depend on each other."""
    on_s3 = engine.dialect.name == "postgresql"
    settings = request.getfixturevalue("s3_settings") if on_s3 else {"store": "directory"}
    return Warehouse(engine, *open_buckets(Settings(home=tmp_path, **settings)))
