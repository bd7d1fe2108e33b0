"""Two clients, every route, every foreign id and key: another client's data looks exactly like missing data.

Between a sandbox and a live client, too, both ways.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import pytest
import sqlalchemy as sa
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.testing import TestClient
from PIL import Image
from ulid import ULID

from pipeline.core.spec import Limits
from service.api.app import create_app
from service.database.clock import db_now
from service.database.tables import jobs, renders
from service.jobs.records import KeptFacts, NewCutout
from service.marks.verify import find_marks
from service.settings import Settings
from service.storage.buckets import open_buckets
from service.storage.expiry import build_expirer
from service.storage.registry import ObjectRegistry
from tests.support.caller import SWAP, Caller
from tests.support.databases import migrated_database, migrated_engine
from tests.support.documented import compared
from tests.support.shop import render


def _picture(kind: str) -> bytes:
    picture, file = Image.new("L", (8, 8)), io.BytesIO()
    picture.paste(255, (2, 2, 6, 6))
    picture.save(file, kind)
    return file.getvalue()


MASK, PHOTO = _picture("PNG"), _picture("JPEG")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Owner(Caller):
    """A client that has something of every kind."""

    def __init__(self, http: Any, settings: Settings, name: str, *, sandbox: bool = False) -> None:
        super().__init__(http, settings, name, credits=0 if sandbox else 100, sandbox=sandbox)
        deleted = http.delete(f"/v1/data?confirm={name}", headers=self.headers)  # first, while there is nothing
        self.receipt = str(deleted.json()["id"])
        self.upload_answer = http.post("/v1/uploads", json={"content_type": "image/png"}, headers=self.headers).json()
        self.photo = self.upload()
        self.waiting = self._job()
        self.cutout, self.cutout_key = self._cutout(settings)
        self.done, self.failed = self._job(), self._job()
        self.render_key = f"renders/{self.client.id}/{self.done}-1.png"
        self.public_id = str(ULID())
        open_buckets(settings)[1].put(self.render_key, MASK, "image/png")
        claim, other = self.claim(self.done), self.claim(self.failed)
        self.jobs.fail(other, "no_subject", "No product stands out.")
        made = replace(render(), public_id=self.public_id, key=self.render_key, bytes=len(MASK), format="png")
        self.jobs.succeed(claim, replace(made, content_type="image/png", sha256=hashlib.sha256(MASK).hexdigest()))
        self.brand = f"brand-{ULID()}"
        made = http.put(f"/v1/brands/{self.brand}", json={"palette": ["#123456"]}, headers=self.headers)
        assert made.status_code == 201
        (key,) = self.get("/v1/keys").json()["items"]
        self.key_id = str(key["id"])
        hook = http.put("/v1/webhook", json={"url": "https://owner.example/hooks"}, headers=self.headers)
        self.secret = str(hook.json()["secret"])
        self.delivery = str(http.post("/v1/webhook/test", headers=self.headers).json()["id"])
        self.download = self.get(f"/v1/renders/{self.public_id}").json()["url"]
        order = {"photos": [{"source_image_s3_key": self.photo}], "scene_type": "podium", "mood": "calm"}
        order |= {"presets": ["open_graph"], "reference": "sku-7"}
        self.order = str(http.post("/v1/orders", json=order, headers=self.headers).json()["order_id"])
        self.once = {"Idempotency-Key": "owner-1"}
        self.once_body = self.body(source_image_s3_key=self.photo)
        assert self.submit(self.once_body, **self.once).status_code == 202

    def _job(self) -> str:
        body = self.body(source_image_s3_key=self.photo)
        answer = self.http.post(f"{SWAP}?reference=sku-7&metadata=shelf:7", json=body, headers=self.headers)
        assert answer.status_code == 202
        return str(answer.json()["job_id"])

    def _cutout(self, settings: Settings) -> tuple[str, str]:
        """Store a cut-out as a worker does; return its job's id and the key of its mask."""
        body = {"source_image_s3_key": self.photo}
        answer = self.http.post("/v1/cutouts?reference=sku-7", json=body, headers=self.headers)
        assert answer.status_code == 202
        keys = [f"masks/{self.client.id}/{ULID()}.{kind}" for kind in ("png", "png", "jpg")]
        facts: KeptFacts = {"confidence": 1, "warnings": [], "product_box": [0, 0, 1, 1], "cut_sides": []}
        facts |= {
            "stance": "standing",
            "suits": ["white"],
            "subjects": [{"id": 1, "box": [0, 0, 1, 1], "share": 1, "kept": True}],
        }
        for key, data in zip(keys, (MASK, MASK, PHOTO), strict=True):
            open_buckets(settings)[1].put(key, data, "image/png")
        claim = self.claim(answer.json()["job_id"])
        self.jobs.succeed(claim, NewCutout("0" * 64, 8, 8, keys[0], keys[1], keys[2], facts))
        return claim.job_id, keys[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of the owner's that no answer to another client may contain."""
        jobs = (self.waiting, self.done, self.failed, self.cutout, self.cutout_key, self.order)
        own = (self.public_id, self.render_key, self.brand, self.key_id, self.delivery, self.receipt)
        return (self.client.id, self.photo, *jobs, *own)

    def belongings(self) -> dict[str, Any]:
        """Return everything that the API shows the owner, without the URLs, which differ in each answer."""
        lists = [*("jobs", "renders", "cutouts", "brands", "keys", "webhook"), f"jobs/{self.waiting}/request"]
        lists += ["webhook/deliveries", f"webhook/deliveries/{self.delivery}", "orders", f"orders/{self.order}"]
        lists += ["data/deletions"]
        return {path: without_urls(self.get(f"/v1/{path}").json()) for path in lists}


def without_urls(shown: Any) -> Any:
    if isinstance(shown, list):
        return [without_urls(one) for one in shown]
    if not isinstance(shown, dict):
        return shown
    return {name: without_urls(one) for name, one in shown.items() if "url" not in name}


class World:
    """The API, the owner, and a client that tries to reach the owner's data."""

    def __init__(self, app: Litestar, http: Any, settings: Settings) -> None:
        self.app, self.http = app, http
        self.owner = Owner(http, settings, f"owner-{ULID()}")
        self.nosy = Caller(http, settings, f"nosy-{ULID()}", credits=100)
        self.sandboxes = (
            Owner(http, settings, f"owner-sandbox-{ULID()}", sandbox=True),
            Caller(http, settings, f"nosy-sandbox-{ULID()}", credits=0, sandbox=True),
        )

    def between(self, who: str) -> "World":
        """Return the same with a sandbox in place of the owner or of the other client."""
        found = copy(self)
        found.owner = self.sandboxes[0] if who == "live client, sandbox's data" else self.owner
        found.nosy = self.sandboxes[1] if who == "sandbox, live client's data" else self.nosy
        return found

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = self.http.request(method, path, headers=self.nosy.headers | options.pop("headers", {}), **options)
        assert isinstance(answer, httpx.Response)
        return answer

    def spec_of(self, job_id: str) -> dict[str, Any]:
        with self.nosy.engine.connect() as connection:
            spec: dict[str, Any] = connection.execute(sa.select(jobs.c.spec).where(jobs.c.id == job_id)).scalar_one()
        return spec

    def routes(self) -> set[str]:
        """Return every method and path of the app, without the routes of its own description."""
        found = set()
        for route in self.app.routes:
            if isinstance(route, HTTPRoute) and not route.path.startswith("/schema"):
                path = re.sub(r":\w+}", "}", route.path)
                found |= {f"{method} {path}" for method in set(route.methods) - {"OPTIONS"}}
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgresql_server: str, valkey_url: str) -> Iterator[World]:
    """On PostgreSQL: both databases get the same statements, and only this one refuses a NUL in an id."""
    home: Path = tmp_path_factory.mktemp("isolation")
    settings = Settings(home=home, database_url=migrated_database(postgresql_server, home.name), queue_url=valkey_url)
    migrated_engine(settings).dispose()
    app = create_app(settings)
    with TestClient(app) as http:
        compared(http)
        # In this process: `service/marks/test_verify.py` starts the other one.
        app.state.check_apart = lambda data: find_marks(data, Limits(), (), ())
        world = World(app, http, settings)
        yield world
        for client in (world.owner, world.nosy, *world.sandboxes):
            client.engine.dispose()


