"""A client of Backdrop: a product photo and a spec in, the picture and its measurements out.

`Backdrop` blocks, `AsyncBackdrop` awaits; both have the same methods.
"""

from backdrop_client.client import AsyncBackdrop, Backdrop
from backdrop_client.cutouts import Box, Cutout, CutoutWarning, Subject
from backdrop_client.errors import (
    BackdropError,
    Conflict,
    DownloadCorrupt,
    FieldError,
    Forbidden,
    InsufficientCredits,
    Invalid,
    NotFound,
    PhotoUnknown,
    Refused,
    ServerError,
    SuffixInvalid,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    WaitTimeout,
    WebhookInvalid,
)
from backdrop_client.progress import Progress
from backdrop_client.results import (
    Accepted,
    Brand,
    CatalogueItem,
    CreditEntry,
    Credits,
    Job,
    JobError,
    JobFailed,
    JobStatus,
    Notice,
    Plan,
    Render,
)
from backdrop_client.retries import Retries
from backdrop_client.spec import Spec
from backdrop_client.webhook import WebhookEvent, WebhookJob, WebhookRender, verify_webhook

__all__ = [
    "Accepted",
    "AsyncBackdrop",
    "Backdrop",
    "BackdropError",
    "Box",
    "Brand",
    "CatalogueItem",
    "Conflict",
    "CreditEntry",
    "Credits",
    "Cutout",
    "CutoutWarning",
    "DownloadCorrupt",
    "FieldError",
    "Forbidden",
    "InsufficientCredits",
    "Invalid",
    "Job",
    "JobError",
    "JobFailed",
    "JobStatus",
    "NotFound",
    "Notice",
    "PhotoUnknown",
    "Plan",
    "Progress",
    "Refused",
    "Render",
    "Retries",
    "ServerError",
    "Spec",
    "Subject",
    "SuffixInvalid",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "UnexpectedAnswer",
    "Unreachable",
    "WaitTimeout",
    "WebhookEvent",
    "WebhookInvalid",
    "WebhookJob",
    "WebhookRender",
    "verify_webhook",
]
