"""Catalogues of clients: each client sees what ships, the shared folder and its own; no other client sees that."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.catalogue.catalogue import load_catalogue, own_picture
from service.catalogue.specs import resolve_spec
from service.catalogue.toml_records import CatalogueInvalid
from service.database.tables import jobs
from service.settings import Settings
from tests.support.caller import SWAP, Caller, assert_problem, located
from tests.support.command_line import migrated_home, run
from tests.support.databases import migrated_engine
from tests.support.own_catalogue import example, font, written

LISTS = ("scene-types", "moods", "output-presets")
OWN = {"scene_type": "slate_counter", "mood": "golden_hour", "output_preset": "acme_card"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Settings:
    """Settings with the guide's example as the catalogue of the clients `acme`, and a shared podium."""
    home = tmp_path_factory.mktemp("clients")
    podium = example()["scenes.toml"].replace(b'"slate_counter"', b'"podium"')
    written(
        home / "catalogue", {"scenes.toml": podium} | {f"clients/acme/{name}": one for name, one in example().items()}
    )
    settings = Settings(home=home, queue_url=valkey_url, catalogue=home / "catalogue", thumbnails=home / "thumbnails")
    migrated_engine(settings).dispose()
    return settings


@pytest.fixture
def owner(http: Any, settings: Settings, request: pytest.FixtureRequest) -> Caller:
    """A client with the catalogue `acme`."""
    made = Caller(http, settings, f"owner {request.node.name}"[:100], credits=100)
    made.accounts.set_catalogue(made.client.name, "acme")
    return made


def names(answer: Any) -> set[str]:
    return {one["name"] for one in answer.json()["items"]}


def spec_of(caller: Caller, job_id: str) -> dict[str, Any]:
    with caller.engine.connect() as connection:
        spec: dict[str, Any] = connection.execute(sa.select(jobs.c.spec).where(jobs.c.id == job_id)).scalar_one()
    return spec


def test_the_lists_show_a_clients_own_entries_with_its_key_alone(caller: Caller, owner: Caller, http: Any) -> None:
    for path, own in zip(LISTS, OWN.values(), strict=True):
        public = http.get(f"/v1/{path}")
        assert names(owner.get(f"/v1/{path}")) == names(public) | {own}
        for other in (caller.get(f"/v1/{path}"), http.get(f"/v1/{path}", headers={"Authorization": "Bearer none"})):
            assert other.content == public.content
            assert own not in other.text
    shown = {one["name"]: one["title"] for one in http.get("/v1/scene-types").json()["items"]}
    assert shown["podium"] == "Slate counter", "the shared folder replaces what ships, for all"


def test_an_order_stores_the_own_entries_so_that_any_worker_can_run_it(owner: Caller, settings: Settings) -> None:
    url = f"{SWAP}?layers=template:new_arrival"
    answer = owner.http.post(url, json=owner.body(**OWN), headers=owner.headers)

    assert answer.status_code == 202, answer.text
    assert owner.get(f"/v1/jobs/{answer.json()['job_id']}").json()["warnings"] == []
    stored = spec_of(owner, answer.json()["job_id"])
    spec, own = resolve_spec(stored, load_catalogue()), load_catalogue(settings.catalogue).of("acme")
    assert (spec.scene, spec.mood) == (own.scenes["slate_counter"], own.moods["golden_hour"])
    assert spec.preset == own.presets["acme_card"]
    assert '"acme_sans"' in spec.lettering.layers


def test_to_other_clients_the_entries_do_not_exist(caller: Caller, owner: Caller) -> None:
    preset = caller.submit(caller.body(output_preset="acme_card"))
    template = caller.http.post(f"{SWAP}?layers=template:new_arrival", json=caller.body(), headers=caller.headers)
    brand = {"default_preset": "acme_card"}
    brands = [one.http.put("/v1/brands/cards", json=brand, headers=one.headers) for one in (owner, caller)]

    assert located(preset) == {("body", "output_preset")}
    assert "acme" not in preset.json()["detail"][0]["msg"].partition("(received")[0]
    assert located(template) == {("query", "layers")}
    assert "none" in template.json()["detail"][0]["msg"]
    assert [one.status_code for one in brands] == [201, 422]
    # A name of the owner's is free text here, and a typo of it no near miss.
    assert located(owner.submit(owner.body(scene_type="slate_counte"))) == {("body", "scene_type")}
    for name, warned in (("slate_counte", "scene_in_words, scene_lacks"), ("slate_counter", "scene_in_words")):
        assert caller.submit(caller.body(scene_type=name)).headers["backdrop-warnings"] == warned


