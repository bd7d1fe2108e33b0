"""A client's deletions remove an object with everything made from it, and nothing else."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NoReturn

import pytest
import sqlalchemy as sa

from service.database.tables import renders, stored_objects
from service.diagnostics.audit import Bounds, audit
from service.jobs.intake import Accepted
from service.jobs.records import Claim, JobStatus, LeaseLost
from service.jobs.transitions import ENDED_AT_ONCE
from service.media.deletion import Deletion
from service.storage.mask_registry import MaskRegistry
from service.storage.objects import ObjectNotFound, StoreUnavailable
from service.storage.registry import SourceExpired
from testkit.polling import at_once
from testkit.still_life import PHOTO
from tests.support.databases import ON_SQLITE
from tests.support.shop import render
from tests.support.worker import Bench


def key_of(bench: Bench, data: bytes = PHOTO) -> str:
    return f"uploads/{bench.shop.client.id}/{hashlib.sha256(data).hexdigest()}.jpg"


def made(bench: Bench) -> tuple[Accepted, str]:
    """Run a job of the photo to its success, and return its render's id."""
    accepted = bench.order(PHOTO, scene_type="white", dominant_colors=[], output_preset="transparent_cutout")
    bench.runner.run(accepted.job_id)
    found = bench.shop.jobs.get(accepted.job_id, client_id=bench.shop.client.id)
    assert found is not None
    assert found[1] is not None, found[0].error_message
    return accepted, found[1].public_id


def photos(bench: Bench) -> set[str]:
    return {key for key, _ in bench.sources.entries()}


def pictures(bench: Bench) -> set[str]:
    return {key for key, _ in bench.renders.entries() if key.startswith("renders/")}


def let_time_pass(bench: Bench) -> None:
    """Let enough time pass that the bytes of marked objects are deleted."""
    with bench.engine.begin() as connection:
        marked = stored_objects.update().where(stored_objects.c.doomed_at.is_not(None))
        connection.execute(marked.values(doomed_at=sa.text("'2000-01-01 00:00:00.000000'")))
    bench.expire(cutout_age=None)


def assert_clean(bench: Bench) -> None:
    assert audit(bench.engine, Bounds(max_attempts=2)).findings == []
    assert bench.wrong() == []


# Photos


@ON_SQLITE
def test_a_photo_goes_at_once_with_the_cutouts_of_its_bytes_and_its_renders_stay(
    bench: Bench, deletion: Deletion
) -> None:
    _, public_id = made(bench)
    assert bench.there
    other = bench.cut(PHOTO + b"\0")  # another photo: bytes after the picture's end
    assert other == "computed"

    assert deletion.photo(key_of(bench), client_id=bench.shop.client.id)

    assert photos(bench) == {key_of(bench, PHOTO + b"\0")}
    assert len(bench.there) == 1
    assert hashlib.sha256(PHOTO + b"\0").hexdigest() in bench.there[0]
    kept = bench.shop.jobs.render(public_id, client_id=bench.shop.client.id)
    assert kept is not None
    assert bench.renders.size(kept.key) > 0
    assert_clean(bench)
    let_time_pass(bench)
    assert len(bench.rows) == 1


def test_a_photo_without_a_row_is_deleted_and_takes_no_job_after_that(bench: Bench, deletion: Deletion) -> None:
    key = key_of(bench)
    bench.sources.put(key, PHOTO, "image/jpeg")

    assert deletion.photo(key, client_id=bench.shop.client.id)

    assert photos(bench) == set()
    # The upload's URL is still valid.
    bench.sources.put(key, PHOTO, "image/jpeg")
    with pytest.raises(SourceExpired):
        bench.shop.order(source_key=key)
    bench.expire(cutout_age=None)
    assert photos(bench) == {key}, "not before the URL has expired"
    let_time_pass(bench)
    assert photos(bench) == set()


def test_its_waiting_and_running_jobs_fail_with_a_code_and_are_refunded(bench: Bench, deletion: Deletion) -> None:
    before = bench.shop.balance
    running = bench.order(PHOTO)
    claim = bench.shop.claim(running)
    waiting, other = bench.order(PHOTO), bench.order(PHOTO + b"\0")

    assert deletion.photo(key_of(bench), client_id=bench.shop.client.id)

    assert [bench.end(one) for one in (running, waiting)] == [(JobStatus.FAILURE, "source_deleted")] * 2
    assert bench.end(other) == (JobStatus.NOT_STARTED, None)
    assert bench.shop.balance == before - 2
    with pytest.raises(LeaseLost):
        bench.shop.jobs.succeed(claim, render())
    assert_clean(bench)


