"""Bad requests, by hand and by Schemathesis: each answer names the fault and the remedy, and nothing is charged."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, get_args
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from litestar.routes import HTTPRoute
from schemathesis.core import NOT_SET
from schemathesis.core.result import Ok
from schemathesis.generation.modes import GenerationMode

from pipeline.core.order import StanceWord
from tests.support.caller import SWAP, Caller, error_body, located

SEED = 20_261_128
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
#: Of each kind; tests/pipeline/cutout/test_choice.py has them all.
SUBJECTS = (
    ([0.1], "1 numbers are neither a point nor a box"),
    ([412, 300], "412 is outside the photo"),
    ([0.6, 0.1, 0.4, 0.9], "The box 0.6, 0.1, 0.4, 0.9 is empty. Give left, top, right, bottom"),
)
#: Of a swap's query: the query, then its fault: parameter, code, and words of the answer.
QUERIES: tuple[tuple[str, str, str, str], ...] = (
    ("dryrun=true", "dryrun", "extra_forbidden", "Did you mean dry_run?"),
    ("dry-run=true", "dry-run", "extra_forbidden", "Did you mean dry_run?"),
    ("previw=true", "previw", "extra_forbidden", "Did you mean preview?"),
    ("mood=calm", "mood", "extra_forbidden", "mood is a field of the JSON body. Send it there"),
    ("dominant_colours=red", "dominant_colours", "extra_forbidden", "dominant_colors is a field of the JSON body"),
    ("idempotency_key=1", "idempotency_key", "extra_forbidden", "Idempotency-Key is a header"),
    ("other=1", "other", "extra_forbidden", "Remove it, or send one of dry_run, seed, preview"),
    ("seed=1&seed=2", "seed", "repeated", "sent 2 times (received '1' and '2'). Send it once"),
    ("seed=-1", "seed", "greater_than_equal", "from 0 to 2147483647 (received '-1')"),
    ("seed=2147483648", "seed", "less_than_equal", "(received '2147483648')"),
    *(
        (f"seed={word}", "seed", "wrong_type", f"a whole number from 0 to 2147483647 (received '{word}')")
        for word in ("one", "1.5", "")
    ),
    *(
        (f"{name}={word}", name, "wrong_type", f"Should be true or false (received '{word}')")
        for name in ("dry_run", "preview")
        for word in ("maybe", "2", "on", "yes", "")
    ),
    *(
        (f"shift_x={word}", "shift_x", "", f"from -0.5 to 0.5 (received '{word}')")
        for word in ("-0.51", "0.6", "nan", "wide", "")
    ),
    *((f"shift_y={word}", "shift_y", "", f"from -0.5 to 0.5 (received '{word}')") for word in ("inf", "-1")),
    *(
        (f"scale={word}", "scale", "", f"Should be a number from 0.3 to 2.0 (received '{word}')")
        for word in ("0.2", "9", "0", "-1", "nan")
    ),
    *(
        (f"turn={word}", "turn", "", f"from -45.0 to 45.0 (received '{word}')")
        for word in ("46", "-45.5", "1e9", "nan")
    ),
    *(
        (f"stance={word}", "stance", "enum", f"{', '.join(get_args(StanceWord))} (received '{word}')")
        for word in ("upright", "", "Standing")
    ),
    ("width=800", "height", "output_incomplete", "Give both"),
    ("height=800", "width", "output_incomplete", "Give both"),
    ("width=63&height=800", "width", "output_size", "64 to 4096 pixels, not 63"),
    ("width=800&height=4097", "height", "output_size", "not 4097"),
    ("width=3000&height=2001", "width", "output_size", "the limit is 6,000,000"),
    ("width=1000&height=249", "width", "output_size", "4 times"),
    ("width=wide&height=800", "width", "wrong_type", "Should be a whole number (received 'wide')"),
    ("format=gif", "format", "enum", "Should be one of jpeg, png, webp, avif (received 'gif')"),
    ("format=png&quality=90", "quality", "output_lossless", "jpeg, webp or avif"),
    ("quality=0", "quality", "greater_than_equal", "from 1 to 100 (received '0')"),
    ("quality=101", "quality", "less_than_equal", "from 1 to 100 (received '101')"),
    ("background=color", "background_color", "background_color_missing", "such as #f4ead9"),
    ("background_color=teal", "background_color", "background_color_unused", "Send background=color, or leave it out"),
    ("background=color&background_color=reddish", "background_color", "colour_invalid", "'reddish' is not a colour"),
    ("background=colour&background_color=red", "background", "enum", "(received 'colour')"),
    ("background=image", "background_image", "background_image_missing", ""),
    ("background=reference", "background_image", "background_image_missing", ""),
    ("background=image&background_image=uploads/none.jpg", "background_image", "upload_not_found", "uploads/none.jpg"),
    ("background=render", "background_render", "background_render_missing", ""),
    *(
        (f"background=render&background_render={name}", "background_render", "render_not_found", name)
        for name in ("none", "01J9ZC6M8J5X7Z9Q1W3R5T7Y9V", "../x")
    ),
    ("background_image=x", "background_image", "background_image_unused", ""),
    ("background_render=x", "background_render", "background_render_unused", ""),
    ("background_fit=stretch", "background_fit", "enum", "(received 'stretch')"),
    ("background_x=1.2", "background_x", "less_than_equal", "(received '1.2')"),
    ("background_y=-1", "background_y", "greater_than_equal", "(received '-1')"),
    ("background_zoom=9", "background_zoom", "less_than_equal", "(received '9')"),
    ("props=many", "props", "enum", "(received 'many')"),
    ("colors_on=wall:reddish", "colors_on", "colors_on_invalid", "reddish"),
    ("colors_on=wall", "colors_on", "colors_on_invalid", "wall:#f4ead9,floor:teal (received 'wall'"),
    (
        "colors_on=ceiling:ivory",
        "colors_on",
        "surface_unknown",
        "no surface ceiling. It has wall, floor and accent",
    ),
    ("colors_on=wall:teal", "colors_on", "colour_not_asked", "#008080"),
    ("colors_on=wall:ivory,wall:%23e8c7b8", "colors_on", "surface_twice", "wall has two colours"),
    ("colors_on=wall:ivory,floor:ivory", "colors_on", "colour_twice", "Name each colour once"),
    *(
        (f"layers={quote(layers)}", name, code, "received")
        for layers, name, code in (
            ("{", "layers", "layers_invalid"),
            ('[{"text": "New", "size": 0}]', "layers[0].size", "layer_value_invalid"),
            ('[{"logo": "uploads/other/logo.png"}]', "layers[0].logo", "upload_not_found"),
        )
    ),
    ("accept=strictest", "accept", "", "strictest"),
    ("shadow=none&shadow_strength=0.5", "shadow_strength", "shadow_unused", "Choose another shadow, or leave it out"),
    ("shadow=sharp", "shadow", "enum", "scene, none, soft, hard, floating (received 'sharp')"),
    ("shadow=soft&shadow_strength=1.1", "shadow_strength", "", "from 0.0 to 1.0 (received '1.1')"),
    ("shadow_softness=-0.1", "shadow_softness", "", "from 0.0 to 1.0 (received '-0.1')"),
    ("shadow_direction=361", "shadow_direction", "", "from 0.0 to 360.0 (received '361')"),
    ("margins=8", "margins", "frame_margins", "margins has '8'. Give each length in px or %"),
    ("margins=5%25%2055%25&copy_space=left", "margins", "frame_no_room", "take 110 % of the width. Leave 10 %"),
    ("align=top_left&copy_space=left", "align", "frame_align", "Choose another align"),
    ("align=middle", "align", "enum", "bottom_right (received 'middle')"),
    ("copy_space=bottom", "copy_space", "enum", "none, left, right, top (received 'bottom')"),
    ("reference=", "reference", "string_too_short", "have 1 to 200 characters (received '')"),
    (f"reference={'x' * 201}", "reference", "string_too_long", "201 characters)"),
    ("reference=a%00b", "reference", "string_pattern_mismatch", "have no control characters (received 'a\\x00b')"),
    *(
        (f"reference={word}", "reference", "string_pattern_mismatch", "")
        for word in ("two%0Alines", "ends%0A", "%C2%9F")
    ),
    *((f"subject={','.join(map(str, numbers))}", "subject", "subject_invalid", said) for numbers, said in SUBJECTS),
    *(
        (f"subject={word}", "subject", "subject_invalid", "x,y or left,top,right,bottom")
        for word in ("", "here", "1;0")
    ),
    *((f"subject={word}", "subject", "subject_invalid", "is outside the photo") for word in ("nan,0.5", "1e999,0")),
)
#: Of a swap's body: the changed fields, then the fault: field, code, and words of the answer.
BODIES: tuple[tuple[dict[str, Any], tuple[str | int, ...], str, str], ...] = (
    *(
        ({name: value}, (name,), code, said)
        for name in ("scene_type", "mood", "output_preset")
        for value, code, said in (
            (..., "missing", f"Field required. Add {name} to the JSON body"),
            (None, "string_type", "valid string (received null)"),
            (7, "string_type", "valid string (received 7)"),
            (["podium"], "string_type", "(received an array)"),
            ("", "string_too_short", "at least 1 character (received '')"),
            ("x" * 123, "string_too_long", f"at most 120 characters (received '{'x' * 40}'…, 123 characters)"),
            ("a\u0000b", "control_character", ""),
        )
    ),
    ({"scene_type": "   "}, ("scene_type",), "", ""),
    ({"source_image_s3_key": 7}, ("source_image_s3_key",), "string_type", ""),
    ({"source_image_s3_key": "x" * 513}, ("source_image_s3_key",), "string_too_long", ""),
    ({"source_image_s3_key": None, "source_render_public_id": []}, ("source_render_public_id",), "string_type", ""),
    *(
        (change, ("source_image_s3_key", "source_render_public_id"), code, "")
        for change, code in (
            ({"source_image_s3_key": ...}, "source_missing"),
            ({"source_image_s3_key": ""}, "source_missing"),
            ({"source_render_public_id": "x"}, "source_ambiguous"),
        )
    ),
    ({"dominant_colors": None}, ("dominant_colors",), "list_type", ""),
    ({"dominant_colors": "red"}, ("dominant_colors",), "list_type", "(received 'red')"),
    ({"dominant_colors": ["red"] * 8}, ("dominant_colors",), "too_long", "at most 6 items, not 8"),
    ({"dominant_colors": ["red", "reddish"]}, ("dominant_colors", 1), "colour_invalid", ""),
    *(
        ({"dominant_colors": [colour]}, ("dominant_colors", 0), "colour_invalid", "")
        for colour in ("#12", "", "rgb(1, 2, 300)", "hsl(1, 2%, 3%)")
    ),
    ({"dominant_colors": [3]}, ("dominant_colors", 0), "string_type", "(received 3)"),
    ({"output_preset": "shopify"}, ("output_preset",), "unknown_preset", "shopify_product"),
    ({"output_preset": "x" * 90}, ("output_preset",), "unknown_preset", f"(received '{'x' * 40}'…, 90 characters)"),
    ({"output_preset": "amazon_main"}, ("scene_type",), "scene_forbidden", "amazon_lifestyle"),
    ({"pilot_brand": ""}, ("pilot_brand",), "string_too_short", ""),
    ({"pilot_brand": 1}, ("pilot_brand",), "string_type", ""),
    ({"scene_type": "podum"}, ("scene_type",), "near_miss", "If not, describe it in other words (received 'podum')"),
    ({"scene_type": "Marble Tabeltop"}, ("scene_type",), "near_miss", "Did you mean marble_tabletop?"),
    ({"mood": "clam"}, ("mood",), "near_miss", "Did you mean calm?"),
    ({"output_preset": "shopify_prodcut"}, ("output_preset",), "unknown_preset", "Did you mean shopify_product?"),
    ({"pilot_brand": "Lumne"}, ("pilot_brand",), "near_miss", "Did you mean Lumen?"),
    ({"pilot_brand": "lumen"}, ("pilot_brand",), "near_miss", "Did you mean Lumen?"),
    # one mistake, one error: without the near miss the scene would be forbidden on pure white
    ({"scene_type": "whte", "output_preset": "amazon_main"}, ("scene_type",), "near_miss", "Did you mean white?"),
    ({"dominant_colours": ["red"]}, ("dominant_colours",), "extra_forbidden", "Did you mean dominant_colors?"),
    ({"prompt": "a beach"}, ("prompt",), "extra_forbidden", "There is no field 'prompt'. Remove it, or send one of"),
    ({"scene_type": " "}, ("scene_type",), "value_error", "Send a name of the catalogue, or describe it"),
    ({"seed": 7}, ("seed",), "extra_forbidden", "seed is a query parameter. Send it in the URL, as ?seed=7"),
    ({"dry_run": True}, ("dry_run",), "extra_forbidden", "as ?dry_run=true"),
    ({"reference": "a b&c"}, ("reference",), "extra_forbidden", "as ?reference=a%20b%26c"),
    ({"Idempotency-Key": "once"}, ("Idempotency-Key",), "extra_forbidden", "Idempotency-Key is a header"),
)
#: Pairs of a swap, the index of the wrong pair, and its code.
METADATA: tuple[tuple[tuple[str, ...], int, str], ...] = (
    (("colour",), 0, "metadata_invalid"),
    (("colour:red", ":red"), 1, "metadata_invalid"),
    (("two words:red",), 0, "metadata_invalid"),
    (("x" * 41 + ":red",), 0, "metadata_invalid"),
    (("colour:" + "x" * 201,), 0, "metadata_invalid"),
    (("colour:a\nb",), 0, "metadata_invalid"),
    (("colour:red", "colour:blue"), 1, "metadata_twice"),
    (tuple(f"n{number}:x" for number in range(17)), 16, "too_long"),
)


@dataclass(frozen=True)
class Bad:
    """One bad request, and its fault."""

    method: str
    path: str
    json: Any = NOT_SET
    query: Any = None
    content: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    #: Place of the only fault, its code and words of the answer; empty: any.
    where: tuple[str | int, ...] = ()
    code: str = ""
    said: str = ""

    def __str__(self) -> str:
        sent = self.content if self.content is not None else "" if self.json is NOT_SET else json.dumps(self.json)
        return f"{self.method} {self.path:.200} {self.query or ''} {sent!s:.160}".replace("  ", " ")

    def send(self, caller: Caller) -> Any:
        content, headers = self.content, dict(self.headers)
        if self.json is not NOT_SET:
            content, headers = json.dumps(self.json).encode(), JSON | headers
        return caller.http.request(
            self.method,
            self.path,
            params=self.query,
            content=content,
            headers=caller.headers | headers,
            follow_redirects=False,
        )


def routes(app: Any) -> Iterator[tuple[str, str]]:
    """Yield every method and path of the API, with a word for each parameter of the path."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith(("/v1/", "/health/")):
            for method in sorted(route.methods - {"OPTIONS"}):
                yield method, re.sub(r"\{[^}]+\}", "word", route.path)


