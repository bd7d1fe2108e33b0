"""The studio page's files: their content security policy, their caching, and no other file under their routes."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from PIL import Image

from pipeline.colour.notation import hex_to_rgb
from pipeline.core.order import Dressing
from pipeline.core.spec import Spec
from pipeline.scene.surfaces import ACCENT, painted
from service.accounts.clients import Accounts
from service.api.app import create_app
from service.catalogue.catalogue import load_catalogue
from service.database.engine import create_engine
from service.settings import SHIPPED_THUMBNAILS, Settings
from tests.support.databases import migrated_engine

FOLDER = Path(str(files("service") / "studio"))
NAMES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("studio")


@pytest.fixture(scope="module")
def studio(home: Path) -> Any:
    settings = Settings(home=home, queue_url="redis://127.0.0.1:9/0", thumbnails=home / "thumbnails")
    migrated_engine(settings).dispose()
    with TestClient(create_app(settings)) as http:
        yield http


def policy(answer: Any) -> dict[str, list[str]]:
    directives = [one.split() for one in answer.headers["content-security-policy"].split("; ")]
    return {name: sources for name, *sources in directives}


class Loaded(HTMLParser):
    """Return the addresses that a page loads, and its inline code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self._script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self._script = tag == "script"
        self.addresses += [value for name, value in found.items() if name in {"src", "href"} and value]
        self.inline += [name for name in found if name == "style" or name.startswith("on")]
        self.inline += [tag] * (tag == "style")

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.inline.append(data)
        self._script = False


def test_the_page_loads_nothing_from_elsewhere_and_has_nothing_inline(studio: Any) -> None:
    page = studio.get("/")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    loaded = Loaded(page.text)
    assert loaded.inline == []
    for address in loaded.addresses:
        assert address == "#main" or studio.get(address).status_code == 200, address


def test_every_file_of_the_page_has_a_strict_content_security_policy(studio: Any) -> None:
    for path in ("/", "/studio/app.js", "/studio/page/base.css", "/studio/thumbnails"):
        answer = studio.get(path)
        assert policy(answer) == {
            "default-src": ["'none'"],
            "script-src": ["'self'"],
            "style-src": ["'self'"],
            "img-src": ["'self'", "blob:", "data:"],
            "connect-src": ["'self'"],
            "base-uri": ["'none'"],
            "form-action": ["'none'"],
            "frame-ancestors": ["'none'"],
        }
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_photos_and_renders_in_an_external_bucket_are_allowed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    inside, outside = "http://objects:9000", "https://objects.example:9443"
    settings = Settings(
        home=tmp_path,
        queue_url="redis://127.0.0.1:9/0",
        store="s3",
        s3_endpoint_url=inside,
        s3_public_endpoint_url=outside,
    )
    with TestClient(create_app(settings)) as http:
        allowed = policy(http.get("/"))

    assert allowed["img-src"] == ["'self'", "blob:", "data:", outside]
    assert allowed["connect-src"] == ["'self'", outside]
    assert allowed["script-src"] == ["'self'"]


@pytest.mark.parametrize("name", NAMES)
def test_every_file_has_its_type_and_is_revalidated_at_little_cost(studio: Any, name: str) -> None:
    first = studio.get(f"/studio/{name}")
    types = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}

    again = studio.get(f"/studio/{name}", headers={"If-None-Match": first.headers["etag"]})

    assert first.status_code == 200
    assert first.headers["content-type"].split(";")[0] == types[name.rpartition(".")[2]]
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert studio.head(f"/studio/{name}").headers["content-length"] == str(len(first.content))