def answer_parts(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """Return what a client can observe of an answer, without what differs by itself.

    Left out: the request's id, the date, the asker's remaining quota, and the age of the oldest job with its digits.
    """
    varying = {"x-request-id", "date", "ratelimit"}
    content = answer.content.replace(answer.headers["x-request-id"].encode(), b"its own")
    content, waits = re.subn(rb'"oldest_waiting_seconds":[0-9.]+', b"", content)
    varying |= {"content-length"} if waits else set()
    return answer.status_code, content, {name: value for name, value in answer.headers.items() if name not in varying}


def assert_same(answers: list[httpx.Response], status: int = 404) -> None:
    first = answer_parts(answers[0])
    assert first[0] == status, answers[0].text
    for number, answer in enumerate(answers):
        assert answer_parts(answer) == first, f"answer {number}, to {answer.request.url!r:.200}"


#: The owner's reference, and one that no client has.
REFERENCES = ("reference=sku-7", "reference=none")
#: Filters that the owner's jobs fit.
NARROWER = (
    *("metadata=shelf:7", "scene_type=podium", "output_preset=shopify_product"),
    *("created_after=2020-01-01T00:00:00Z", "created_before=2099-01-01T00:00:00Z"),
)
#: Unknown ids: one in the service's own form, and typical probes.
MISSING = [
    str(ULID()),
    "none",
    "1",
    "...",
    "%00",
    "%252e%252e%252f",
    "%F0%9F%92%A5",
    "a" * 5000,
    "' OR 1=1 --",
    "%ff%fe",
]


#: How a route is tried with the owner's names: the method, and the path with its names in braces.
Case = Callable[[World, str, str], None]


def named(*owned: str, status: int = 404, **options: Any) -> Case:
    """The owner's names, in lower case too, get the answers of unknown names."""

    def check(world: World, method: str, path: str) -> None:
        names = [getattr(world.owner, name) for name in owned]
        names = [*names, *(name.lower() for name in names), *MISSING]
        assert_same([world.ask(method, re.sub("{.+}", name, path), **options) for name in names], status)

    return check


def events_of_others(world: World, method: str, path: str) -> None:
    for seen in ({}, {"Last-Event-ID": "9999"}, {"Last-Event-ID": "x"}):
        named("waiting", "done", "failed", headers=seen)(world, method, path)


def photos_to_delete(world: World, method: str, path: str) -> None:
    owner, own = world.owner, f"uploads/{world.nosy.client.id}"
    foreign = [owner.photo, owner.upload_answer["key"], quote(owner.photo, safe=""), f"{own}/../{owner.photo[8:]}"]
    missing = [f"{own}/none.jpg", f"{own}/", f"uploads/{ULID()}/none.jpg", owner.render_key, *MISSING]
    assert_same([world.ask(method, path.replace("{key}", key)) for key in [*foreign, *missing]])


def pictures(world: World, method: str, path: str) -> None:
    named("public_id", "done")(world, method, path)
    address = path.replace("{public_id}", world.owner.public_id)
    own = world.http.request(method, address, headers=world.owner.headers, follow_redirects=False)
    assert (own.status_code, own.headers["cache-control"]) == (302, "no-store")
    assert world.http.get(signed(own.headers["location"])).content == MASK


def keys(world: World, method: str, path: str) -> None:
    answer = world.ask(method, path)
    assert [key["current"] for key in answer.json()["items"]] == [True]
    assert world.owner.key_id not in answer.text


def new_keys(world: World, method: str, path: str) -> None:
    made = world.ask(method, path, json={"name": "second"})
    assert made.status_code == 201
    assert world.ask("DELETE", f"{path}/{made.json()['id']}").status_code == 204


def keys_to_delete(world: World, method: str, path: str) -> None:
    key_id = world.owner.key_id
    foreign = [key_id, key_id.upper(), key_id[:8], "key_", "key_%25"]
    assert_same([world.ask(method, path.replace("{key_id}", name)) for name in [*foreign, *MISSING]])
    assert world.owner.get("/v1/credits").status_code == 200


def webhooks(world: World, method: str, path: str) -> None:
    answer = world.ask(method, path, **({"json": {"grace_hours": 1}} if method == "POST" else {}))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def deliveries(world: World, method: str, path: str) -> None:
    for query in ("", f"?cursor={world.owner.delivery}", f"?job_id={world.owner.done}", "?type=webhook.test"):
        assert world.ask(method, path + query).json() == {"items": [], "next_cursor": None}


def new_webhooks(world: World, method: str, path: str) -> None:
    answer = world.ask(method, path, json={"url": world.owner.get(path).json()["url"]})
    assert answer.status_code == 201
    assert answer.json()["secret"] != world.owner.secret
    assert world.ask("DELETE", path).status_code == 204


def listed(*filters: str) -> Case:
    """A list contains the client's own entries alone. A foreign id as a cursor is only a position in the order."""

    def check(world: World, method: str, path: str) -> None:
        cursors = [f"cursor={name}" for name in (world.owner.waiting, world.owner.done, world.owner.public_id)]
        for query in ["", *cursors, *filters]:
            answer = world.ask(method, f"{path}?{query}")
            assert answer.status_code == 200, answer.text
            assert not any(name in answer.text for name in {*world.owner.names} - {query.partition("=")[2]})

    return check


def sources(world: World, method: str, path: str) -> None:
    owner, nosy = world.owner, world.nosy
    folder = f"uploads/{nosy.client.id}"
    names = [
        *(owner.photo, owner.upload_answer["key"], owner.photo.upper(), owner.render_key, owner.cutout_key),
        *(f"uploads/{owner.client.id}/none.jpg", f"uploads/{ULID()}/none.jpg", f"{folder}/none.jpg"),
        *(f"{folder}/{up}/{owner.photo.removeprefix('uploads/')}" for up in ("..", "%2e%2e")),
        *(f"/{owner.photo}", f"./{owner.photo}", f"{folder}/", f"{folder}/a\u0000b.jpg", f"{folder}/\u202egpj.exe"),
        *(f"{folder}/фото.jpg", f"{folder}/{'x' * 400}.jpg", "/etc/passwd", "file:///etc/passwd"),
    ]
    bodies: list[dict[str, Any]] = [{"source_image_s3_key": name} for name in names]
    renders = [owner.public_id, owner.done, owner.cutout, str(ULID()), "none", "\u0000", "\U0001f4a5"]
    bodies += [{"source_render_public_id": name} for name in renders]
    if path == SWAP:
        bodies = [nosy.body(**{"source_image_s3_key": None} | body) for body in bodies]
        # the owner's Idempotency-Key with the owner's own body
        more = [nosy.submit(owner.once_body, **owner.once), world.ask(method, f"{path}?dry_run=1", json=bodies[0])]
    assert_same([world.ask(method, path, json=body) for body in bodies] + (more if path == SWAP else []))
    assert nosy.balance == (0 if nosy.client.sandbox else 100)


def sources_of_orders(world: World, method: str, path: str) -> None:
    owner, nosy = world.owner, world.nosy
    keys = [
        owner.photo,
        owner.render_key,
        f"uploads/{nosy.client.id}/none.jpg",
        f"uploads/{nosy.client.id}/\u0000",
        "x",
    ]
    photos: list[dict[str, Any]] = [{"source_image_s3_key": key} for key in keys]
    renders = [owner.public_id, owner.done, owner.order, str(ULID()), "none", "\u0000"]
    photos += [{"source_render_public_id": name} for name in renders]
    body = {"photos": photos, "scene_type": "podium", "mood": "calm", "presets": ["open_graph"]}
    faults = world.ask(method, path, json=body).json()["detail"]
    assert [(one["loc"][2], one["code"]) for one in faults] == [(n, "source_not_found") for n in range(len(photos))]
    assert len({re.sub(r"\(received .*\)|Received .*", "", one["msg"]) for one in faults}) == 2  # one for each field
    planned = world.ask(method, f"{path}?dry_run=true", json=body).json()["faults"]
    assert [one["code"] for one in planned] == ["source_not_found"] * len(photos)
    assert nosy.balance == (0 if nosy.client.sandbox else 100)


def new_photos(world: World, method: str, path: str) -> None:
    reserved = world.ask(method, path, json={"content_type": "image/jpeg"})
    sent = world.ask(method, path, files={"file": ("a.png", b"\x89PNG\r\n\x1a\nIEND", "image/png")})
    for answer in (reserved, sent):
        assert answer.json()["key"].startswith(f"uploads/{world.nosy.client.id}/")
        assert not any(name in answer.text for name in world.owner.names)
    # nor can the API be made to fetch the owner's photo from itself
    answer = world.ask(method, path, json={"url": f"http://127.0.0.1{signed(world.owner.download)}"})
    assert (answer.status_code, answer.json()["detail"][0]["code"]) == (422, "url_not_public")


def credits(world: World, method: str, path: str) -> None:
    answer = world.ask(method, path)
    sandbox, other = world.nosy.client.sandbox, world.owner.get(path).json()
    assert [entry["kind"] for entry in answer.json()["entries"]] == ([] if sandbox else ["grant"])
    assert answer.json()["sandbox"] is sandbox
    assert not any(name in answer.text for name in world.owner.names)
    assert not (other["sandbox"] and (other["balance"] or other["entries"])), "a sandbox is never charged"
    foreign = [entry["id"] for entry in other["entries"]][:1]
    refused = [world.ask(method, f"{path}?cursor={cursor}") for cursor in [*foreign, ULID()]]
    assert {one.json()["detail"][0]["code"] for one in refused} == {"cursor_unknown"}


def usage(world: World, method: str, path: str) -> None:
    """The sums are those of the asking client's own jobs, under every key."""
    own = world.ask(method, path).json()
    entries = world.ask(method, "/v1/credits").json()["entries"]
    assert own["totals"]["credits_net"] == -sum(one["amount"] for one in entries if one["kind"] != "grant")
    assert world.owner.get(path).json()["totals"]["ordered"] > own["totals"]["ordered"]
    for by in ("scene", "preset", "metadata.shelf"):
        answer = world.ask(method, f"{path}?by={by}").json()
        assert answer["totals"] == own["totals"]
        assert "7" not in [row["key"] for row in answer["rows"]]


def brands(world: World, method: str, path: str) -> None:
    assert world.ask(method, path).json() == {"items": []}


def new_brands(world: World, method: str, path: str) -> None:
    # under a name that the owner has, and under one that no client has
    paths = [path.replace("{name}", name) for name in (world.owner.brand, "nobodys")]
    answers = [world.ask(method, one, json={"palette": ["teal"]}) for one in paths]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [world.ask("DELETE", one).status_code for one in paths] == [204, 204]
    # naming it in a request neither reveals nor uses it
    bodies = [world.nosy.body(pilot_brand=name, dominant_colors=[]) for name in (world.owner.brand, "nobodys")]
    specs = [world.spec_of(world.nosy.submit(body).json()["job_id"]) for body in bodies]
    assert [{**spec, "seed": 0} for spec in specs] == [{**specs[0], "seed": 0}] * 2
    assert specs[0]["dominant_colors"] == []


def data(world: World, method: str, path: str) -> None:
    answer = world.ask(method, path)
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        found = b"".join(archive.read(name) for name in archive.namelist()).decode("utf-8", "replace")
        assert not any(name in f"{found} {archive.namelist()}" for name in world.owner.names)


def data_to_delete(world: World, method: str, path: str) -> None:
    # the owner's name confirms nothing to another client, and its own name deletes its own data alone
    refused = [world.ask(method, f"{path}?confirm={name}") for name in (world.owner.client.name, f"none-{ULID()}")]
    assert [one.json()["detail"][0]["code"] for one in refused] == ["confirm_wrong"] * 2
    leaver = Caller(world.http, world.nosy.settings, f"leaver-{ULID()}", credits=0)
    photo = leaver.upload(PHOTO)
    answer = world.http.request(method, f"{path}?confirm={leaver.client.name}", headers=leaver.headers)
    leaver.engine.dispose()
    assert (answer.status_code, answer.json()["counts"]) == (200, {"photos": 1}), photo
    assert not any(name in answer.text for name in world.owner.names)


def receipts(world: World, method: str, path: str) -> None:
    assert world.ask(method, path).json() == {"items": []}


def signed(url: str, *, path: str | None = None, **query: str) -> str:
    """Return the path and query of a signed URL, changed."""
    parts = urlsplit(url)
    kept = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return f"{path or parts.path}?{urlencode(kept | query)}"


def marks(world: World, method: str, path: str) -> None:
    owner, nosy = world.owner, world.nosy
    assert_same([one.http.request(method, path, content=PHOTO, headers=one.headers) for one in (owner, nosy)], 200)


def signed_urls(world: World, method: str, _: str) -> None:
    owner, nosy = world.owner, world.nosy
    mine = world.ask("POST", "/v1/uploads", json={"content_type": "image/png"}).json()["url"]
    own = urlsplit(mine).path
    theirs = [f"/v1/files/sources/{owner.photo}", f"/v1/files/renders/{owner.render_key}"]
    missing = [f"/v1/files/{bucket}/uploads/{ULID()}/none.png" for bucket in ("sources", "renders")]
    odd = [f"{own}%00", own.replace(nosy.client.id, "%2e%2e/x")]
    later = str(int(parse_qs(urlsplit(mine).query)["expires"][0]) + 3600)
    urls = [
        *(signed(mine, path=path) for path in [*theirs, *missing, *odd]),
        *(signed(owner.download, path=path) for path in [theirs[0], *missing]),
        *(signed(mine, expires=when) for when in (later, "1", str(2**70))),
        *(signed(mine, signature=wrong) for wrong in ("", "0" * 64, "\u00e9", "\x00")),
        # a valid signature, of the other method
        signed(owner.download if method == "PUT" else mine),
    ]
    assert_same([world.ask(method, url, content=b"") for url in urls], 403)
    query = urlsplit(mine).query
    assert_same([world.ask(method, f"/v1/files/{name}/{owner.photo}?{query}") for name in ("x", "..x")])


#: How each route is tried with the owner's names. A route without a case fails the first test.
CASES: dict[str, Case] = {
    f"POST {SWAP}": sources,
    "POST /v1/uploads": new_photos,
    "DELETE /v1/uploads/{key}": photos_to_delete,
    "GET /v1/jobs": listed(
        *("preview=true", "status=SUCCESS", "status=FAILURE", "status=NOT_STARTED", *REFERENCES, *NARROWER),
    ),
    "GET /v1/jobs/{job_id}": named("waiting", "done", "failed"),
    "DELETE /v1/jobs/{job_id}": named("waiting", "done", "failed"),
    "GET /v1/jobs/{job_id}/events": events_of_others,
    "GET /v1/jobs/{job_id}/request": named("waiting", "done", "failed"),
    "GET /v1/renders": listed("preview=true", "looks_right=true", *REFERENCES, *NARROWER),
    "GET /v1/renders/{public_id}": named("public_id", "done"),
    "PUT /v1/renders/{public_id}/review": named("public_id", "done", json={"looks_right": False}),
    "DELETE /v1/renders/{public_id}": named("public_id", "done"),
    **{f"{method} /v1/renders/{{public_id}}/picture": pictures for method in ("GET", "HEAD")},
    **{f"{method} /v1/renders/{{public_id}}/thumbnail": named("public_id", "done") for method in ("GET", "HEAD")},
    "POST /v1/cutouts": sources,
    "GET /v1/cutouts": listed(*REFERENCES),
    "GET /v1/cutouts/{public_id}": named("cutout", "done", "waiting"),
    "PUT /v1/cutouts/{public_id}/mask": named("cutout", "done", "waiting", content=MASK),
    "PUT /v1/cutouts/{public_id}/subjects": named("cutout", "done", "waiting", json={"keep": [1]}),
    "PUT /v1/cutouts/{public_id}/pieces": named("cutout", "done", "waiting", json={"keep": []}),
    "DELETE /v1/cutouts/{public_id}/mask": named("cutout", "done", "waiting"),
    "POST /v1/orders": sources_of_orders,
    "GET /v1/orders": listed(*REFERENCES),
    "GET /v1/orders/{order_id}": named("order", "waiting"),
    "DELETE /v1/orders/{order_id}": named("order", "waiting"),
    "GET /v1/orders/{order_id}/archive": named("order", "waiting"),
    "GET /v1/orders/{order_id}/sheet": named("order", "waiting"),
    "GET /v1/data": data,
    "DELETE /v1/data": data_to_delete,
    "GET /v1/data/deletions": receipts,
    "GET /v1/data/deletions/{id}": named("receipt", "done"),
    "GET /v1/credits": credits,
    "GET /v1/usage": usage,
    "GET /v1/keys": keys,
    "POST /v1/keys": new_keys,
    "DELETE /v1/keys/{key_id}": keys_to_delete,
    "GET /v1/webhook": webhooks,
    "PUT /v1/webhook": new_webhooks,
    "POST /v1/webhook/secret": webhooks,
    "DELETE /v1/webhook": webhooks,
    "POST /v1/webhook/test": webhooks,
    "GET /v1/webhook/deliveries": deliveries,
    "GET /v1/webhook/deliveries/{id}": named("delivery"),
    "POST /v1/webhook/deliveries/{id}/redeliver": named("delivery"),
    "POST /v1/verify": marks,
    "GET /v1/brands": brands,
    "GET /v1/brands/{name}": named("brand"),
    "PUT /v1/brands/{name}": new_brands,
    "DELETE /v1/brands/{name}": named("brand"),
    **{f"{method} /v1/files/{{bucket}}/{{key}}": signed_urls for method in ("GET", "HEAD", "PUT")},
}
#: Routes that answer every client alike and contain no client's data.
PUBLIC = (
    *("GET /v1/scene-types", "GET /v1/moods", "GET /v1/output-presets"),
    *("GET /health/live", "GET /health/ready"),
    "GET /reference",
)
#: Files of the two pages for browsers.
PAGES = (
    *("/", "/reference/{name}", "/studio/{name}", "/studio/{folder}/{name}"),
    *("/studio/thumbnails", "/studio/thumbnails/{name}", "/studio/surfaces", "/verify"),
)


def test_every_route_has_a_case(world: World) -> None:
    files = {f"{method} {path}" for path in PAGES for method in ("GET", "HEAD")}
    assert world.routes() - files == {*CASES, *PUBLIC}


#: Routes that read a client's own rows in each way: between a sandbox and a live client the gate has only these.
READ = {f"POST {SWAP}", "GET /v1/jobs", "GET /v1/jobs/{job_id}", "GET /v1/renders", "GET /v1/credits", "GET /v1/usage"}
WHO = ("live clients", "sandbox, live client's data", "live client, sandbox's data")


@pytest.mark.parametrize(
    ("route", "who"),
    [
        pytest.param(route, who, marks=[] if who == WHO[0] or route in READ else pytest.mark.nightly)
        for route in CASES
        for who in WHO
    ],
)
def test_another_clients_data_looks_missing_and_stays_unchanged(world: World, route: str, who: str) -> None:
    method, path = route.split(" ")
    world = world.between(who)
    before = {} if method in {"GET", "HEAD"} else world.owner.belongings()
    CASES[route](world, method, path)
    assert not before or world.owner.belongings() == before


@pytest.mark.parametrize("route", PUBLIC)
def test_a_public_route_reveals_no_client(world: World, route: str) -> None:
    answer = world.ask("GET", route.partition(" ")[2])

    assert answer.status_code == 200
    assert not any(name in answer.text for name in (*world.owner.names, world.nosy.client.id))
    assert answer_parts(answer) == answer_parts(world.http.get(route.partition(" ")[2]))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["/v1/jobs/", "/v1/renders/"])
