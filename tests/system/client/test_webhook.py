"""A webhook's message, verified by the Python client."""

from pathlib import Path

import pytest

from backdrop_client import Backdrop, WebhookInvalid, WebhookJob, verify_webhook
from service.webhooks.endpoints import Webhooks
from tests.support.polling import until
from tests.support.served import Served
from tests.support.storm.photos import good
from tests.support.storm.receiver import receiving
from tests.system.client.conftest import SPEC


def test_the_servers_message_is_verified_and_typed(served: Served, backdrop: Backdrop, tmp_path: Path) -> None:
    name = "test_the_servers_message_is_verified_and_typed"
    with receiving() as receiver:
        hooks = Webhooks(served.installation.engine, allow_private=True)
        _, secret = hooks.register(name, receiver.url)
        render = backdrop.swap_file(good(), tmp_path / "out.png", SPEC)
        message = until(lambda: receiver.received and receiver.received[0], timeout=20)
        hooks.clear(name)

    event = verify_webhook(message.headers, message.body, secret)

    assert (event.id, event.type) == (message.id, "job.succeeded")
    assert isinstance(event.data, WebhookJob)
    assert event.data.render is not None
    assert (event.data.job_id, event.data.render.sha256) == (render.job_id, render.sha256)
    assert (event.data.render.seed, event.data.render.warnings) == (render.seed, render.warnings)
    assert (event.data.render.scene_type, event.data.render.mood) == ("white", "calm")
    for headers, body in [
        (message.headers, message.body.replace(b"SUCCESS", b"FAILURE")),
        ({**message.headers, "webhook-timestamp": "1"}, message.body),
        ({**message.headers, "webhook-signature": "v1,no base64"}, message.body),
        ({}, message.body),
    ]:
        with pytest.raises(WebhookInvalid):
            verify_webhook(headers, body, secret)
    with pytest.raises(WebhookInvalid):
        verify_webhook(message.headers, message.body, "whsec_" + "A" * 44)
    with pytest.raises(ValueError, match="whsec_"):
        verify_webhook(message.headers, message.body, "")
