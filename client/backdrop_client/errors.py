"""All errors of the client, as one tree.

BackdropError
  Refused               the server answered with an error
    Unauthorized        401: the key is unknown or disabled
    InsufficientCredits 402: the balance is too low; nothing was charged
    Forbidden           403: a signed URL has expired
    NotFound            404: the resource does not exist, or belongs to another client
    Conflict            409: the job has ended, or another request with the same Idempotency-Key is running
    TooLarge            413
    Invalid             422: `fields` has an error for each wrong field
    TooManyRequests     429: `retry_after` is the number of seconds to wait
    ServerError         5xx
  Unreachable           no answer came
  UnexpectedAnswer      the answer does not come from Backdrop
  JobFailed             the job ended as FAILURE and was refunded (in `results`; its `job` has the details)
  WaitTimeout           the job has not ended yet and continues
  DownloadCorrupt       the downloaded bytes are not the render's
  PhotoUnknown          the file is not a photo that can be uploaded
  SuffixInvalid         the output file's suffix belongs to no format, or not to the picture's
  WebhookInvalid        the message is not from the server, too old, or was changed
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx


class BackdropError(Exception):
    """Base class of all errors of a call."""

    #: Whether the same call may succeed later.
    again = False
    #: Seconds after which the server allows the next try.
    retry_after: float | None = None


@dataclass(frozen=True)
class FieldError:
    """One error in a request."""

    #: Location: "body", "header", "query" or "path", then the field, then the index.
    loc: tuple[str | int, ...]
    #: The problem and the remedy.
    msg: str
    #: The error's type.
    type: str
    #: The error's stable code. From an older server: its `type`.
    code: str = ""

    @property
    def field(self) -> str:
        """The field's name with its index: `dominant_colors[1]`."""
        names = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.loc[1:]]
        return "".join(names).removeprefix(".") or str(self.loc[0] if self.loc else "request")

    def __str__(self) -> str:
        return f"{self.field}: {self.msg}"


class Refused(BackdropError):
    """Raised if the server answers with an error. Nothing was charged, unless the code is `outcome_unknown`."""

    #: The remedy, if the server's answer has none.
    remedy = ""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        request_id: str | None = None,
        retry_after: float | None = None,
        fields: tuple[FieldError, ...] = (),
        figures: dict[str, int] | None = None,
    ) -> None:
        super().__init__(status, code, detail)
        self.status, self.code, self.detail = status, code, detail
        self.request_id, self.retry_after, self.fields = request_id, retry_after, fields
        #: Numbers in the answer: `balance` and `credits_cost` of a 402, `max_bytes` of a 413.
        self.figures = figures or {}

    @property
    def again(self) -> bool:  # type: ignore[override]  # depends on the answer
        """Whether the same call may succeed later."""
        return self.status in {429, 502, 503, 504} or self.code in {"idempotency_in_flight", "outcome_unknown"}

    def __str__(self) -> str:
        place = f" (request {self.request_id})" if self.request_id else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.detail}{remedy} [{self.status} {self.code}]{place}"


class Unauthorized(Refused):
    """Raised if the key is unknown or disabled."""


class InsufficientCredits(Refused):
    """Raised if the balance does not cover a swap."""

    remedy = "credits() returns the balance. The operator grants more with `backdrop clients grant NAME CREDITS`."


class Forbidden(Refused):
    """Raised if a signed URL has expired or was changed."""


class NotFound(Refused):
    """Raised if the resource does not exist, or belongs to another client."""


class Conflict(Refused):
    """Raised if the job has ended, or if another request with the same Idempotency-Key is running."""


class TooLarge(Refused):
    """Raised if a body or a photo is larger than the server allows."""


class Invalid(Refused):
    """Raised if a request is invalid. `fields` has all errors."""


class TooManyRequests(Refused):
    """Raised if there were too many requests, and retries did not help."""

    @property
    def remedy(self) -> str:  # type: ignore[override]  # depends on the answer
        """How long to wait, if the server says so."""
        return "" if self.retry_after is None else f"The server asks to wait {self.retry_after:.0f} s."


class ServerError(Refused):
    """Raised if the server failed. Another try later may succeed."""


class Unreachable(BackdropError):
    """Raised if no answer came."""

    again = True


class UnexpectedAnswer(BackdropError):
    """Raised if an answer is not Backdrop's. The base URL may belong to another server or a newer major version."""


class WaitTimeout(BackdropError):
    """Raised if a job has not ended in time. It continues. Wait again, or cancel it."""

    def __init__(self, job_id: str, seconds: float) -> None:
        super().__init__(job_id, seconds)
        self.job_id, self.seconds = job_id, seconds

    def __str__(self) -> str:
        return f"The job {self.job_id} has not ended after {self.seconds:.0f} s. Wait again, or cancel it."


class DownloadCorrupt(BackdropError):
    """Raised if each try of a download brought wrong bytes."""

    again = True


class PhotoUnknown(BackdropError, ValueError):
    """Raised if a file is not a photo that can be uploaded."""


class SuffixInvalid(BackdropError, ValueError):
    """Raised if an output file's suffix belongs to no format, or not to the picture's. Nothing was charged."""


class WebhookInvalid(BackdropError, ValueError):
    """Raised if a webhook message can't be trusted."""


_KINDS: dict[int, type[Refused]] = {
    401: Unauthorized,
    402: InsufficientCredits,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: Invalid,
    429: TooManyRequests,
}


_FIGURES = ("balance", "credits_cost", "max_bytes")


def refusal(answer: httpx.Response) -> Refused:
    """Return the error for an answer with status 3xx, 4xx or 5xx."""
    status = answer.status_code
    kind = _KINDS.get(status, ServerError if status >= 500 else Refused)
    body: Any = None
    with suppress(ValueError):
        body = answer.json()
    body = body if isinstance(body, dict) else {}
    detail, fields = body.get("detail"), tuple[FieldError, ...]()
    code = str(body.get("code") or ("invalid" if status == 422 else "http_error"))
    if isinstance(detail, list):
        fields = tuple(_field_error(one) for one in detail if isinstance(one, dict))
        detail = "; ".join(map(str, fields))
    if not isinstance(detail, str) or not detail:
        where = f" ({answer.headers['location']})" if answer.is_redirect else ""
        detail = f"The server answered {status} {answer.reason_phrase}{where}."
    return kind(
        status,
        code,
        detail,
        request_id=answer.headers.get("x-request-id"),
        retry_after=retry_after(answer),
        fields=fields,
        figures={name: body[name] for name in _FIGURES if isinstance(body.get(name), int)},
    )


def _field_error(one: dict[str, Any]) -> FieldError:
    loc = one.get("loc")
    kind = str(one.get("type", ""))
    return FieldError(
        tuple(loc) if isinstance(loc, list) else (), str(one.get("msg", "")), kind, str(one.get("code", kind))
    )


def retry_after(answer: httpx.Response) -> float | None:
    """Return the seconds in an answer's Retry-After header, or None."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        # Relative to the server's own clock, if the answer has its time.
        now = parsedate_to_datetime(answer.headers["date"]) if "date" in answer.headers else datetime.now(UTC)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # TypeError: one of the times has no zone
        return None
