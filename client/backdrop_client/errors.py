"""What can go wrong, as one tree.

BackdropError
  Refused               the server answered with an error
    Unauthorized        401: the key is unknown or disabled
    InsufficientCredits 402: nothing was charged
    Forbidden           403: a signed URL has expired
    NotFound            404: there is no such thing, or it is another client's
    Conflict            409: the job is over, or a request with the same Idempotency-Key is being answered
    TooLarge            413
    Invalid             422: `fields` says what is wrong with each field
    TooManyRequests     429: `retry_after` says when to come back
    ServerError         5xx
  Unreachable           no answer came
  UnexpectedAnswer      an answer that no Backdrop gives
  JobFailed             the job ended as FAILURE; its credits came back (in `results`: it holds the job)
  WaitTimeout           the job is not over yet; it goes on
  DownloadCorrupt       the bytes that arrived are not the render's
  PhotoUnknown          the file is none that can be uploaded
  SuffixInvalid         the file to write is named for no format, or for another one than its picture's
  WebhookInvalid        the message is not from the server, too old, or was changed
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx


class BackdropError(Exception):
    """Anything that goes wrong with a call."""

    #: Whether the same call may succeed later without a change.
    again = False
    #: Seconds that the server asks to wait before the next try.
    retry_after: float | None = None


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with a request."""

    #: Where: "body", "header", "query" or "path", then the field, then the index.
    loc: tuple[str | int, ...]
    #: What is wrong and what would be right.
    msg: str
    #: Name of the error.
    type: str
    #: Stable name of the error; of an older server its `type`.
    code: str = ""

    @property
    def field(self) -> str:
        """The field as one writes it: `dominant_colors[1]`."""
        names = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.loc[1:]]
        return "".join(names).removeprefix(".") or str(self.loc[0] if self.loc else "request")

    def __str__(self) -> str:
        return f"{self.field}: {self.msg}"


class Refused(BackdropError):
    """Raised when the server answers with an error. Nothing was charged, unless the code is `outcome_unknown`."""

    #: What to do about it, where the server's own words don't say.
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
        #: What the answer counts: `balance` and `credits_cost` of a 402, `max_bytes` of a 413.
        self.figures = figures or {}

    @property
    def again(self) -> bool:  # type: ignore[override]  # the answer says it here
        """Whether the same call may succeed later without a change."""
        return self.status in {429, 502, 503, 504} or self.code in {"idempotency_in_flight", "outcome_unknown"}

    def __str__(self) -> str:
        place = f" (request {self.request_id})" if self.request_id else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.detail}{remedy} [{self.status} {self.code}]{place}"


class Unauthorized(Refused):
    """Raised when the key is unknown or disabled."""


class InsufficientCredits(Refused):
    """Raised when the balance does not cover a swap."""

    remedy = "credits() tells the balance; the operator grants more with `backdrop clients grant NAME CREDITS`."


class Forbidden(Refused):
    """Raised when a signed URL has expired or was changed."""


class NotFound(Refused):
    """Raised when there is no such thing, or it is another client's."""


class Conflict(Refused):
    """Raised when the job is over, or a request with the same Idempotency-Key is still being answered."""


class TooLarge(Refused):
    """Raised when a body or a photo is larger than the server takes."""


class Invalid(Refused):
    """Raised when a request is wrong; `fields` holds all that is wrong with it."""


class TooManyRequests(Refused):
    """Raised when too much was asked at once, and it stayed so for as long as the client tried."""

    @property
    def remedy(self) -> str:  # type: ignore[override]  # it names the seconds
        """When to come back."""
        return "" if self.retry_after is None else f"The server asks to wait {self.retry_after:.0f} s."


class ServerError(Refused):
    """Raised when the server could not do it; worth another try later."""


class Unreachable(BackdropError):
    """Raised when no answer came."""

    again = True


class UnexpectedAnswer(BackdropError):
    """Raised when an answer is none of Backdrop's: the base URL may be another server's, or a newer major version's."""


class WaitTimeout(BackdropError):
    """Raised when a job is not over in time. It goes on: wait again, or cancel it."""

    def __init__(self, job_id: str, seconds: float) -> None:
        super().__init__(job_id, seconds)
        self.job_id, self.seconds = job_id, seconds

    def __str__(self) -> str:
        return f"The job {self.job_id} is not over after {self.seconds:.0f} s. It goes on: wait again, or cancel it."


class DownloadCorrupt(BackdropError):
    """Raised when what was downloaded is not the render, as often as it was tried."""

    again = True


class PhotoUnknown(BackdropError, ValueError):
    """Raised when a file is none that can be uploaded."""


class SuffixInvalid(BackdropError, ValueError):
    """Raised when the suffix of a file to write names no format, or another one than its picture's. Nothing is paid."""


class WebhookInvalid(BackdropError, ValueError):
    """Raised when a webhook's message can't be trusted."""


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
    """Return the error that an answer of 3xx, 4xx or 5xx tells of."""
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
    """Return the seconds that an answer asks to wait; None where it does not say."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
        # Against the server's own clock, where it tells it.
        now = parsedate_to_datetime(answer.headers["date"]) if "date" in answer.headers else datetime.now(UTC)
        return max(0.0, (moment - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # TypeError: one of them has no zone
        return None