def test_every_method_answers_foreign_and_missing_ids_alike(world: World, path: str, method: str) -> None:
    foreign = {"/v1/jobs/": world.owner.done, "/v1/renders/": world.owner.public_id}[path]
    tried, missing = (world.ask(method, path + name) for name in (foreign, str(ULID())))

    assert answer_parts(tried) == answer_parts(missing)
    assert tried.status_code in {404, 405} or method == "OPTIONS"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}], ids=["no key", "wrong key"])
def test_without_a_key_existing_and_missing_data_look_alike(world: World, headers: dict[str, str]) -> None:
    for path, name in (("/v1/jobs/", world.owner.done), ("/v1/renders/", world.owner.public_id)):
        for method in ("GET", "DELETE"):
            tried = [world.http.request(method, path + one, headers=headers) for one in (name, str(ULID()), "none")]
            assert_same([*tried, world.http.get(path.rstrip("/"), headers=headers)], 401)
    bodies = [world.nosy.body(source_image_s3_key=key) for key in (world.owner.photo, "uploads/none.jpg")]
    assert_same([world.http.post(SWAP, json=body, headers=headers) for body in bodies], 401)


def test_another_clients_idempotency_key_gets_an_answer_of_its_own(world: World) -> None:
    body = world.nosy.body()
    answer = world.nosy.submit(body, **world.owner.once)

    assert answer.status_code == 202
    assert not any(name in answer.text for name in world.owner.names)
    assert world.nosy.submit(body, **world.owner.once).json() == answer.json()


