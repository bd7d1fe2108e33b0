"""The parts of the client that need no server: types of photos, parsing of events, and its imports."""

import inspect
import json
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from backdrop_client import (
    AsyncBackdrop,
    Backdrop,
    PhotoUnknown,
    Render,
    Retries,
    Spec,
    SuffixInvalid,
    WebhookEvent,
    WebhookJob,
    WebhookOrder,
    verify_webhook,
)
from backdrop_client.api import Api
from backdrop_client.flow import Send, Work
from backdrop_client.orders import OrderCalls
from backdrop_client.photo import content_type, format_for
from backdrop_client.progress import Event, EventDecoder
from backdrop_client.results import JobStatus, Pages
from scripts.client_report import TYPES, client_types


def test_a_single_colour_is_a_palette_of_one() -> None:
    spec = Spec("podium", "calm", "open_graph", colors="rgb(1, 2, 3)")

    assert spec.body(source_key="k", source_render=None)["dominant_colors"] == ["rgb(1, 2, 3)"]
    assert spec == Spec("podium", "calm", "open_graph", colors=("rgb(1, 2, 3)",))


def test_only_options_that_differ_from_the_preset_are_sent() -> None:
    own = Spec("podium", "calm", "open_graph", scale=0.9, width=900, height=600, format="webp", quality=80)

    assert own.query() == {"scale": "0.9", "width": 900, "height": 600, "format": "webp", "quality": 80}
    assert Spec("podium", "calm", "open_graph").query() == {}
    assert Spec("podium", "calm", "open_graph", seed=0, stance="lying").query() == {"seed": 0, "stance": "lying"}
    assert Spec("podium", "calm", "open_graph", metadata={"a": "1", "b": ""}).query() == {"metadata": ["a:1", "b:"]}


def test_usage_and_the_ledger_take_dates_and_times() -> None:
    api, noon = Api(Retries()), datetime(2026, 3, 5, 12, tzinfo=UTC)
    for flow, rest in (
        (api.usage(start=date(2026, 3, 1), end=noon, by="scene"), {"by": "scene"}),
        (api.iter_credits(start=date(2026, 3, 1), end=noon).page(None), {"limit": 100}),
    ):
        step = next(flow)
        assert isinstance(step, Send)
        assert step.call.query == {"from": "2026-03-01", "to": "2026-03-05T12:00:00+00:00", **rest}
    plain = next(api.usage())
    assert isinstance(plain, Send)
    assert (plain.call.url, plain.call.query) == ("/v1/usage", {"by": "day"})


def test_a_background_that_is_a_file_is_uploaded_first_and_a_key_is_sent_unchanged() -> None:
    def step_of(picture: str | bytes) -> tuple[Any, Any]:
        own = Spec("podium", "calm", "open_graph", background="image", background_image=picture)
        flow = Api(Retries()).plan(own, source_key="k")
        return flow, next(flow)

    _, asked = step_of("uploads/a/b.jpg")
    assert asked.call.query["background_image"] == "uploads/a/b.jpg"
    flow, read = step_of(b"\xff\xd8\xff")
    reserved = flow.send(read.function())
    assert (reserved.call.url, reserved.call.content) == ("/v1/uploads", b'{"content_type": "image/jpeg"}')


def test_a_subject_is_sent_as_numbers_with_commas() -> None:
    query = Spec("podium", "calm", "open_graph", subject=(0.25, 1)).query()
    assert query == {"subject": "0.25,1.0"}


def test_a_callers_idempotency_key_is_sent_unchanged_even_if_empty() -> None:
    def sent(key: str | None) -> str:
        step = next(Api(Retries()).swap(Spec("podium", "calm", "open_graph"), source_key="k", idempotency_key=key))
        assert isinstance(step, Send)
        return step.call.headers["Idempotency-Key"]

    assert [sent("order-7"), sent("")] == ["order-7", ""], "the server refuses an empty key"
    assert sent(None) != sent(None)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"MM\0*\0\0", "image/tiff"),
        (b"II*\0\0\0", "image/tiff"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "image/avif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "image/avif"),
        (b"\0\0\0\x14ftypheic\0\0\0\0heic", "image/heic"),
    ],
)
def test_a_photos_type_comes_from_its_first_bytes(data: bytes, kind: str) -> None:
    assert content_type(data) == kind


