"""Each documented answer as the service sends it. The fixture `http` compares every answer."""

import re
from typing import Any

import pytest
from ulid import ULID

from service.database.clock import db_now
from service.database.tables import deliveries
from service.schemas.responses import JobEvent
from service.settings import Settings
from tests.service.api.test_isolation import MASK, PHOTO, Owner
from tests.support.caller import SWAP, Caller
from tests.support.documented import Documented, compared

#: Answers that need an unavailable server (500, 503), a simultaneous request or a setting. Their own tests compare
#: them: of admission, previews, idempotency, events, uploads, keys and brands. 429 needs very many requests.
ELSEWHERE = {
    ("create_cutout", "409"),
    ("background_swap_with_spec", "403"),
    ("background_swap_with_spec", "409"),
    ("delete_data", "202"),
    ("create_order", "409"),
    ("create_upload", "409"),
    ("create_key", "409"),
    ("put_brand", "409"),
}


def test_each_documented_answer_is_sent_as_documented(http: Any, settings: Settings) -> None:
    documented = compared(http)
    owner = Owner(http, settings, f"owner-{ULID()}")
    document = http.get("/schema/openapi.json").json()

    ask_what_is_there(owner)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            refuse(owner, method, path, operation)
    refuse_by_state(owner)
    change_and_delete(owner)

    listed = {
        (operation["operationId"], status)
        for methods in document["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
        if status < "500" and status != "429"
    }
    assert listed - documented.seen.keys() == ELSEWHERE
    assert {status for _, status in documented.seen} <= {status for _, status in listed} | {"429"}


def ask_what_is_there(owner: Owner) -> None:
    for listed in (
        "jobs",
        "renders",
        "cutouts",
        "brands",
        "keys",
        "credits",
        "usage",
        "webhook",
        "scene-types",
        "moods",
    ):
        owner.get(f"/v1/{listed}")
    for job in (owner.waiting, owner.done, owner.failed):
        for path in ("", "/request"):
            owner.get(f"/v1/jobs/{job}{path}")
    stream = owner.get(f"/v1/jobs/{owner.done}/events")
    last = re.findall(r"\bid: (\d+)", stream.text)[-1]
    ask(owner, "GET", f"/v1/jobs/{owner.done}/events", headers={"Last-Event-ID": last})
    for path in ("", f"/{owner.delivery}"):
        owner.get(f"/v1/webhook/deliveries{path}")
    for path in ("", f"/{owner.order}", f"/{owner.order}/archive", f"/{owner.order}/sheet"):
        owner.get(f"/v1/orders{path}")
    for path in ("", "/deletions", f"/deletions/{owner.receipt}"):
        owner.get(f"/v1/data{path}")
    ask(owner, "POST", "/v1/orders?dry_run=true", json=an_order(owner.photo))
    for path in ("", "/picture", "/thumbnail"):
        ask(owner, "GET", f"/v1/renders/{owner.public_id}{path}", follow_redirects=False)
    for path in (f"cutouts/{owner.cutout}", f"brands/{owner.brand}", "output-presets"):
        owner.get(f"/v1/{path}")
    for prefer in ("wait=0", "return=representation"):
        ask(owner, "POST", SWAP, json=owner.body(), headers={"Prefer": prefer})
        ask(owner, "POST", "/v1/cutouts", json={"source_image_s3_key": owner.photo}, headers={"Prefer": prefer})
    for query in ("dry_run=true", "preview=true"):
        ask(owner, "POST", f"{SWAP}?{query}", json=owner.body(pilot_brand=owner.brand))
    ask(owner, "POST", "/v1/uploads", files={"file": ("jar.jpg", PHOTO, "image/jpeg")})
    ask(owner, "POST", "/v1/uploads", content=b"%PDF", headers={"Content-Type": "application/pdf"})
    ask(owner, "POST", "/v1/verify", content=PHOTO)
    for path in ("/health/live", "/health/ready"):
        owner.get(path)


def refuse(owner: Owner, method: str, path: str, operation: dict[str, Any]) -> None:
    """Ask without a key, at another host, with an unknown id, with a body too long, and with nothing right in it."""
    nowhere = re.sub(r"\{\w+\}", str(ULID()), path)
    somewhere = path.replace("{public_id}", owner.cutout).replace("{name}", owner.brand)
    answers, body = operation["responses"], operation.get("requestBody", {}).get("content", {})
    if "401" in answers:
        owner.http.request(method, nowhere)
    if "421" in answers:
        ask(owner, method, nowhere, headers={"Host": "elsewhere.example"})
    if "404" in answers and "{" in path:
        said = {"looks_right": True} if path.endswith("/review") else {"keep": [1]}
        right: dict[str, Any] = {"content": MASK} if path.endswith("/mask") else {"json": said}
        ask(owner, method, nowhere, **right if body else {})
    if "413" in answers:
        most = {"mask": 16 << 20, "verify": 40 << 20}.get(path.rpartition("/")[2], 1 << 20)
        large = b" " * (most + 1)
        ask(owner, method, somewhere, content=large, headers={"Content-Type": next(iter(body))})
    if "422" in answers:
        ask(owner, method, f"{somewhere}?limit=0", **{"json": {"keep": "none", "url": 1, "name": 1}} if body else {})


def refuse_by_state(owner: Owner) -> None:
    unmade = ask(owner, "POST", "/v1/cutouts", json={"source_image_s3_key": owner.photo}).json()["job_id"]
    ask(owner, "PUT", f"/v1/cutouts/{unmade}/mask", content=MASK)
    ask(owner, "PUT", f"/v1/cutouts/{unmade}/subjects", json={"keep": [1]})
    ask(owner, "PUT", f"/v1/cutouts/{unmade}/pieces", json={})
    ask(owner, "DELETE", f"/v1/cutouts/{unmade}/mask")
    ask(owner, "DELETE", f"/v1/jobs/{owner.done}")
    ask(owner, "DELETE", f"/v1/keys/{owner.key_id}")
    for path in (SWAP, "/v1/cutouts"):
        gone = {"source_image_s3_key": f"uploads/{owner.client.id}/none.jpg"}
        ask(owner, "POST", path, json=owner.body(**gone) if path == SWAP else gone)
    other = Caller(owner.http, owner.settings, f"other-{ULID()}", credits=0)
    other.submit(other.body())
    ask(other, "POST", "/v1/orders", json=an_order(other.upload()))
    over = f"/v1/orders/{ask(owner, 'POST', '/v1/orders', json=an_order(owner.photo)).json()['order_id']}"
    ask(owner, "DELETE", f"/v1/jobs/{owner.get(over).json()['items'][0]['job_id']}")
    ask(owner, "DELETE", over)
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/secret"), ("POST", "/test")):
        ask(other, method, f"/v1/webhook{path}", **{"json": {"grace_hours": 1}} if path == "/secret" else {})
    ask(owner, "POST", f"/v1/webhook/deliveries/{owner.delivery}/redeliver")
    with owner.engine.begin() as connection:  # as if a sweep had claimed it
        claimed = {"lease_token": "x", "next_attempt_at": db_now(60)}
        connection.execute(deliveries.update().where(deliveries.c.id == owner.delivery).values(**claimed))
    ask(owner, "POST", f"/v1/webhook/deliveries/{owner.delivery}/redeliver")


def change_and_delete(owner: Owner) -> None:
    ask(owner, "PUT", f"/v1/cutouts/{owner.cutout}/mask", content=MASK)
    ask(owner, "DELETE", f"/v1/cutouts/{owner.cutout}/mask")
    ask(owner, "PUT", f"/v1/cutouts/{owner.cutout}/subjects", json={"keep": [1]})
    ask(owner, "PUT", f"/v1/cutouts/{owner.cutout}/pieces", json={})
    ask(owner, "PUT", f"/v1/renders/{owner.public_id}/review", json={"looks_right": True})
    ask(owner, "PUT", f"/v1/brands/{owner.brand}", json={"palette": ["#654321"], "seed_policy": "pinned"})
    for url in ("https://owner.example/other", "https://owner.example/other"):
        ask(owner, "PUT", "/v1/webhook", json={"url": url})
    ask(owner, "POST", "/v1/webhook/secret", json={})
    made = ask(owner, "POST", "/v1/keys", json={"name": "second"}).json()
    for path in (
        *(f"orders/{owner.order}", f"jobs/{owner.waiting}", f"renders/{owner.public_id}", f"uploads/{owner.photo}"),
        *(f"brands/{owner.brand}", f"keys/{made['id']}", "webhook"),
    ):
        ask(owner, "DELETE", f"/v1/{path}")


def an_order(photo: str) -> dict[str, Any]:
    """Return the body of an order of one picture."""
    return {"photos": [{"source_image_s3_key": photo}], "scene_type": "bar", "mood": "calm", "presets": ["open_graph"]}


def ask(caller: Caller, method: str, path: str, **options: Any) -> Any:
    return caller.http.request(method, path, headers=caller.headers | options.pop("headers", {}), **options)


def test_the_streams_description_names_each_field_of_an_event(http: Any) -> None:
    follow = http.get("/schema/openapi.json").json()["paths"]["/v1/jobs/{job_id}/events"]["get"]
    described = follow["responses"]["200"]["description"]

    assert [name for name in JobEvent.model_fields if name not in described] == []
    assert [one["name"] for one in follow["parameters"] if one["in"] == "header"] == ["Last-Event-ID"]


def test_an_undocumented_field_is_a_difference(http: Any, caller: Caller) -> None:
    document = http.get("/schema/openapi.json").json()
    answer = caller.get("/v1/credits")
    Documented(document).check(answer)

    del document["components"]["schemas"]["Credits"]["properties"]["balance"]

    with pytest.raises(AssertionError, match="'balance' was unexpected"):
        Documented(document).check(answer)