@ON_SQLITE
def test_a_worker_that_cuts_out_a_photo_during_its_deletion_stores_nothing_of_it(
    bench: Bench, deletion: Deletion
) -> None:
    accepted = bench.order(PHOTO)
    assert bench.runner.maker.cache_for is not None
    kept = bench.runner.maker.cache_for(bench.shop.client.id, accepted.job_id, hashlib.sha256(PHOTO).hexdigest())
    kept.put("cutouts", "before", b"cut-out")
    assert len(bench.there) == 1

    deletion.photo(key_of(bench), client_id=bench.shop.client.id)
    again = bench.runner.maker.cache_for(bench.shop.client.id, accepted.job_id, hashlib.sha256(PHOTO).hexdigest())
    again.put("cutouts", "after", b"cut-out")

    assert (again.get("cutouts", "before"), again.get("cutouts", "after")) == (None, None)
    assert bench.there == []


def test_the_sweep_finishes_a_deletion_that_broke_off_before_it_ended_the_jobs(bench: Bench) -> None:
    accepted = bench.order(PHOTO)
    with bench.registry.begin() as connection:
        bench.registry.mark_deleted_photo(connection, key_of(bench), client_id=bench.shop.client.id, writable=900)

    assert bench.shop.jobs.fail_abandoned(max_wait=1e6) == [accepted.job_id]

    assert bench.end(accepted) == (JobStatus.FAILURE, "source_deleted")
    assert_clean(bench)


@ON_SQLITE
def test_a_deletion_that_fails_deletes_nothing_and_can_be_repeated(bench: Bench, deletion: Deletion) -> None:
    made(bench)
    waiting = bench.order(PHOTO)
    client = bench.shop.client.id

    class Broken(MaskRegistry):
        @staticmethod
        def forget_photo(*_: object) -> NoReturn:
            raise sa.exc.OperationalError("DELETE", {}, Exception("the connection was lost"))

    with pytest.raises(sa.exc.OperationalError):
        replace(deletion, masks=Broken(bench.engine)).photo(key_of(bench), client_id=client)

    assert bench.end(waiting) == (JobStatus.NOT_STARTED, None)
    assert len(bench.there) == 1
    assert deletion.photo(key_of(bench), client_id=client)
    assert bench.end(waiting) == (JobStatus.FAILURE, "source_deleted")
    assert bench.there == []
    assert_clean(bench)


@ON_SQLITE
def test_a_second_deletion_finishes_the_first_by_the_digest_of_the_row(bench: Bench, deletion: Deletion) -> None:
    made(bench)
    with bench.registry.begin() as connection:  # an earlier release had done this when it broke off
        bench.registry.mark_deleted_photo(connection, key_of(bench), client_id=bench.shop.client.id, writable=0)
    bench.sources.delete(key_of(bench))
    assert len(bench.there) == 1

    assert deletion.photo(key_of(bench), client_id=bench.shop.client.id)

    assert bench.there == []


@ON_SQLITE
def test_a_photo_of_very_many_jobs_ends_them_all_in_batches(bench: Bench, deletion: Deletion) -> None:
    many = [bench.order(PHOTO, preview=True) for _ in range(ENDED_AT_ONCE + 5)]

    deletion.photo(key_of(bench), client_id=bench.shop.client.id)

    assert {bench.end(one) for one in many} == {(JobStatus.FAILURE, "source_deleted")}


@ON_SQLITE
def test_a_store_that_does_not_answer_refuses_the_deletion_before_anything_is_marked(
    bench: Bench, deletion: Deletion
) -> None:
    def get(*_: object, **__: object) -> NoReturn:
        raise StoreUnavailable("away")

    accepted = bench.order(PHOTO)
    away = replace(deletion, sources=type("Away", (), {"get": staticmethod(get)})())

    with pytest.raises(StoreUnavailable):
        away.photo(key_of(bench), client_id=bench.shop.client.id)

    assert bench.end(accepted) == (JobStatus.NOT_STARTED, None)


# Renders