@pytest.mark.parametrize(
    ("data", "word"),
    [(b"", "empty"), (b"<html>", "JPEG"), (b"GIF89a", "JPEG")],
)
def test_a_file_that_is_no_photo_is_refused_before_the_upload(data: bytes, word: str) -> None:
    with pytest.raises(PhotoUnknown, match=word):
        content_type(data)


def test_an_svg_logo_is_sent_as_bytes_for_the_server_to_check() -> None:
    logo = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'
    upload = Api(Retries()).upload(logo)
    read = next(upload)
    assert isinstance(read, Work)
    sent = upload.send(read.function())

    assert isinstance(sent, Send)
    assert (sent.call.method, sent.call.headers["Content-Type"], sent.call.content) == ("POST", "image/svg+xml", logo)


@pytest.mark.parametrize(
    ("path", "asked", "form"),
    [
        ("out/jar.jpg", None, "jpeg"),
        ("jar.JPEG", "jpeg", "jpeg"),
        ("v1.2/jar.png", None, "png"),
        ("jar.webp", None, "webp"),
        ("jar.avif", "avif", "avif"),
        ("jar", None, None),
        ("jar", "png", "png"),
    ],
)
def test_a_file_is_written_in_the_format_of_its_suffix(path: str, asked: str | None, form: str | None) -> None:
    assert format_for(path, asked) == form


@pytest.mark.parametrize(
    ("path", "asked", "remedy"),
    [
        ("jar.gif", None, ".jpg, .jpeg, .png, .webp, .avif, or no suffix"),
        ("jar.tmp", "jpeg", ".jpg, .jpeg, or no suffix"),
        ("jar.png", "jpeg", "'jar.jpg'"),
    ],
)
def test_an_impossible_suffix_is_refused_before_anything_is_sent(path: str, asked: str | None, remedy: str) -> None:
    with pytest.raises(SuffixInvalid, match=re.escape(remedy)):
        format_for(path, asked)
    with Backdrop("http://127.0.0.1:9", "bd_1") as away, pytest.raises(SuffixInvalid):
        away.swap_file(b"", path, Spec("podium", "calm", "open_graph", format=asked))


@given(st.data())
def test_events_are_the_same_however_their_bytes_are_split(data: st.DataObject) -> None:
    stream = ': hello\n\nevent: job\nid: 7\ndata: {"stage":\ndata:"é"}\n\nretry: 5\r\ndata: x\r\n\r\n\ndata\n'.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    decoder = EventDecoder()

    events = [
        event
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for event in decoder.feed(stream[start:end])
    ]

    assert events == [Event("job", '{"stage":\n"é"}', "7"), Event("message", "x", "7")]


@pytest.mark.parametrize(
    ("more", "seed", "warnings"),
    [({}, None, []), ({"seed": 7, "warnings": ["upscaled"], "of_tomorrow": {"any": 1}}, 7, ["upscaled"])],
    ids=["an older server's", "a newer server's"],
)
def test_a_message_of_another_release_is_read(more: dict[str, Any], seed: int | None, warnings: list[str]) -> None:
    render: dict[str, Any] = {"public_id": "1", "output_preset": "open_graph", "width": 1, "height": 1}
    render |= {"format": "png", "bytes": 1, "sha256": "0"} | more
    job = {"job_id": "1", "request_id": "1", "status": "SUCCESS", "credits_cost": 2, "credits_refunded": 0}
    message = {"type": "job.succeeded", "timestamp": "2026-11-24T09:30:00Z", "data": job | {"render": render}}

    ended = received(message).data
    assert isinstance(ended, WebhookJob)
    shown = ended.render

    assert shown is not None
    assert (shown.seed, shown.warnings, shown.scene_type, shown.download_url) == (seed, warnings, None, None)