def test_a_signed_url_grants_access_to_its_file_and_nothing_else(world: World) -> None:
    given = signed(world.owner.download)

    assert world.http.get(given).content == MASK
    path = quote(f"/v1/files/renders/renders/{world.owner.client.id}/none.png")
    assert world.http.get(signed(world.owner.download, path=path)).status_code == 403


def test_a_mask_of_the_same_bytes_belongs_to_each_client_separately(world: World) -> None:
    owner = Owner(world.http, world.owner.settings, f"mender-{ULID()}")
    nosy = Owner(world.http, world.owner.settings, f"twin-{ULID()}")
    mended = owner.http.put(f"/v1/cutouts/{owner.cutout}/mask", content=MASK, headers=owner.headers)

    assert mended.json()["cut_by"] == "mended", mended.text
    assert nosy.get(f"/v1/cutouts/{nosy.cutout}").json()["cut_by"] == "network"
    for one in (owner, nosy):
        one.engine.dispose()


def test_an_expired_render_looks_missing_and_its_job_shows_none(world: World) -> None:
    owner = Owner(world.http, world.owner.settings, f"late-{ULID()}")
    with owner.engine.begin() as connection:
        old = renders.c.public_id == owner.public_id
        connection.execute(renders.update().where(old).values(created_at=db_now(-8 * 86_400)))
    for_ever: dict[str, Any] = {"source_age": None, "masks": None, "orphans": None}
    expirer = replace(build_expirer(owner.settings), registry=ObjectRegistry(owner.engine), **for_ever)
    replace(expirer, render_age=7 * 86_400.0, delete_delay=0.0).run_once()

    names = (owner.public_id, str(ULID()))
    assert_same([owner.get(f"/v1/renders/{name}") for name in names])
    assert_same([owner.submit(owner.body(source_image_s3_key=None, source_render_public_id=name)) for name in names])
    job = owner.get(f"/v1/jobs/{owner.done}").json()
    assert (job["status"], job["render"], job["error"], job["credits_refunded"]) == ("SUCCESS", None, None, 0)
    assert owner.http.get(signed(owner.download)).status_code == 404
    owner.engine.dispose()