def swaps(good: dict[str, Any]) -> Iterator[Bad]:
    """Yield bad requests of the route that costs credits."""
    for query, name, code, said in QUERIES:
        yield Bad("POST", f"{SWAP}?{query}", good, where=("query", name), code=code, said=said)
    for pairs, index, code in METADATA:
        yield Bad("POST", SWAP, good, query={"metadata": list(pairs)}, where=("query", "metadata", index), code=code)
    for change, at, code, said in BODIES:
        body = {name: value for name, value in (good | change).items() if value is not ...}
        yield Bad("POST", SWAP, body, where=("body", *at), code=code, said=said)
    for query, name, code, said in (
        ("width=800&height=800", "width", "output_size_fixed", "Leave width and height out"),
        ("format=jpeg", "format", "output_no_alpha", "png or webp"),
        ("quality=90", "quality", "output_lossless", "Leave quality out"),
    ):
        body = good | {"output_preset": "transparent_cutout", "scene_type": "white", "dominant_colors": []}
        yield Bad("POST", f"{SWAP}?{query}", body, where=("query", name), code=code, said=said)
    for word, preset in (("image", "amazon_main"), ("reference", "transparent_cutout"), ("render", "amazon_main")):
        body = good | {"output_preset": preset, "scene_type": "white", "dominant_colors": []}
        query = f"background={word}&background_{'render' if word == 'render' else 'image'}=x"
        yield Bad("POST", f"{SWAP}?{query}", body, where=("query", "background"), code="background_forbidden")
    long = {"Idempotency-Key": "x" * 256}
    said = f"Should have at most 255 characters (received '{'x' * 40}'…, 256 characters)"
    yield Bad("POST", SWAP, good, headers=long, where=("header", "Idempotency-Key"), code="string_too_long", said=said)


