"""Webhooks: is a message really the server's, and what does it tell?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError, WebhookVerificationError

from backdrop_client.errors import WebhookInvalid
from backdrop_client.results import JobError, JobStatus


@dataclass(frozen=True)
class WebhookRender:
    """The render of a job that succeeded; `Backdrop.render` of its id has the report and a download URL."""

    public_id: str
    output_preset: str
    width: int
    height: int
    format: str
    bytes: int
    sha256: str
    #: The picture's address at the API, good as long as the render is; GET it with the key. Empty: an older server.
    url: str = ""
    #: These four: None or empty from an older server.
    seed: int | None = None
    scene_type: str | None = None
    mood: str | None = None
    #: Codes, as in `Render.warnings`.
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class WebhookJob:
    """A job that is over."""

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
class WebhookEvent:
    """A message. It may come more than once: drop an id that you have seen."""

    id: str
    #: "job.succeeded" or "job.failed"; of a cut-out, which has no render, "cutout.succeeded" or "cutout.failed".
    type: str
    timestamp: datetime
    data: WebhookJob


@dataclass(frozen=True)
class _Message:
    type: str
    timestamp: datetime
    data: WebhookJob


def verify_webhook(headers: Mapping[str, str], body: bytes | str, secret: str) -> WebhookEvent:
    """Return a message's event, if the secret signed exactly this body less than five minutes ago.

    `body` is what arrived, byte for byte, not JSON that was read and written again. Raises WebhookInvalid for a message
    that must not be trusted (answer 400), and ValueError for a secret that is none.
    """
    try:
        webhook = Webhook(secret)
    except (EmptyWebhookSecretError, ValueError) as error:
        raise ValueError("The secret is none: `backdrop clients set-webhook` prints one, whsec_….") from error
    by_name = {name.lower(): value for name, value in headers.items()}
    try:
        webhook.verify(body, by_name, json_parse=False)
        message = msgspec.json.decode(body, type=_Message)
    except WebhookVerificationError as error:
        raise WebhookInvalid(f"{error}.") from error
    except msgspec.DecodeError as error:
        raise WebhookInvalid(f"The message is signed, but this client can't read it: {error}.") from error
    except ValueError as error:  # a signature that is no base64, a body that is no text
        raise WebhookInvalid("The signature or the body can't be read.") from error
    return WebhookEvent(by_name["webhook-id"], message.type, message.timestamp, message.data)
