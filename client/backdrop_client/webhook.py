"""Webhooks: checks a message's signature and returns its event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError, WebhookVerificationError

from backdrop_client.errors import WebhookInvalid
from backdrop_client.orders import OrderStatus
from backdrop_client.results import JobError, JobStatus


@dataclass(frozen=True)
class WebhookRender:
    """The render of a successful job, or the preview of a refused picture (`not_accepted`).

    Pass its id to `Backdrop.render` for the report and a download URL.
    """

    public_id: str
    output_preset: str
    width: int
    height: int
    format: str
    bytes: int
    sha256: str
    #: The picture's address at the API, valid as long as the render exists. GET it with your key. Empty: an older
    #: server.
    url: str = ""
    #: None or empty from an older server, like the next fields.
    seed: int | None = None
    scene_type: str | None = None
    mood: str | None = None
    #: Codes of warnings, as in `Render.warnings`.
    warnings: list[str] = field(default_factory=list)
    #: Download URL that needs no key, for some minutes. None: the render was deleted, or an older server.
    download_url: str | None = None
    download_url_expires_at: datetime | None = None


@dataclass(frozen=True)
class WebhookJob:
    """A job that has ended."""

    job_id: str
    request_id: str
    status: JobStatus
    credits_cost: int
    credits_refunded: int
    error: JobError | None = None
    render: WebhookRender | None = None
    #: The `reference` of its submit.
    reference: str | None = None
    #: The `metadata` of its submit.
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WebhookOrder:
    """An order whose pictures are all over. `Backdrop.download_order` downloads them."""

    order_id: str
    request_id: str
    status: OrderStatus
    pictures: int
    #: As in `Order.counts`.
    counts: dict[str, int]
    credits_cost: int
    credits_refunded: int
    reference: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WebhookEvent:
    """A message. It may arrive more than once, so ignore an id that you have seen."""

    id: str
    #: "job.succeeded" or "job.failed". For a cut-out, which has no render: "cutout.succeeded" or "cutout.failed".
    #: "webhook.test": you asked for a test. For an order, whose pictures send none: "order.completed".
    type: str
    timestamp: datetime
    #: Of an order: a `WebhookOrder`. Of a test: a job without ids, which has not started.
    data: WebhookJob | WebhookOrder


@dataclass(frozen=True)
class _Message:
    type: str
    timestamp: datetime
    data: msgspec.Raw


#: The data of a test.
_NO_JOB = WebhookJob("", "", "NOT_STARTED", 0, 0)


def verify_webhook(headers: Mapping[str, str], body: bytes | str, secret: str) -> WebhookEvent:
    """Return a message's event, if the secret signed exactly this body less than five minutes ago.

    `body`: the received bytes, not JSON that was parsed and written again. Raises WebhookInvalid for a message that
    must not be trusted (answer 400), and ValueError for an invalid secret.
    """
    try:
        webhook = Webhook(secret)
    except (EmptyWebhookSecretError, ValueError) as error:
        raise ValueError("The secret is invalid. Use the whsec_… that you got with the webhook's URL.") from error
    by_name = {name.lower(): value for name, value in headers.items()}
    try:
        webhook.verify(body, by_name, json_parse=False)
        message = msgspec.json.decode(body, type=_Message)
        kind: Any = WebhookOrder if message.type.startswith("order.") else WebhookJob
        data = _NO_JOB if message.type == "webhook.test" else msgspec.json.decode(message.data, type=kind)
    except WebhookVerificationError as error:
        raise WebhookInvalid(f"{error}.") from error
    except msgspec.DecodeError as error:
        raise WebhookInvalid(f"The message is signed, but this client can't read it ({error}). Update it.") from error
    except ValueError as error:  # the signature is not base64, or the body is not text
        raise WebhookInvalid("The signature or the body is invalid. Pass the request's unchanged body.") from error
    return WebhookEvent(by_name["webhook-id"], message.type, message.timestamp, data)