def others() -> Iterator[Bad]:
    """Yield bad requests of all other routes."""
    unread = "Send JSON with Content-Type: application/json"
    for path in (SWAP, "/v1/cutouts", "/v1/uploads", "/v1/keys"):
        yield Bad("POST", path, [], where=("body",), code="model_type", said="a JSON object (received an array)")
        for content, position in ((b"mood=calm", 0), (b'{"mood": }', 9), (b"\xff\xfe{}", 0), (b"[" * 20_000, 0)):
            at = ("body", position) if path == SWAP else ()
            yield Bad("POST", path, content=content, headers=JSON, where=at, code="json_invalid", said=unread)
        if path != "/v1/uploads":
            named = f"{unread} (received Content-Type 'text/plain')"
            yield Bad("POST", path, content=b"mood=calm", headers=TEXT, code="json_invalid", said=named)
            yield Bad("POST", path, content=b"mood=calm", code="json_invalid", said=unread)
    yield Bad("POST", SWAP, content=b"", where=("body",), code="missing")
    yield Bad("POST", SWAP, content=b"{", where=("body", 1), code="json_invalid")
    for path, name, code, said in (
        ("jobs?stat=SUCCESS", "stat", "extra_forbidden", "Did you mean status?"),
        ("jobs?made_on=2026-01-01", "made_on", "extra_forbidden", "send one of limit, cursor, status"),
        ("jobs?created_after=2026-01-01", "created_after", "time_invalid", "RFC 3339 with Z or an offset"),
        ("renders?created_before=2026-01-01T00:00:00", "created_before", "time_invalid", "(received '2026-01-01T00:00"),
        (
            *("jobs?created_before=2026-01-01T00:00:00Z&created_after=2026-02-01T00:00:00Z", "created_before"),
            *("span_empty", "Should be later than created_after (received '2026-01-01T00:00:00Z'). Swap the two"),
        ),
        ("jobs?status=FAILURE&status=LOST", "status", "enum", "IN_PROGRESS, SUCCESS, FAILURE (received 'LOST')"),
        ("renders?scene_type=", "scene_type", "string_too_short", "have 1 to 120 characters (received '')"),
        ("jobs?output_preset=shopify", "output_preset", "unknown_preset", "you have no job of it. The nearest are"),
        ("webhook/deliveries?status=lost", "status", "enum", "Should be one of waiting, delivered, failed, dropped"),
        ("webhook/deliveries?job_id=7", "job_id", "string_pattern_mismatch", "look like 01J"),
        ("jobs?operation=paint", "operation", "enum", "swap, cutout (received 'paint')"),
        ("jobs?reference=", "reference", "string_too_short", ""),
        ("jobs?reference=ends%0A", "reference", "string_pattern_mismatch", ""),
        ("renders?preset=nope", "preset", "extra_forbidden", "Did you mean output_preset?"),
        ("renders?output_preset=shopify", "output_preset", "unknown_preset", "The nearest are: shopify_product"),
        ("renders?output_preset=No%20pe", "output_preset", "string_pattern_mismatch", "like shopify_product (received"),
        ("moods?limit=3", "limit", "extra_forbidden", "This route takes none"),
        ("credits?limit=101", "limit", "less_than_equal", ""),
        ("credits?cursor=x", "cursor", "string_pattern_mismatch", ""),
        ("credits?cursor=01J9ZC6M8J5X7Z9Q1W3R5T7Y9V", "cursor", "cursor_unknown", ""),
    ):
        yield Bad("GET", f"/v1/{path}", where=("query", name), code=code, said=said)
    url, key = "https://shop.example/a.jpg", {"source_image_s3_key": "a"}
    for method, path, body, where, code, said in (
        ("POST", "uploads", {}, ("content_type",), "missing", ""),
        ("POST", "uploads", {"content_type": "text/html"}, ("content_type",), "literal_error", ""),
        ("POST", "uploads", {"contenttype": "image/jpeg"}, None, "", "Did you mean content_type?"),
        ("POST", "uploads", {"url": url, "content_type": "image/jpeg"}, ("content_type",), "both_given", ""),
        ("POST", "uploads", {"url": ""}, ("url",), "string_too_short", ""),
        ("POST", "uploads", {"url": "https://127.0.0.1/a.jpg"}, ("url",), "url_not_public", ""),
        ("POST", "uploads", {"url": "gopher://shop.example"}, ("url",), "url_invalid", ""),
        ("POST", "uploads", {"url": url, "more": 1}, ("more",), "extra_forbidden", ""),
        ("POST", "cutouts", {}, (), "", ""),
        ("POST", "cutouts", {"source_image_s3_key": ""}, (), "", ""),
        ("POST", "cutouts", key | {"source_render_public_id": "b"}, (), "", ""),
        ("POST", "cutouts", key | {"scene_type": "podium"}, ("scene_type",), "extra_forbidden", ""),
        ("POST", "cutouts", {"source_image_s3_key": 7}, ("source_image_s3_key",), "string_type", ""),
        ("POST", "cutouts", key | {"reference": "sku-7"}, ("reference",), "extra_forbidden", "as ?reference=sku-7"),
        *(("POST", "cutouts", key | {"subject": one}, ("subject",), "subject_invalid", said) for one, said in SUBJECTS),
        ("PUT", "cutouts/none/subjects", {"keep": []}, ("keep",), "too_short", "at least 1 item, not 0"),
        *(("POST", "orders", MANY | wrong, where, "extra_forbidden", said) for wrong, where, said in MISPLACED),
        *(("POST", "orders", MANY | wrong, None, code, said) for wrong, code, said in IN_ORDERS),
        *(("POST", "orders", MANY | wrong, where, "", "") for wrong, where in IN_FIELDS),
        ("POST", "keys", {"nme": "warehouse"}, ("nme",), "extra_forbidden", "Did you mean name?"),
        ("POST", "keys", {"name": ""}, ("name",), "string_too_short", ""),
        ("POST", "keys", {"name": "a\nb"}, ("name",), "control_character", ""),
        ("PUT", "brands/acme", {"palette": ["reddish"]}, ("palette", 0), "colour_invalid", ""),
        ("PUT", "brands/acme", {"seed_policy": "always"}, ("seed_policy",), "enum", ""),
        ("PUT", "brands/acme", {"default_preset": "shopify"}, ("default_preset",), "unknown_preset", "shopify_product"),
        *(
            ("PUT", "brands/acme", {"seed_policy": "pinned", "seed": one}, ("seed",), "", "")
            for one in (2**31, -1, True, "7", 1.5)
        ),
        ("PUT", "webhook", {"url": "https://10.0.0.1/hooks"}, ("url",), "url_invalid", "public internet"),
        ("POST", "webhook/secret", {"grace_hours": -1}, ("grace_hours",), "greater_than_equal", ""),
    ):
        found = () if where is None else ("body", *where)
        yield Bad(method, f"/v1/{path}", body, where=found, code=code, said=said)
    for name in ("x" * 121, "two%0Alines", "%00", "%C2%9F"):
        yield Bad("PUT", f"/v1/brands/{name}", {}, where=("path", "name"), code="brand_name")
    gif = {"Content-Type": "image/png"}
    yield Bad("POST", "/v1/uploads", content=b"GIF89a", headers=gif, where=("body",), said="The file is a GIF")


