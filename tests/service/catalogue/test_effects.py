"""A field without effect is a warning wherever an order is made, and decides nothing about the picture."""

import asyncio
import random
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.order import SwapOrder, all_options
from pipeline.core.spec import Earlier, Limits
from pipeline.lettering.drawing import Artwork
from pipeline.swap import swap
from service.batch.batch import Batch
from service.batch.here import LocalMaker
from service.batch.pairs import find_photos, pair_up
from service.batch.spec_file import read_spec
from service.batch.state import State
from service.catalogue.catalogue import load_catalogue
from service.catalogue.effects import NEEDS, WARNED, WORDS, in_effect, in_words
from service.catalogue.specs import planned_spec, resolve_spec, stored_spec
from service.catalogue.templates import bundled_fonts
from service.settings import Settings
from testkit.still_life import PHOTO, networks
from testkit.worker import lean_networks
from tests.support.caller import SWAP, Caller
from tests.support.command_line import run
from tests.support.shoot import Shoot, photo
from tests.support.shop import REPORT, render

#: What callers name otherwise than `SwapOrder`, and what only a brand or the program sets.
NAMES = {"scene": "scene_type", "preset": "output_preset", "colors": "dominant_colors", "brand": "pilot_brand"}
NOT_SENT = {"style_words", "pinned", "sent", "upload", "render"}
IMAGE = {"background": "image", "background_image": "KEY"}
FLAT = {"background": "color", "background_color": "teal"}
#: By field: an order with it, in which it has no effect. `body` changes the body.
IDLE: dict[str, dict[str, Any]] = {
    "dominant_colors": {**FLAT, "body": {"dominant_colors": ["teal"]}},
    "seed": {"seed": 5, "body": {"scene_type": "white"}},
    "props": {**IMAGE, "props": "few"},
    "colors_on": {**FLAT, "colors_on": "wall:teal", "body": {"dominant_colors": ["teal"]}},
    "background": {"background": "reference", "background_image": "KEY", "body": {"scene_type": "white"}},
    "background_color": {"background_color": "teal"},
    "background_image": {"background": "reference", "background_image": "KEY", "body": {"scene_type": "white"}},
    "background_render": {"background_render": "x"},
    "background_fit": {"background_fit": "contain"},
    "background_x": {**IMAGE, "background_fit": "contain", "background_x": 0.2},
    "background_y": {**FLAT, "background_y": 0.2},
    "background_zoom": {**IMAGE, "background_zoom": 2},
    "shadow": {"background": "render", "background_render": "RENDER", "shadow": "hard"},
    "shadow_strength": {"shadow": "none", "shadow_strength": 0.5},
    "shadow_softness": {"background": "render", "background_render": "RENDER", "shadow_softness": 0.5},
    "shadow_direction": {"background": "render", "background_render": "RENDER", "shadow_direction": 30},
}


def test_every_field_of_an_order_has_a_row_and_each_conditional_one_an_order_without_effect() -> None:
    sent = {NAMES.get(one.name, one.name) for one in fields(SwapOrder)} - NOT_SENT
    records = {"placement", "output", "dressing", "ground", "shadow", "frame", "lettering", "acceptance"}
    assert set(NEEDS) == (sent - records) | {name for name, *_ in all_options()}
    assert set(IDLE) == {name for name, needs in NEEDS.items() if needs} - {"scene_type", "mood"}
    assert set(WARNED.values()) <= set(WORDS)
    assert in_words("seed_unused").endswith(". [seed_unused]")


@pytest.mark.parametrize("name", IDLE)
def test_a_field_without_effect_is_a_warning_of_plan_and_202_or_a_422(caller: Caller, name: str) -> None:
    query = {"width": 400, "height": 400, **IDLE[name]}
    body = caller.body(dominant_colors=[]) | query.pop("body", {})
    if "RENDER" in query.values():
        job_id = caller.submit(caller.body(scene_type="window")).json()["job_id"]
        caller.jobs.succeed(caller.claim(job_id), replace(render(), report=REPORT))
        query["background_render"] = caller.get(f"/v1/jobs/{job_id}").json()["render"]["public_id"]
    query = {key: caller.upload() if value == "KEY" else value for key, value in query.items()}

    plan = caller.http.post(SWAP, params=query | {"dry_run": "true"}, json=body, headers=caller.headers)
    made = caller.http.post(SWAP, params=query, json=body, headers=caller.headers)

    if plan.status_code == 422:
        (fault,) = plan.json()["detail"]
        assert (fault["loc"], fault["code"]) == (["query", name], NEEDS[name][0].refused.format(name))
        assert made.json()["detail"] == plan.json()["detail"]
        return
    (message,) = (one["message"] for one in plan.json()["warnings"] if one["code"] == WARNED[name])
    assert message.startswith(f"{name} has no effect with ")
    assert ", or leave it out (received " in message
    assert WARNED[name] in made.headers["Backdrop-Warnings"].split(", ")
    job = caller.get(f"/v1/jobs/{made.json()['job_id']}").json()
    assert WARNED[name] in [one["code"] for one in job["warnings"]]


