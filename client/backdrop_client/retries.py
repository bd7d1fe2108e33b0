"""Retries: when, how often, and after which pause."""

import itertools
import random
from dataclasses import dataclass

import httpx

from backdrop_client.errors import BackdropError, Unreachable, refusal
from backdrop_client.flow import Call, Flow, Pause, Send


@dataclass(frozen=True)
class Retries:
    """How to retry a call if the server is busy, away or asks to wait. Durations are in seconds."""

    #: Most requests for one call, the first included. 1: no retries.
    attempts: int = 8
    #: The first pause. Each pause is twice the last, minus a random share, so that callers spread out.
    first: float = 0.5
    #: The longest pause, unless the server's Retry-After is longer.
    longest: float = 20.0
    #: Limit for the sum of all pauses of one call. If the server asks for more, the call raises its error at once.
    patience: float = 180.0

    def pause(self, attempt: int, error: BackdropError, waited: float) -> float | None:
        """Return the pause before the next try, or None to give up. `attempt` counts from 1."""
        if not error.again or attempt >= self.attempts:
            return None
        share = random.uniform(0.5, 1.0)
        pause = min(self.longest, self.first * 2.0 ** (attempt - 1)) * share
        if error.retry_after is not None:
            # Never sooner than Retry-After, and not all callers at the same moment.
            pause = max(pause, error.retry_after + self.first * share)
        return pause if waited + pause <= self.patience else None


#: At most about three minutes of pauses.
DEFAULT = Retries()


def exchange(call: Call, retries: Retries) -> Flow[httpx.Response]:
    """Send a request until it succeeds, and return the 2xx answer. Raises Refused and Unreachable."""
    waited = 0.0
    for attempt in itertools.count(1):
        try:
            answer: httpx.Response = yield Send(call)
            if answer.is_success:
                return answer
            error: BackdropError = refusal(answer)
        except httpx.HTTPError as failure:
            error = unreachable(call, failure)
            error.__cause__ = failure
        pause = retries.pause(attempt, error, waited)
        if pause is None:
            raise error
        waited += pause
        yield Pause(pause)
    raise AssertionError("unreachable")


def unreachable(call: Call, failure: httpx.HTTPError) -> Unreachable:
    """Return the error for a request without an answer."""
    words = str(failure) or type(failure).__name__
    return Unreachable(f"{call.method} {call.url.partition('?')[0]}: no answer ({words}).")