def drawn(document: dict[str, Any], examples: int) -> list[Bad]:
    """Return requests that the document does not allow: their query or their body is wrong."""
    found: list[Bad] = []
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        kind = "application/json" if any(one.media_type == "application/json" for one in operation.body) else None
        if not (operation.query or kind):  # no bytes of a picture are of a wrong type
            continue
        names = [one.name for one in operation.path_parameters]
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


#: An order of many pictures, and unknown fields inside of it with the hint.
MANY: dict[str, Any] = {
    "photos": [{"source_image_s3_key": "uploads/a.jpg"}],
    "scene_type": "podium",
    "mood": "calm",
    "presets": ["open_graph"],
}
MISPLACED: list[tuple[dict[str, Any], tuple[str | int, ...], str]] = [
    ({"options": {"shadw": "soft"}}, ("options", "shadw"), "Did you mean shadow?"),
    ({"options": {"seed": 5}}, ("options", "seed"), "seed is a field of the JSON body. Send it there"),
    ({"options": {"scene": "podium"}}, ("options", "scene"), "scene_type is a field of the JSON body"),
    ({"variants": [{"scene": "podium"}]}, ("variants", 0, "scene"), "Did you mean scene_type?"),
    ({"variants": [{"options": {"seed": 5}}]}, ("variants", 0, "options", "seed"), "seed is a field of variants[0]"),
    (
        {"photos": [{"source_image_s3_key": "uploads/a.jpg", "source_image_key": "b"}]},
        ("photos", 0, "source_image_key"),
        "Did you mean source_image_s3_key?",
    ),
]
#: Wrong values of an order's fields, and their places.
IN_FIELDS: list[tuple[dict[str, Any], tuple[str | int, ...]]] = [
    ({"photos": []}, ("photos",)),
    ({"photos": [{}]}, ("photos", 0)),
    ({"scene_type": None}, ("scene_type",)),
    ({"presets": ["open_graph", "shopify_produkt"]}, ("presets", 1)),
    ({"presets": ["open_graph", "open_graph"]}, ("presets", 1)),
    ({"variants": 9}, ("variants",)),
    ({"variants": True}, ("variants",)),
    ({"variants": []}, ("variants",)),
    ({"variants": [{"seed": 5}, {"seed": 5}]}, ("variants", 1)),
    ({"variants": [{"seed": 5}, {"mood": "calm"}], "seed": 5}, ("variants", 1)),
    ({"variants": [{"seed": -1}]}, ("variants", 0, "seed")),
    ({"variants": [{}, {"mood": "calmm"}]}, ("variants", 1, "mood")),
    ({"variants": [{"dominant_colors": ["tea"]}]}, ("variants", 0, "dominant_colors", 0)),
    ({"options": {"scale": 9}}, ("options", "scale")),
    ({"options": {"width": 1000}}, ("options", "height")),
    ({"variants": [{"options": {"colors_on": "nowhere:teal"}}]}, ("variants", 0, "options", "colors_on")),
    ({"metadata": {"a b": "c"}}, ("metadata", "a b", "[key]")),
]
#: Further faults of an order: the changed fields, the code, and words of the answer.
IN_ORDERS: list[tuple[dict[str, Any], str, str]] = [
    ({}, "source_not_found", "Send a key from POST /v1/uploads (received 'uploads/a.jpg')"),
    ({"presets": ["open_graph"] * 2}, "repeated", "Send each preset once (received 'open_graph')"),
    ({"metadata": {"a b": "x"}}, "string_pattern_mismatch", "match pattern '^[A-Za-z0-9_.-]{1,40}$' (received 'a b')"),
    ({"metadata": []}, "dict_type", "should be a JSON object (received an array)"),
    ({"options": {"width": 1e300}}, "int_parsing_size", "an integer of fewer digits (received 1e+300)"),
    # more faults than those that may get a nearest name
    ({"photos": [MANY["photos"][0] | {"reference": "a\n"}] * 30}, "string_pattern_mismatch", "(received 'a\\n')"),
    ({"photos": [MANY["photos"][0] | {"x": 1}] * 30}, "extra_forbidden", "Remove 'x' (received 1)"),
    ({"photos": [{}] * 30, "mood": None}, "source_missing", "Field required. Add mood to the JSON body"),
]
#: Words of an answer's remedy.
REMEDY = re.compile(
    r"\b([Ss]hould (be|have|look|match)|[Ss]end|[Aa]dd|Give|Leave|Remove|Choose|Use|Set|[Mm]ust|Fill|Shorten|Check"
    r"|Accepted|Did you mean|nearest are|lists|reads https|takes|Make it|describe it|checks|It has|Name each)\b"
)
#: Codes of faults without a received value: something is missing, or there is too much of it.
WITHOUT_VALUE = {"missing", "source_missing", "source_ambiguous", "output_incomplete", "too_long", "too_short"}