@ON_SQLITE
def test_a_render_goes_at_once_its_job_keeps_the_date_and_nothing_is_refunded(bench: Bench, deletion: Deletion) -> None:
    accepted, public_id = made(bench)
    client = bench.shop.client.id
    before = bench.shop.balance
    shown = bench.shop.jobs.render(public_id, client_id=client)
    assert shown is not None

    assert [deletion.render(public_id, client_id=client) for _ in range(2)] == [True, True]

    with pytest.raises(ObjectNotFound):
        bench.renders.size(shown.key)
    found = bench.shop.jobs.get(accepted.job_id, client_id=client)
    assert found is not None
    job, none = found
    assert (job.status, none) == (JobStatus.SUCCESS, None)
    assert job.render_deleted_at is not None
    assert bench.shop.jobs.render(public_id, client_id=client) is None
    assert bench.shop.balance == before
    with bench.engine.connect() as connection:
        row = connection.execute(sa.select(renders).where(renders.c.public_id == public_id)).one()
    assert (row.report, row.warnings) == ({}, [])
    assert photos(bench) == {key_of(bench)}, "its photo stays"
    assert_clean(bench)
    let_time_pass(bench)
    assert_clean(bench)


@ON_SQLITE
def test_a_deleted_renders_row_expires_as_others_do(bench: Bench, deletion: Deletion) -> None:
    _, public_id = made(bench)
    deletion.render(public_id, client_id=bench.shop.client.id)
    let_time_pass(bench)

    bench.expire(render_age=0.0, cutout_age=None)

    with bench.engine.connect() as connection:
        assert connection.execute(sa.select(renders.c.public_id)).all() == []
        kept = sa.select(stored_objects.c.key).where(stored_objects.c.bucket == "renders")
        assert connection.execute(kept).all() == []


@ON_SQLITE
def test_objects_in_a_store_that_is_away_are_deleted_later(bench: Bench, deletion: Deletion) -> None:
    def delete(_: str) -> NoReturn:
        raise StoreUnavailable("away")

    _, public_id = made(bench)
    away = replace(deletion, renders=type("Away", (), {"delete": staticmethod(delete)})())

    assert away.render(public_id, client_id=bench.shop.client.id)

    assert len(pictures(bench)) == 1
    assert_clean(bench)
    let_time_pass(bench)
    assert pictures(bench) == set()


# Races


@pytest.mark.parametrize("rounds", [12, pytest.param(100, marks=pytest.mark.nightly)])
def test_simultaneous_swaps_deletions_and_expiry_leave_no_orphan(bench: Bench, deletion: Deletion, rounds: int) -> None:
    chance = random.Random(7)
    bench.shop.accounts.grant(bench.shop.client.name, 6 * rounds)  # each round keeps the cost of its successes
    client, errors = bench.shop.client.id, list[BaseException]()
    for number in range(rounds):
        data = PHOTO + number.to_bytes(2, "big")
        digest, key = hashlib.sha256(data).hexdigest(), key_of(bench, data)
        accepted = [bench.order(data) for _ in range(2)]
        claims = [bench.shop.claim(one) for one in accepted]

        def swap(claim: Claim, digest: str = digest) -> None:
            assert bench.runner.maker.cache_for is not None
            bench.runner.maker.cache_for(client, claim.job_id, digest).put("cutouts", "one", b"cut-out")
            made = replace(render(), key=f"renders/{client}/{claim.job_id}-1.jpg", bytes=7)
            made = replace(made, sha256=hashlib.sha256(b"picture").hexdigest())
            bench.registry.register("renders", made.key, client_id=client, job_id=claim.job_id)
            bench.renders.put(made.key, b"picture", "image/jpeg")
            try:
                bench.shop.jobs.succeed(claim, made)
            except LeaseLost:
                return
            deletion.render(made.public_id, client_id=client)

        def submit(key: str = key) -> None:
            try:
                bench.shop.order(source_key=key)
            except SourceExpired:
                return

        moves: list[Callable[[], object]] = [
            *(lambda claim=claim, swap=swap: swap(claim) for claim in claims),
            *(lambda key=key: deletion.photo(key, client_id=client) for _ in range(2)),
            submit,
            lambda: bench.expire(cutout_age=320.0),
        ]
        chance.shuffle(moves)

        def tried(move: Callable[[], object]) -> None:
            try:
                move()
            except BaseException as error:  # noqa: BLE001  # any error fails the test
                errors.append(error)

        at_once(*(partial(tried, move) for move in moves))

    assert errors == []
    statuses = bench.shop.jobs.fail_abandoned(max_wait=1e6)
    assert statuses == [], "each deletion ended the jobs of its photo"
    let_time_pass(bench)
    bench.age(1)
    bench.expire(cutout_age=None)  # objects of attempts whose job was ended meanwhile
    let_time_pass(bench)
    assert_clean(bench)
    assert photos(bench) == set()
    assert list(bench.renders.entries()) == []
    with bench.engine.connect() as connection:
        assert connection.execute(sa.select(stored_objects.c.key)).all() == []
