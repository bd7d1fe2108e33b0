"""Races of mending, swapping, resetting and expiry, on both databases: no unreferenced object stays."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from litestar.testing import TestClient
from PIL import Image

from service.api.app import create_app
from service.database.clock import db_now
from service.database.tables import cutouts, mended_masks, stored_objects
from service.diagnostics.audit import Bounds, audit
from service.diagnostics.object_audit import audit_objects
from service.settings import Settings
from service.storage.expiry import build_expirer
from service.storage.mask_registry import NAMED, MaskRegistry
from service.storage.registry import ObjectRegistry
from testkit.polling import at_once
from testkit.specimens import saved
from tests.service.cutouts.conftest import CUTOUTS, Mender, grey_png
from tests.support.worker import raising


def photo(number: int) -> bytes:
    """Return a small cut-out photo, which needs no network. Every third one has the same bytes."""
    picture = Image.new("RGBA", (96, 80))
    picture.paste((100 + number % 3, 50, 30, 255), (10, 10, 40, 70))
    picture.paste((20, 90, 60, 255), (60, 30, 80, 70))
    return saved(picture, "PNG")


def grow_old(mender: Mender) -> None:
    """Make all photos old enough to expire, unless they are used again."""
    with mender.engine.begin() as connection:
        photos = stored_objects.update().where(stored_objects.c.bucket == "sources")
        connection.execute(photos.values(used_at=db_now(-7200.0)))


def masks_of(mender: Mender) -> set[str]:
    return {key for key, _ in mender.renders.entries() if key.startswith("masks/")}


def later(pause: float, move: Callable[[], None]) -> None:
    time.sleep(pause)
    move()


@pytest.fixture
def mender(migrated_url: str, tmp_path: Path, valkey_url: str) -> Iterator[Mender]:
    settings = Settings(home=tmp_path, database_url=migrated_url, queue_url=valkey_url, submit_rate=0)
    with TestClient(create_app(settings)) as http:
        mender = Mender(http, settings, "racer", raising(AssertionError("a network was asked")))
        mender.accounts.grant("racer", 1000)
        yield mender
        mender.engine.dispose()


@pytest.mark.parametrize("races", [15, pytest.param(100, marks=pytest.mark.nightly)])
def test_unreferenced_masks_are_gone_and_referenced_ones_are_there(mender: Mender, races: int) -> None:
    choose = random.Random(19)
    # A request that has checked a photo submits within the delay. A stored mask gets its row within a minute.
    expirer = replace(
        build_expirer(mender.settings),
        registry=ObjectRegistry(mender.engine),
        masks=MaskRegistry(mender.engine),
        source_age=3600.0,
        attempt_ends=60.0,
        delete_delay=5.0,
    )
    answers: list[int] = []

    def race(number: int) -> None:
        view = mender.cut_out(photo(number))
        assert view["status"] == "SUCCESS"
        grow_old(mender)
        path, key = f"{CUTOUTS}/{view['public_id']}", view["source_image_s3_key"]
        codes = np.zeros((80, 96), np.uint8)
        codes[20 : 40 + number % 20, 20:70] = 255

        def swap() -> None:
            body = mender.body(source_image_s3_key=key, scene_type="white", output_preset="transparent_cutout")
            answer = mender.submit(body)
            answers.append(answer.status_code)
            if answer.status_code == 202:
                mender.finish(answer.json()["job_id"])
                ended = mender.get(f"/v1/jobs/{answer.json()['job_id']}").json()
                assert ended["status"] == "SUCCESS", ended["error"]

        moves: list[Callable[[], None]] = [
            lambda: answers.append(mender.mend(view["public_id"], grey_png(codes)).status_code),
            lambda: answers.append(mender.ask("PUT", f"{path}/subjects", json={"keep": [1]}).status_code),
            lambda: answers.append(mender.ask("DELETE", f"{path}/mask").status_code),
            expirer.run_once,
            swap,
        ]
        picked = choose.sample(moves, 3)
        at_once(*(partial(later, choose.uniform(0, 0.02), move) for move in picked))

    for number in range(races):
        race(number)

    assert set(answers) <= {200, 202, 404, 422}, sorted(set(answers))
    assert {200, 404} <= set(answers), "the expiry never came between"
    ended = replace(expirer, source_age=None, attempt_ends=0.0, delete_delay=0.0)
    ended.run_once()
    assert audit(mender.engine, Bounds(max_attempts=3)).findings == []
    assert audit_objects(mender.engine, mender.renders).findings == []
    with mender.engine.connect() as connection:
        named = set(connection.execute(sa.union(*(sa.select(column) for column in NAMED))).scalars())
    assert masks_of(mender) == named
    grow_old(mender)
    replace(ended, source_age=3600.0).run_once()
    with mender.engine.connect() as connection:
        left = [connection.execute(sa.select(table)).all() for table in (cutouts, mended_masks)]
    assert left == [[], []]
    assert masks_of(mender) == set()
