"""A batch on this machine: it loads the networks once, and refuses impossible orders before that."""

import asyncio
import io
from collections import Counter
from pathlib import Path

from rich.console import Console

from pipeline.core.networks import Networks
from service.batch.batch import Batch
from service.batch.display import Display
from service.batch.here import LocalMaker
from service.batch.pairs import pair_up
from service.batch.photos import find_photos
from service.batch.spec_file import read_spec
from service.batch.state import State
from service.settings import Settings
from tests.support.shoot import PRESETS, Page, Shoot, photo
from tests.support.storm.photos import bad
from tests.support.storm.worker import lean_networks


def unseen() -> Display:
    return Display(Console(file=io.StringIO()), total=1, done=0, quiet=True)


def test_a_local_batch_loads_the_networks_once_and_cuts_each_photo_out_once(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    for number in range(2):
        shoot.add(f"{number}.png", photo(number))
    shoot.add("nothing.png", bad()["no_subject"])
    loaded = list[Settings]()

    def load(settings: Settings) -> Networks:
        loaded.append(settings)
        return lean_networks(settings)

    groups = pair_up(find_photos(shoot.photos, but=shoot.out)[0], PRESETS, read_spec(shoot.spec))
    with (
        State(shoot.out) as state,
        LocalMaker(Settings(home=tmp_path), state, shoot.out, concurrency=2, load=load) as maker,
    ):
        batch = Batch(groups, state, shoot.out)
        asyncio.run(batch.run(maker.make, unseen(), concurrency=2))
        batch.write()

        assert len(loaded) == 1
        assert batch.charged == (0, 0)
        assert Counter(one.cutout for one in batch.made) == {"computed": 2, "cached": 2}
        assert [one.code for one in batch.failed] == ["no_subject"] * 2
        assert len(shoot.pictures()) == 4
        assert Page(shoot.out / "index.html").missing == []
        assert Batch(groups, state, shoot.out).left == [], "a photo without a product gives no picture"
        assert Batch(groups, state, shoot.out, retry_failed=True).left == [
            pair for pair in batch.pairs if pair.photo.name == "nothing.png"
        ]


def test_a_picture_that_misses_its_limits_fails_alone_and_leaves_no_file(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    for name in ("good.png", "small.png"):
        shoot.add(name, photo())
    special = '[[photo]]\nname = "small*"\naccept = { set = "standard", enlargement = 0.01 }\n'
    shoot.spec.write_text(shoot.spec.read_text() + special)
    groups = pair_up(find_photos(shoot.photos, but=shoot.out)[0], PRESETS[:1], read_spec(shoot.spec))
    with (
        State(shoot.out) as state,
        LocalMaker(Settings(home=tmp_path), state, shoot.out, concurrency=1, load=lean_networks) as maker,
    ):
        batch = Batch(groups, state, shoot.out)
        asyncio.run(batch.run(maker.make, unseen(), concurrency=1))

    (failed,) = batch.failed
    assert failed.code == "not_accepted"
    assert "enlargement is " in failed.message
    assert "the limit is 0.01." in failed.message
    assert len(shoot.pictures()) == 1


def test_a_local_batch_refuses_brands_and_checks_specs_before_the_networks_load(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    shoot.add("jar.png", photo())

    result = shoot.run("--brand", "acme", presets="shopify")

    assert result.exit_code == 2
    assert "brand: Only a server has brands. Add --url." in result.output
    assert "--presets: There is no such output preset. The nearest are: shopify_product" in result.output
    shoot.add("jar.png", b"").unlink()
    assert "There is no photo in" in shoot.run().output
