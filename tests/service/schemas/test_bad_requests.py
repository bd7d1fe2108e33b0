"""Some 200 bad requests over all routes, by hand and by Schemathesis: each answer says what to do, and costs nothing.

`pytest -s` prints 40 of the answers, drawn by the seed, for a person to read.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from litestar.routes import HTTPRoute
from schemathesis.core import NOT_SET
from schemathesis.core.result import Ok
from schemathesis.generation.modes import GenerationMode

from tests.support.caller import SWAP, Caller

SEED, READ = 20_261_128, 40
JOB = "/v1/jobs/01J9ZC6M8J5X7Z9Q1W3R5T7Y9V"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Bad:
    """One bad request."""

    method: str
    path: str
    json: Any = NOT_SET
    query: Any = None
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        sent = self.content if self.content is not None else "" if self.json is NOT_SET else json.dumps(self.json)
        return f"{self.method} {self.path} {self.query or ''} {sent!s:.160}".replace("  ", " ")

    def send(self, caller: Caller) -> Any:
        content, headers = self.content, dict(self.headers)
        if self.json is not NOT_SET:
            content, headers = json.dumps(self.json).encode(), {"Content-Type": "application/json"} | headers
        return caller.http.request(
            self.method,
            self.path,
            params=self.query,
            content=content,
            headers=caller.headers | headers,
            follow_redirects=False,
        )


def routes(app: Any) -> Iterator[tuple[str, str]]:
    """Every method and path of the API, with a word for each parameter of the path."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith(("/v1/", "/health/")):
            for method in sorted(route.methods - {"OPTIONS", "HEAD"}):
                yield method, re.sub(r"\{[^}]+\}", "word", route.path)


def by_hand(good: dict[str, Any]) -> Iterator[Bad]:
    for query in (
        *("dryrun=true", "seed=1&seed=2", "seed=one", "seed=-1", "seed=2147483648", "dry_run=perhaps", "preview=2"),
        *("shift_x=2", "shift_y=a", "scale=0", "turn=900", "width=800", "width=9999&height=10", "height=tall"),
        *("format=gif", "quality=0", "quality=best", "format=png&quality=9", "reference=", "reference=a%00b"),
        *("stance=upright",),
        *("reference=" + "x" * 201, "metadata=a", "metadata=a:1&metadata=a:2", "mood=calm", "idempotency_key=1"),
    ):
        yield Bad("POST", f"{SWAP}?{query}", good)
    for change in (
        *({"seed": 7}, {"dominant_colours": ["red"]}, {"mood": ""}, {"mood": None}, {"mood": 7}, {"mood": "clam"}),
        *({"scene_type": "podum"}, {"scene_type": "x" * 121}, {"scene_type": "a\nb"}, {"output_preset": "shopify"}),
        *({"output_preset": "amazon_main"}, {"dominant_colors": "red"}, {"dominant_colors": ["red"] * 7}),
        *({"dominant_colors": ["reddish", 3]}, {"source_render_public_id": "other"}, {"source_image_s3_key": ""}),
        *({"source_image_s3_key": "uploads/other/x.jpg"}, {"pilot_brand": ["acme"]}),
    ):
        yield Bad("POST", SWAP, good | change)
    bodies: tuple[Any, ...] = ([], "text", 7, {})
    for body in bodies:
        yield Bad("POST", SWAP, body)
        yield Bad("POST", "/v1/cutouts", body)
    for path in (SWAP, "/v1/cutouts", "/v1/uploads", "/v1/keys"):
        for content in (b"mood=calm", b'{"mood": "calm",', b"\xff\xd8\xff"):
            yield Bad("POST", path, content=content, headers=FORM)
    yield Bad("POST", SWAP, good, headers={"Idempotency-Key": "x" * 256})
    yield Bad("POST", SWAP, good, headers={"Authorization": "Bearer bd_none"})
    for query in ("status=NOPE", "operation=x", "limit=0", "limit=many", "cursor=zz", "created_after=2026-01-01"):
        yield Bad("GET", f"/v1/jobs?{query}")
    for query in ("output_preset=nope", "output_preset=No%20pe", "preview=maybe", "reference="):
        yield Bad("GET", f"/v1/renders?{query}")
    for body in ({"content_type": "image/gif"}, {"url": "ftp://a.example/b"}, {"url": "https://127.0.0.1/a"}):
        yield Bad("POST", "/v1/uploads", body)
    yield Bad("POST", "/v1/uploads", content=b"GIF89a", headers={"Content-Type": "image/gif"})
    yield Bad("POST", "/v1/uploads", content=b"GIF89a", headers={"Content-Type": "image/png"})
    for brand in ({"palette": ["reddish"]}, {"seed": -1}, {"seed_policy": "always"}, {"default_preset": "shopify"}):
        yield Bad("PUT", "/v1/brands/acme", brand)
    yield Bad("PUT", "/v1/brands/" + "x" * 200, {})
    yield Bad("PUT", "/v1/webhook", {"url": "http://shop.example"})
    yield Bad("PUT", "/v1/webhook", {"url": "https://10.0.0.1/"})
    yield Bad("POST", "/v1/webhook/secret", {"grace_hours": -1})
    yield Bad("PUT", "/v1/cutouts/none/subjects", {"keep": []})
    for method, path in (
        ("GET", JOB),
        ("DELETE", JOB),
        ("GET", "/v1/webhook"),
        ("PUT", "/v1/credits"),
        ("GET", "/v1/x"),
    ):
        yield Bad(method, path)