def test_an_order_of_many_pictures_knows_the_own_entries_too(caller: Caller, owner: Caller) -> None:
    asked: dict[str, Any] = {"scene_type": "slate_counter", "mood": "golden_hour", "presets": ["acme_card"]}
    asked["options"] = {"layers": "template:new_arrival"}

    answers = [
        one.http.post(
            "/v1/orders", json=asked | {"photos": [{"source_image_s3_key": one.upload()}]}, headers=one.headers
        )
        for one in (owner, caller)
    ]

    assert [one.status_code for one in answers] == [202, 422], answers[0].text
    with owner.engine.connect() as connection:
        spec = connection.execute(sa.select(jobs.c.spec).where(jobs.c.client_id == owner.client.id)).scalar_one()
    assert [spec["records"][kind]["name"] for kind in ("scene", "mood", "preset")] == [*OWN.values()]
    assert "acme_sans" in spec["lettering"]["layers"]


def test_the_page_shows_each_client_pictures_of_its_own_entries_alone(
    caller: Caller, owner: Caller, settings: Settings
) -> None:
    read = load_catalogue(settings.catalogue)
    own = own_picture(read.of("acme").scenes["slate_counter"])
    written(settings.thumbnails, {f"{own}.webp": b"own"})

    shown, others = (one.get("/studio/thumbnails").json() for one in (owner, caller))

    assert owner.http.get(shown.pop("scene-slate_counter")).content == b"own"
    assert shown == others
    assert "scene-arch_niche" in others
    assert "scene-podium" not in others, "the picture of the podium that ships is not the shared one's"


def test_a_catalogue_that_the_api_did_not_read_is_a_503_that_costs_nothing(owner: Caller) -> None:
    body = owner.body()
    owner.accounts.set_catalogue(owner.client.name, "later")

    refused = owner.submit(body)

    assert_problem(refused, 503, "catalogue_missing")
    assert "later" in refused.json()["detail"]
    assert refused.headers["retry-after"] == "60"
    assert_problem(owner.get("/v1/moods"), 503, "catalogue_missing")
    assert owner.get("/v1/jobs").json()["items"] == []
    assert owner.balance == 100


@pytest.mark.parametrize(
    ("family", "elsewhere", "fine"),
    [("Acme Sans", {}, True), ("Acme Sans", {"fonts/a.ttf": font("Acme Sans")}, True), ("Manrope", {}, False)],
)
def test_a_font_of_a_client_needs_a_name_of_its_own(
    tmp_path: Path, family: str, elsewhere: dict[str, bytes], fine: bool
) -> None:
    own = {"clients/acme/fonts/a.ttf": font(family), "clients/acme/fonts/OFL.txt": b"", "fonts/OFL.txt": b""}
    written(tmp_path, own | elsewhere)
    if fine:
        assert "acme_sans" in load_catalogue(tmp_path).every_font.names
    else:
        with pytest.raises(CatalogueInvalid, match="fonts: manrope is another font elsewhere"):
            load_catalogue(tmp_path)


def test_the_operator_gives_a_client_a_folder_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = migrated_home(tmp_path)
    folder = written(tmp_path / "catalogue", {"clients/acme/moods.toml": example()["moods.toml"]})
    run("clients", "add", "Acme Ltd", *home)

    def given(*arguments: str) -> str:
        return run("clients", "set-catalogue", "Acme Ltd", *arguments, *home).output

    assert "no clients/acme in the catalogue. BACKDROP_CATALOGUE is not set." in given("acme")
    monkeypatch.setenv("BACKDROP_CATALOGUE", str(folder))
    assert "no clients/acne in the catalogue. Folders there: acme." in given("acne")
    assert "Name a FOLDER, or give --none." in given()
    assert given("acme").endswith("  0 credits  enabled  catalogue acme\n")
    assert run("catalog", "--check", str(folder)).output.endswith(" 0 templates, 0 font files; clients: acme\n")
    assert "ok    catalogue" in run("doctor", "--no-networks", *home).output
    (folder / "clients" / "acme").rename(folder / "clients" / "gone")
    load_catalogue.cache_clear()
    said = " ".join(run("doctor", "--no-networks", *home).output.split())
    assert "wrong catalogue missing: clients/acme of 'Acme Ltd'. Add it, or run" in said
    assert given("--none").endswith("  0 credits  enabled\n")