def faults(answer: Any) -> list[str]:
    """Return the missing parts of an answer: field, value, remedy."""
    if answer.status_code != 422:
        detail = answer.json()["detail"]
        return [] if REMEDY.search(detail) else [f"no remedy: {detail}"]
    found = []
    for one in answer.json()["detail"]:
        said, name = one["msg"], str(one["loc"][-1])
        if one["loc"][0] not in {"body", "query", "header", "path"} or (len(one["loc"]) < 2 and one["loc"] != ["body"]):
            found.append(f"no field: {one}")
        valued = one["code"] in WITHOUT_VALUE or re.search(
            r"[Rr]eceived|not \d|not valid JSON: \w|The file is|is outside|is empty", said
        )
        named = name.replace("_", "-").lower() in said.replace("_", "-").lower() or "'" in said
        if not valued and not named:
            found.append(f"no value: {one}")
        if not REMEDY.search(said) or "BACKDROP_" in said or "Value error" in said:
            found.append(f"no remedy of a caller's: {one}")
    return found


def differences(bad: Bad, answer: Any) -> list[str]:
    """Return the differences between an answer and the expected error."""
    if not 400 <= answer.status_code < 500:
        return [f"{answer.status_code}"]
    found = faults(answer)
    if answer.status_code == 422:
        at = located(answer)
        (one, *_) = answer.json()["detail"]
        if bad.where and at != {bad.where}:
            found.append(f"at {at}")
        if bad.code and one["code"] != bad.code:
            found.append(f"code {one['code']}")
        if not any(bad.said in each["msg"] for each in answer.json()["detail"]):
            found.append(f"said {one['msg']}")
    return found