def test_the_plan_shows_every_option_with_the_value_that_has_an_effect(caller: Caller) -> None:
    query = {"dry_run": "true", **IMAGE, "background_zoom": 2, "background_x": 0.2, "props": "few"}
    query |= {"background_image": caller.upload(), "reference": "sku", "metadata": "a:b", "subject": "0.5,0.5"}
    plan = caller.http.post(SWAP, params=query, json=caller.body(), headers=caller.headers).json()

    options = plan["options"]
    assert set(options) == {name for name, *_ in all_options()}
    assert (options["background_zoom"], options["background_x"], options["props"]) == (1.0, 0.2, "scene")
    preset = plan["preset"]
    assert (options["width"], options["height"]) == (preset["width"], preset["height"])
    assert (options["format"], options["quality"]) == (preset["formats"][0], 92)
    assert (plan["subject"], plan["reference"], plan["metadata"]) == ([0.5, 0.5], "sku", {"a": "b"})


def test_an_order_warns_of_a_field_without_effect_but_not_where_one_preset_has_no_scene(caller: Caller) -> None:
    order = {"photos": [{"source_image_s3_key": caller.upload()}], "scene_type": "podium", "mood": "calm", "seed": 5}
    order |= {"presets": ["open_graph", "amazon_main"], "options": {"background_zoom": 2, "props": "few"}}
    plan = caller.http.post("/v1/orders?dry_run=true", json=order, headers=caller.headers).json()
    made = caller.http.post("/v1/orders", json=order, headers=caller.headers)

    assert [one["code"] for one in plan["warnings"]] == ["background_zoom_unused"]
    assert made.headers["Backdrop-Warnings"] == "background_zoom_unused"


def test_the_command_line_and_a_batch_warn_of_fields_without_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.worker.local.open_networks", lean_networks)
    shoot = Shoot(tmp_path)
    jar = shoot.add("jar.png", photo())
    asked = ("--scene", "white", "--mood", "calm", "--preset", "open_graph", "--seed", "5", "--background-zoom", "2")
    result = run("swap", str(jar), *asked, "-o", str(tmp_path / "out.jpg"), "--quiet")
    assert result.exit_code == 0, result.output
    assert "warning: seed has no effect with scene_type=white. Order a picture with a scene" in result.output
    assert result.output.count("[background_zoom_unused]") == 1

    shoot.spec.write_text('scene = "white"\nmood = "calm"\nbackground_zoom = 2\nseed = 5\n')
    groups = pair_up(find_photos(shoot.photos, but=shoot.out)[0], ["open_graph"], read_spec(shoot.spec))
    settings = Settings(home=tmp_path)
    maker = LocalMaker(settings, lean_networks(settings), state := State(shoot.out), shoot.out, concurrency=1)
    with state, maker:
        batch = Batch(groups, state, shoot.out)
        asyncio.run(batch.run(maker.make, lambda *_: None, concurrency=1))
    assert {"seed_unused", "background_zoom_unused"} <= set(batch.made[0].warnings)


CHOICES: dict[str, list[Any]] = {
    "scene_type": ["podium", "white", "flat_lay_wood"],
    "mood": ["calm", "dramatic"],
    "output_preset": ["shopify_product", "amazon_main", "transparent_cutout"],
    "dominant_colors": [(), ("#008080",)],
    "seed": [3, 4],
    "props": ["scene", "none"],
    "background": ["scene", "color", "image", "reference", "render"],
    "background_fit": ["cover", "contain", "position"],
    "background_x": [0.5, 0.1],
    "background_zoom": [1.0, 2.0],
    "shadow": ["scene", "none", "soft", "floating"],
    "shadow_strength": [None, 0.4],
    "shadow_softness": [None, 0.3],
    "shadow_direction": [None, 200.0],
    "layers": ["", '[{"text":"New","anchor":"top_left","color":"palette:1"}]'],
}


def pictured(values: dict[str, Any]) -> tuple[bytes, SwapOrder]:
    """Return the picture of an order of these values, on a small canvas, and the order."""
    catalogue = load_catalogue()
    own = {"width": 120, "height": 120} if values["output_preset"] != "transparent_cutout" else {}
    names = {given: name for name, given in NAMES.items()}
    order = SwapOrder("", "", "").having({names.get(name, name): value for name, value in (values | own).items()})
    spec = resolve_spec(stored_spec(catalogue, order), catalogue)
    first = SwapOrder("marble_tabletop", "calm", "shopify_product", seed=9)
    spec = replace(spec, earlier=Earlier(resolve_spec(stored_spec(catalogue, first), catalogue), "photo"))
    given: Any = {"files": {"photo": PHOTO, "behind": PHOTO}, "artwork": Artwork(bundled_fonts(), {})}
    made = swap(PHOTO, spec, networks(), limits=Limits(), clock=lambda: 0.0, **given)
    return made.data, order


@pytest.mark.parametrize("number", [*range(6), *(pytest.param(n, marks=pytest.mark.nightly) for n in range(6, 24))])
def test_a_field_without_effect_decides_no_pixel(number: int) -> None:
    rng, catalogue = random.Random(number), load_catalogue()
    values = {name: rng.choice(choices) for name, choices in CHOICES.items()}
    values |= {"background_color": "teal", "background_image": "behind", "background_render": "x"}
    data, order = pictured(values)
    spec = planned_spec(catalogue, order)
    idle = {name for name, needs in NEEDS.items() if not all(need.met(spec) for need in needs)}

    others = {name: next(one for one in CHOICES[name] if one != values[name]) for name in idle & CHOICES.keys()}
    options = in_effect(order, spec)
    assert idle
    assert pictured(values | {name: options[name] for name in idle & options.keys()})[0] == data, sorted(idle)
    changed = {name: one for name, one in others.items() if name != "background"}
    assert pictured(values | changed)[0] == data, sorted(changed)