def test_deleted_data_looks_as_if_it_never_existed(world: World) -> None:
    owner = Owner(world.http, world.owner.settings, f"tidy-{ULID()}")
    assert owner.http.delete(f"/v1/renders/{owner.public_id}", headers=owner.headers).status_code == 204
    assert_same([owner.get(f"/v1/renders/{name}") for name in (owner.public_id, str(ULID()))])
    assert owner.get("/v1/renders").json()["items"] == []
    job = owner.get(f"/v1/jobs/{owner.done}").json()
    assert (job["status"], job["render"], bool(job["render_deleted_at"])) == ("SUCCESS", None, True)
    assert owner.http.get(signed(owner.download)).status_code == 404

    for _ in range(2):
        assert owner.http.delete(f"/v1/uploads/{owner.photo}", headers=owner.headers).status_code == 204
    assert owner.get(f"/v1/jobs/{owner.waiting}").json()["error"]["code"] == "source_deleted"
    assert owner.get(f"/v1/jobs/{owner.done}/request").json()["source"] is None
    bodies = [owner.body(source_image_s3_key=key) for key in (owner.photo, f"uploads/{owner.client.id}/none.jpg")]
    assert_same([owner.submit(body) for body in bodies])
    owner.engine.dispose()


def test_the_owner_reaches_all_its_data(world: World) -> None:
    owner = world.owner

    assert owner.get(f"/v1/jobs/{owner.done}").json()["render"]["public_id"] == owner.public_id
    assert owner.get(f"/v1/renders/{owner.public_id}").status_code == 200
    assert owner.get(f"/v1/jobs/{owner.done}/request").json()["request"]["source_image_s3_key"] == owner.photo
    assert '"status":"SUCCESS"' in owner.get(f"/v1/jobs/{owner.done}/events").text
    again = owner.body(source_image_s3_key=None, source_render_public_id=owner.public_id)
    assert owner.submit(again).status_code == 202