def test_each_bad_request_gets_its_fault_and_remedy_and_costs_nothing(caller: Caller) -> None:
    caller.http.put("/v1/brands/Lumen", json={}, headers=caller.headers).raise_for_status()
    wrong: list[str] = []
    for bad in swaps(caller.body()):
        answer = bad.send(caller)
        wrong += [f"{bad}: {one}" for one in differences(bad, answer)]
        if bad.where[0] == "body":
            planned = error_body(replace(bad, query={"dry_run": "true"}).send(caller))
            wrong += [f"{bad}: a dry run says {planned}"] if planned != error_body(answer) else []
    wrong += [f"{bad}: {one}" for bad in others() for one in differences(bad, bad.send(caller))]

    assert wrong == [], "\n".join(wrong)
    assert caller.balance == 100
    assert caller.get("/v1/jobs").json()["items"] == []


def test_every_route_of_the_api_refuses_an_unknown_parameter(caller: Caller) -> None:
    asked = list(routes(caller.http.app))

    assert len(asked) > 35
    for method, path in asked:
        bad = Bad(method, f"{path}?surely=1", where=("query", "surely"), said="'surely'")
        answer = bad.send(caller)
        assert answer.status_code == 422, bad
        assert method == "HEAD" or differences(bad, answer) == [], bad


@pytest.mark.nightly  # Schemathesis takes half a minute
def test_requests_against_the_document_get_a_remedy_and_cost_nothing(caller: Caller) -> None:
    document = caller.http.get("/schema/openapi.json").json()
    answers = [(one, one.send(caller)) for one in drawn(document, examples=8)]
    # HTTP cannot express some of them, such as the text of a number in a query: those are valid.
    answers = [(one, answer) for one, answer in answers if not answer.is_success]

    assert len(answers) >= 70
    wrong = [f"{one}: {fault}" for one, answer in answers for fault in differences(one, answer)]
    assert wrong == [], "\n".join(wrong)
    assert caller.balance == 100


def test_the_faults_of_body_query_and_headers_are_in_one_answer(caller: Caller) -> None:
    answer = caller.http.post(
        f"{SWAP}?seed=x", json=caller.body(mood=""), headers=caller.headers | {"Idempotency-Key": "x" * 256}
    )

    assert located(answer) == {("body", "mood"), ("query", "seed"), ("header", "Idempotency-Key")}
    listed = caller.get("/v1/jobs?limit=0&cursor=zz&status=no")
    assert located(listed) == {("query", "limit"), ("query", "cursor"), ("query", "status")}
