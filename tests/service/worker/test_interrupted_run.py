"""A job that is stopped, taken over or cancelled while it runs. Real stores."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from pipeline.core.networks import FunctionSegmenter, Networks, PaintRequest
from service.database.clock import db_now
from service.database.engine import create_engine
from service.database.quarantine import Quarantine
from service.database.tables import jobs
from service.jobs.records import Claim
from service.settings import Settings
from service.storage.directory import DirectoryBucket, UrlSigner
from service.storage.expiry import Expirer
from service.worker.attempt import LeaseRenewal
from testkit.polling import until
from testkit.still_life import Darkener, by_colour
from tests.support.databases import migrated_database, take_writes
from tests.support.worker import ON_WHITE, Worker, left_over, raising


def busy(meanwhile: Callable[[], None]) -> Networks:
    """Networks whose first takes as long as the test's work meanwhile: only lease renewals keep the job."""

    @FunctionSegmenter
    def segmenter(image: Any) -> Any:
        meanwhile()
        return np.zeros(image.shape[:2], np.float32)

    return Networks(segmenter, raising(AssertionError()).generator)


def test_a_failover_costs_neither_the_message_nor_a_finished_attempt(
    postgresql_server: str, tmp_path: Path, networks: Networks
) -> None:
    url = Settings(database_url=migrated_database(postgresql_server, tmp_path.name)).sqlalchemy_url
    engine = create_engine(url)
    worker = Worker(engine, tmp_path, replace(networks, segmenter=by_colour))
    accepted = worker.order(**ON_WHITE)

    def fail_over() -> None:
        take_writes(url, False)
        threading.Timer(0.3, take_writes, (url, True)).start()

    class Renders(DirectoryBucket):
        def put(self, key: str, data: bytes, content_type: str) -> None:
            super().put(key, data, content_type)
            fail_over()

    store = Renders(tmp_path / "objects" / "renders", bucket="renders", signer=UrlSigner(b"k"), url_ttl=60)
    worker.make_with(renders=store)
    fail_over()
    worker.runner.run(accepted.job_id)

    assert worker.end(accepted) == ("SUCCESS", None)
    assert worker.shop.job(accepted).attempt == 1
    engine.dispose()


def test_a_long_step_keeps_its_lease(engine: sa.Engine, tmp_path: Path) -> None:
    stolen: list[Claim | None] = []

    def held() -> bool:
        with engine.connect() as connection:
            return bool(connection.execute(sa.select(jobs.c.lease_until > db_now())).scalar_one())

    def outlast_three_leases() -> None:
        for _ in range(3):
            worker.shop.end_lease(accepted)
            until(held)
            stolen.append(worker.shop.jobs.claim())

    worker = Worker(engine, tmp_path, busy(outlast_three_leases))
    worker.runner = replace(worker.runner, leases=LeaseRenewal(worker.shop.jobs, interval=0.05))
    accepted = worker.order()
    worker.runner.run(accepted.job_id)

    assert len(stolen) >= 3
    assert not any(stolen)
    assert worker.end(accepted) == ("FAILURE", "no_subject")
    assert worker.shop.job(accepted).attempt == 1


def test_a_job_cancelled_while_a_network_works_stops_at_the_next_step_and_leaves_no_render(
    engine: sa.Engine, tmp_path: Path, networks: Networks
) -> None:
    worker = Worker(engine, tmp_path, networks)
    accepted = worker.order()
    painted: list[object] = []

    @FunctionSegmenter
    def segmenter(image: Any) -> Any:
        worker.shop.jobs.cancel(accepted.job_id, client_id=worker.shop.client.id)
        return networks.segmenter(image)

    class Noting(Darkener):
        def painted(self, request: PaintRequest) -> Any:
            painted.append(request)
            return super().painted(request)

    worker.make_with(networks=replace(networks, segmenter=segmenter, generator=Noting()))
    worker.runner.run(accepted.job_id)

    assert painted == []
    assert worker.end(accepted) == ("FAILURE", "cancelled")
    assert left_over(tmp_path) == []
    assert worker.shop.balance == 10
    assert [entry.kind for entry in worker.shop.accounts.credits(worker.shop.client.id, limit=9)[1]] == [
        *("refund", "debit", "grant")
    ]


class CancellingStore(DirectoryBucket):
    """A directory store that stores a render at the moment when its client cancels the job."""

    cancel: Callable[[], object]

    def put(self, key: str, data: bytes, content_type: str) -> None:
        super().put(key, data, content_type)
        assert self.size(key) == len(data)
        self.cancel()


def test_a_job_cancelled_between_its_last_step_and_its_success_leaves_no_render(worker: Worker, tmp_path: Path) -> None:
    store = CancellingStore(tmp_path / "objects" / "renders", bucket="renders", signer=UrlSigner(b"k"), url_ttl=60)
    worker.make_with(renders=store)
    accepted = worker.order(**ON_WHITE)
    store.cancel = lambda: worker.shop.jobs.cancel(accepted.job_id, client_id=worker.shop.client.id)

    worker.runner.run(accepted.job_id)

    assert worker.end(accepted) == ("FAILURE", "cancelled")
    assert worker.shop.balance == 10
    # Its worker cannot distinguish it from a success whose answer was lost; the expiry can.
    assert len(left_over(tmp_path)) == 1
    expirer = Expirer(
        worker.runner.maker.results.registry,
        {"sources": worker.sources, "renders": store},
        None,
        None,
        0,
        delete_delay=0,
    )
    expirer.run_once()
    assert left_over(tmp_path) == []


def test_a_worker_of_a_quarantined_installation_starts_nothing(engine: sa.Engine, tmp_path: Path) -> None:
    worker = Worker(engine, tmp_path, raising(AssertionError("it ran")))
    quarantine = Quarantine(engine, Settings(home=tmp_path))
    quarantine.hold()
    accepted = worker.order()

    replace(worker.runner, may_act=quarantine.may_act).run(accepted.job_id)

    assert worker.end(accepted) == ("NOT_STARTED", None)