def drawn(document: dict[str, Any], examples: int) -> list[Bad]:
    """Requests that the document does not allow: their query or their body is wrong."""
    found: list[Bad] = []
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if not (operation.query or operation.body):
            continue
        names = [one.name for one in operation.path_parameters]
        kind = "application/json" if any(one.media_type == "application/json" for one in operation.body) else None
        strategy = operation.as_strategy(
            GenerationMode.NEGATIVE, headers={}, path_parameters=dict.fromkeys(names, "word"), media_type=kind
        )

        @seed(SEED)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def collect(case: Any) -> None:
            query = {
                name: value if isinstance(value, list) else str(value) for name, value in (case.query or {}).items()
            }
            content = case.body if isinstance(case.body, bytes) else None
            body = case.body if content is None else NOT_SET
            found.append(Bad(case.method.upper(), case.formatted_path, body, query, content))

        collect()
    return found


#: What an answer tells its reader to do.
REMEDY = re.compile(
    r"\b([Ss]hould (be|have|look)|[Ss]end|[Aa]dd|Give|Leave|Fill|Shorten|Check|Accepted|Did you mean|nearest are|lists"
    r"|sets|reads https)\b"
)
#: What is wrong is that something is not there, or too much of it is.
WITHOUT_VALUE = {"missing", "source_missing", "source_ambiguous", "output_incomplete", "too_long", "too_short"}


def faults(answer: Any) -> list[str]:
    """What an answer leaves its reader to guess."""
    if answer.status_code != 422:
        detail = answer.json()["detail"]
        return [] if REMEDY.search(detail) else [f"no remedy: {detail}"]
    found = []
    for one in answer.json()["detail"]:
        said, name = one["msg"], str(one["loc"][-1])
        if one["loc"][0] not in {"body", "query", "header", "path"} or (len(one["loc"]) < 2 and one["loc"] != ["body"]):
            found.append(f"no field: {one}")
        valued = one["code"] in WITHOUT_VALUE or re.search(
            r"[Rr]eceived|this has \d|not \d|JSON decode error: \w|The file is", said
        )
        named = name.replace("_", "-").lower() in said.replace("_", "-").lower() or "'" in said
        if not valued and not named:
            found.append(f"no value: {one}")
        if not REMEDY.search(said):
            found.append(f"no remedy: {one}")
    return found


# In the gate those by hand, which are of every kind; at night Schemathesis' as well, which take half a minute.
@pytest.mark.parametrize(("examples", "least"), [(0, 130), pytest.param(8, 200, marks=pytest.mark.nightly)])
def test_a_bad_request_says_what_to_do_and_costs_nothing(caller: Caller, examples: int, least: int) -> None:
    document = caller.http.get("/schema/openapi.json").json()
    unknown = [Bad(method, path, query={"surely": "1"}) for method, path in routes(caller.http.app)]
    by_hands = [*unknown, *by_hand(caller.body())]
    answers = [(one, one.send(caller)) for one in by_hands]
    assert [str(one) for one, answer in answers if not 400 <= answer.status_code < 500] == []
    # Schemathesis means some that HTTP can't say, as the text of a number in a query: these are good after all.
    generated = [(one, one.send(caller)) for one in (drawn(document, examples) if examples else [])]
    answers += [(one, answer) for one, answer in generated if not answer.is_success]

    assert len(answers) >= least
    assert [str(one) for one, answer in answers if answer.status_code >= 500] == []
    unclear = [f"{one}: {fault}" for one, answer in answers for fault in faults(answer)]
    assert unclear == [], "\n".join(unclear)
    assert caller.balance == 100
    for one, answer in random.Random(SEED).sample(answers, READ):
        detail = answer.json()["detail"]
        said = [f"{wrong['loc']} {wrong['msg']}" for wrong in detail] if isinstance(detail, list) else [detail]
        print(f"\n{answer.status_code} {one}", *said, sep="\n    ")  # for a person to read
