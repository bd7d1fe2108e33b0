"""The parts of a batch: its specs, photos, pairs, state and display."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.order import Dressing, Output, Placement, SwapOrder
from service.batch.at_server import reference_of
from service.batch.pairs import Pair, Photo, find_photos, pair_up
from service.batch.spec_file import BatchSpec, OrderInvalid, read_spec, unmatched
from service.batch.state import BatchRuns, Failed, State
from tests.support.shoot import Shoot, photo


def test_a_spec_is_read_with_its_overrides_for_single_photos(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(
        'scene = "podium"\nmood = "calm"\ncolors = ["ivory"]\nbrand = "acme"\n'
        '[[photo]]\nname = "lamps/*"\nscene = "dark_studio"\n[[photo]]\nname = "lamps/a.jpg"\nseed = 5\ncolors = []\n'
        '[[photo]]\nname = "shoes/*"\nstance = "lying"\nsubject = [0.4, 0.6]\n'
        'width = 640\nheight = 480\nturn = 2\nprops = "none"\ncolors_on = "wall:ivory"\n'
    )

    order = read_spec(path, brand="zenith")

    assert order.of("jar.jpg") == SwapOrder("podium", "calm", "", ("ivory",), "zenith")
    assert order.of("lamps/b.jpg") == SwapOrder("dark_studio", "calm", "", ("ivory",), "zenith")
    assert order.of("lamps/a.jpg") == SwapOrder("dark_studio", "calm", "", (), "zenith", 5)
    shoe = order.of("shoes/a.jpg")
    assert (shoe.placement, shoe.subject, shoe.output, shoe.dressing) == (
        Placement(turn=2, stance="lying"),
        (0.4, 0.6),
        Output(640, 480),
        Dressing("none", "wall:ivory"),
    )
    assert unmatched(order, ["lamps/a.jpg", "shoes/a.jpg"]) == []


def test_every_error_of_a_spec_is_reported_at_once_with_its_key(tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(
        'scene = ""\ncolours = []\ncolors = ["reddish", "red"]\nseed = -1\nsubject = [0.4, 1.6]\n'
        '[[photo]]\nsceen = "white"\n[[photo]]\nname = "a.jpg"\nseed = "7"\nstance = "flat"\n'
    )

    with pytest.raises(OrderInvalid) as refused:
        read_spec(path)

    errors = {line.split(": ")[1]: line for line in refused.value.wrong}
    assert set(errors) == {
        *("scene", "mood", "colours", "colors[0]", "seed", "subject"),
        *("photo[0].name", "photo[0].sceen", "photo[1].seed", "photo[1].stance"),
    }
    assert 'Write mood = "calm".' in errors["mood"]
    assert "Did you mean colors?" in errors["colours"]
    assert "Did you mean scene?" in errors["photo[0].sceen"]
    assert "#rrggbb" in errors["colors[0]"]
    for word in ("'auto'", "'from_above'", "It is 'flat'."):
        assert word in errors["photo[1].stance"]
    assert errors["subject"].startswith("spec.toml: subject: 1.6 is outside the photo. Give shares from 0 to 1")
    for text, word in (('scene = "podium', "not valid TOML"), ("", "scene")):
        path.write_text(text)
        with pytest.raises(OrderInvalid, match=word):
            read_spec(path)
    with pytest.raises(OrderInvalid, match="No such file"):
        read_spec(tmp_path / "none.toml")


def test_photos_are_found_in_all_folders_but_the_output(tmp_path: Path) -> None:
    shoot = Shoot(tmp_path)
    for name in ("b.png", "a/b.png", "a/deep/c.PNG", ".hidden/d.png", "out/e.png"):
        shoot.add(name, photo())
    shoot.add("a/list.csv", b"name")
    shoot.add("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0")
    shoot.add("scan.gif", b"GIF89a")
    shoot.add("empty.jpg", b"")

    found, skipped = find_photos(shoot.photos, but=shoot.photos / "out")

    assert {photo.name: bool(photo.trouble) for photo in found} == {
        "a/b.png": False,
        "a/deep/c.PNG": False,
        "b.png": False,
        "empty.jpg": True,
        "phone.heic": False,
        "scan.gif": True,
    }
    assert "JPEG, PNG" in str(found[-1].trouble)
    assert skipped == ["a/list.csv"]


def test_a_pairs_id_depends_on_all_its_inputs_and_no_picture_overwrites_another() -> None:
    def pairs(sha256: str = "1", **changes: Any) -> list[list[Pair]]:
        photos = [Photo(name, Path(name), sha256) for name in ("a/jar.jpg", "a/jar.png", "a/lamp.v2.jpg")]
        order = SwapOrder("white", "calm", "", **changes)
        return pair_up(photos, ["open_graph", "web_hero"], BatchSpec(order))

    stems = [pair.stem for group in pairs() for pair in group if pair.preset == "web_hero"]

    assert stems == ["web_hero/a/jar.jpg", "web_hero/a/jar.png", "web_hero/a/lamp.v2"]
    lying, chosen = pairs(placement=Placement(stance="lying")), pairs(subject=(0.1, 0.2))
    bare = pairs(dressing=Dressing("none"))
    assert len({group[0].id for group in (*pairs(), *pairs("2"), *pairs(seed=1), *lying, *chosen, *bare)}) == 6
    assert pairs()[0][0].id[:12] == "ea0b24d07e50", "a batch of the previous release continues"
    assert len({pair.key for group in pairs() for pair in group}) == 6


def test_a_preset_that_takes_no_scene_gets_none_in_a_batch_with_others() -> None:
    spec = BatchSpec(SwapOrder("neon", "calm", "", ("red",), seed=3))

    ((main, life),) = pair_up(
        [Photo("a.jpg", Path("a.jpg"), "1")], ["amazon_main", "amazon_lifestyle"], spec, plain=["amazon_main"]
    )

    assert main.order == SwapOrder("white", "calm", "amazon_main", seed=3)
    assert life.order == replace(spec.base, preset="amazon_lifestyle")


def test_a_state_file_survives_a_truncated_line_and_serves_one_batch_at_a_time(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        state.ordered("http://x", ["pair"], {"pair": "job"})
        state.uploaded("http://x", "sha", "key")
        run_id = state.run_id
        with pytest.raises(BatchRuns, match="another -o"):
            State(tmp_path)
    with (tmp_path / ".backdrop-batch" / "state.jsonl").open("ab") as file:
        file.write(b'{"is":"ordering","pairs":["oth')

    with State(tmp_path) as state:
        assert (state.run_id, state.entry("pair").job_id) == (run_id, "job")
        assert (state.upload("http://x", "sha"), state.upload("http://y", "sha")) == ("key", None)
        assert state.unanswered == []
        state.ended("pair", Failed("no_subject", "No product."), job_over=True)
    with State(tmp_path) as state:
        assert (state.entry("pair").attempt, state.entry("pair").job_id) == (1, None)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("jars/red.jpg", "jars/red.jpg"),
        ("a\nb.jpg", "ab.jpg"),
        ("x" * 300 + "/red.jpg", "x" * 192 + "/red.jpg"),
        ("\n", None),
    ],
)
def test_a_photos_name_is_the_reference_of_its_jobs(name: str, reference: str | None) -> None:
    assert reference_of(Photo(name, Path(name))) == reference