def test_text_is_sent_compressed_to_a_browser_that_reads_it_and_pictures_as_they_are(studio: Any) -> None:
    whole = studio.get("/studio/app.js", headers={"Accept-Encoding": "identity"})
    small = studio.get("/studio/app.js", headers={"Accept-Encoding": "gzip"})

    assert small.content == whole.content
    assert (small.headers["content-encoding"], small.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert int(small.headers["content-length"]) < 0.5 * int(whole.headers["content-length"])
    assert "content-encoding" not in studio.get("/studio/sample.jpg", headers={"Accept-Encoding": "gzip"}).headers


def test_every_imported_module_exists() -> None:
    for name in NAMES:
        if name.endswith(".js"):
            text = (FOLDER / name).read_text("utf-8")
            asked = re.findall(r'(?:from|import\() ?"(\.[^"]+)"', text)
            parts = [FOLDER / one for one in re.findall(r'new Part\("([^"]+)"', text)]
            missing = [one for one in [(FOLDER / name).parent / path for path in asked] + parts if not one.is_file()]
            assert missing == [], name


def test_the_first_view_needs_at_most_120_kb_compressed(studio: Any) -> None:
    """Counts what it imports statically. The other parts load when a person needs them, or while the page is idle."""
    needed = ["app.js", "order/compose.js"]  # compose.js is the view that opens first
    for name in needed:
        imports = re.findall(r'^import (?:[^;]* from )?"(\.[^"]+)";', (FOLDER / name).read_text("utf-8"), re.MULTILINE)
        paths = {(FOLDER / name).parent.joinpath(one).resolve().relative_to(FOLDER).as_posix() for one in imports}
        needed += sorted(paths - set(needed))
    addresses = [one for one in Loaded(studio.get("/").text).addresses if one.startswith("/studio/")]
    paths = {"/", *addresses, *(f"/studio/{name}" for name in needed)}
    answers = [studio.get(path, headers={"Accept-Encoding": "gzip"}) for path in sorted(paths)]

    assert 90_000 < sum(int(answer.headers["content-length"]) for answer in answers) <= 120_000


@pytest.mark.parametrize(
    "path",
    ["no.js", "..%2Fcatalogues%2Fmoods.toml", "%2e%2e%2fapp.py", "app.py", ".hidden.js", "index.html%00.js", "é.js"],
)
def test_only_the_pages_own_files_are_served(studio: Any, path: str) -> None:
    assert studio.get(f"/studio/{path}").status_code == 404
    assert studio.get(f"/studio/cutout/{path}").status_code == 404
    assert studio.get(f"/studio/../{path}").status_code == 404
    assert studio.get(f"/studio/%2e%2e/{path}").status_code == 404
    assert studio.get(f"/studio/thumbnails/{path}").status_code == 404


def test_a_thumbnails_address_changes_with_the_picture_and_can_be_cached(
    studio: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.api.pages.studio.SHIPPED_THUMBNAILS", tmp_path)
    assert studio.get("/studio/thumbnails").json() == {}
    addresses = []
    for grey in (10, 200):
        Image.new("L", (8, 10), grey).save(tmp_path / "scene-podium.webp")
        addresses.append(studio.get("/studio/thumbnails").json()["scene-podium"])
    picture = studio.get(addresses[1])

    assert addresses[0] != addresses[1]
    assert picture.headers["content-type"] == "image/webp"
    assert "immutable" in picture.headers["cache-control"]
    assert picture.content == (tmp_path / "scene-podium.webp").read_bytes()


def test_the_sample_photo_is_served(studio: Any) -> None:
    assert studio.get("/studio/sample.jpg").content == (files("service") / "sample" / "bottle.jpg").read_bytes()


COLOURS = ("#f4ead9", "#5b3a26", "#8aa399")


def test_thumbnails_get_the_colours_that_an_order_gives_its_surfaces_and_only_for_a_client(
    studio: Any, home: Path
) -> None:
    (home / "thumbnails").mkdir(exist_ok=True)
    kept = {"podium": [["ceiling", "#e9dccb"]], "gone": [["accent", "#e9dccb"]]}
    (home / "thumbnails" / "slots.json").write_text(json.dumps(kept))
    asked = {"colors": ",".join(COLOURS), "colors_on": f"floor:{COLOURS[0]},accent:{COLOURS[1]}"}
    assert studio.get("/studio/surfaces", params=asked).status_code == 401
    engine = create_engine(Settings(home=home).sqlalchemy_url)
    headers = {"Authorization": f"Bearer {Accounts(engine).add('page', credits=0)[1]}"}
    engine.dispose()

    scenes = studio.get("/studio/surfaces", params=asked, headers=headers).json()

    slots, catalogue = json.loads((SHIPPED_THUMBNAILS / "slots.json").read_bytes()), load_catalogue()
    assert scenes.keys() == slots.keys(), "not the old ones"
    for name, found in scenes.items():
        spec = Spec(catalogue.scene(name), catalogue.mood("natural"), COLOURS, catalogue.preset("shopify_product"), 0)
        spec = replace(spec, dressing=Dressing(colors_on=asked["colors_on"]))
        planned = {one.name: one.colour for one in painted(spec)}
        for (surface, before), old, new in zip(slots[name], found["from"], found["to"], strict=True):
            if surface != ACCENT and (surface == "tube" or "tube" not in planned):  # a tube lights its wall and floor
                assert (old, new) == (before, planned[surface]), f"{name}, {surface}"
    assert scenes["podium"]["to"][1:3] == [COLOURS[0], COLOURS[1]], "the floor, then the first accent"
    red = studio.get("/studio/surfaces", params={"colors": "red"}, headers=headers).json()["neon"]
    wall = [name for name, _ in slots["neon"]].index("wall")
    shares = [hex_to_rgb(red["to"][wall])[i] / hex_to_rgb(red["from"][wall])[i] for i in (0, 2)]
    assert shares[0] > shares[1], "a red tube makes its wall redder"
    for wrong in ({}, {"colors": "nearly blue"}, {"colors": "red", "colors_on": "wall"}):
        assert studio.get("/studio/surfaces", params=wrong, headers=headers).status_code == 422