def received(message: dict[str, Any]) -> WebhookEvent:
    """Return the event of a signed message."""
    body, secret, now = json.dumps(message), "whsec_" + "A" * 44, datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", now, body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    return verify_webhook(headers, body, secret)


def test_a_test_message_is_about_no_job() -> None:
    data = {"message_id": "msg_1", "message": "This is a test."}
    event = received({"type": "webhook.test", "timestamp": "2026-11-24T09:30:00Z", "data": data})

    assert isinstance(event.data, WebhookJob)
    assert (event.id, event.type, event.data.job_id, event.data.render) == ("msg_1", "webhook.test", "", None)


def test_filters_are_sent_as_the_lists_take_them() -> None:
    api, time = Api(Retries()), datetime(2026, 11, 1, tzinfo=UTC)

    def query(pages: Pages[Any]) -> dict[str, Any]:
        step = next(pages.page(None))
        assert isinstance(step, Send)
        return {name: value for name, value in step.call.query.items() if name != "limit"}

    assert query(api.iter_jobs()) == query(api.iter_deliveries()) == {}
    both: list[JobStatus] = ["FAILURE", "SUCCESS"]
    narrowed = api.iter_jobs(status=both, metadata={"season": "2027"}, created_after=time, scene="bar")
    after = {"created_after": "2026-11-01T00:00:00+00:00"}
    pair = {"metadata": ["season:2027"], "scene_type": "bar"}
    assert query(narrowed) == {"status": both, **pair, **after}
    assert query(api.iter_renders(preset="amazon_main", preview=True)) == {
        "output_preset": "amazon_main",
        "preview": "true",
    }
    assert query(api.iter_renders(looks_right=False)) == {"looks_right": "false"}
    assert query(api.iter_deliveries(state="failed", created_after=time)) == {"status": "failed", **after}


def test_the_message_of_an_order_is_read() -> None:
    data = {"order_id": "1", "request_id": "2", "status": "PARTIAL", "pictures": 3, "counts": {"failed": 1}}
    data |= {"credits_cost": 6, "credits_refunded": 2, "reference": "spring", "metadata": {}, "url": "/v1/orders/1"}
    event = received({"type": "order.completed", "timestamp": "2026-11-24T09:30:00Z", "data": data})

    assert isinstance(event.data, WebhookOrder)
    assert (event.type, event.data.status, event.data.counts) == ("order.completed", "PARTIAL", {"failed": 1})


def test_the_types_of_a_report_match_the_services() -> None:
    assert TYPES.read_text("utf-8") == client_types(), "write them again: python -m scripts.client_report"


def test_a_newer_servers_report_keeps_its_unknown_fields() -> None:
    stored = {"palette": {"asked": [], "of_tomorrow": 1}, "more": [1]}
    kinds = {"width": 1, "height": 1, "bytes": 1, "seed": 1, "warnings": [], "url_expires_at": "2026-11-24T00:00:00Z"}
    names = ["public_id", "job_id", "output_preset", "format", "content_type", "sha256", "url"]
    answer = json.dumps({**kinds, **dict.fromkeys(names, ""), "report": stored})
    assert msgspec.json.decode(answer, type=Render).report == stored


def test_both_clients_have_every_method_of_the_api() -> None:
    def methods(client: type) -> set[str]:
        return {name for name, one in vars(client).items() if inspect.isfunction(one) and name[0] != "_"}

    assert methods(Backdrop) == methods(AsyncBackdrop) == methods(Api) | methods(OrderCalls) | {"close"}


def test_the_client_alone_imports_nothing_of_the_server() -> None:
    heavy = ("service", "models", "pipeline", "litestar", "pydantic", "numpy", "torch", "sqlalchemy")
    program = f"import sys, backdrop_client; print([name for name in {heavy!r} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"
