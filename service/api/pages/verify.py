"""The public check of a file's marks: its page, and the route that takes the file. Neither needs a key."""

from collections.abc import Callable
from typing import IO

from litestar import Response, Router, post

from pipeline.core.errors import Rejected
from service.api.admission import SHORT_RETRY_AFTER, network, spooled
from service.api.pages.studio import VERIFY_PAGE
from service.api.parts import Parts
from service.marks.verify import MarksFound
from service.schemas import answers
from service.schemas.problems import AnyRequest, problem, wrong
from service.settings import Settings
from service.supervisor.processes import HostBusy


@post(
    "/v1/verify",
    status_code=200,
    tags=["marks"],
    responses={413: answers.TOO_LARGE, 422: answers.INVALID, 429: answers.TOO_MANY_CHECKS, 503: answers.DATABASE_AWAY},
)
async def verify_file(request: AnyRequest, state: Parts) -> Response[MarksFound]:
    """Check the machine-readable marks in a picture, sent as the body: at most 12 megapixels.

    Needs no key and stores nothing.
    """
    peer = network(request.client.host) if request.client else ""
    state.bodies.count(request, peer)
    # A file takes a place once it is whole, so that slow strangers hold none.
    file = await spooled(request)
    try:
        return Response(await state.checks.run(peer, _check, state, file))
    except HostBusy:
        detail = "The server is too busy to check the file. Try again later."
        raise problem(429, "too_many_checks", detail, {"Retry-After": str(SHORT_RETRY_AFTER)}) from None
    except Rejected as error:
        raise wrong(["body"], "not_a_photo", str(error)) from error


def _check(state: Parts, file: IO[bytes]) -> MarksFound:
    check: Callable[[bytes], MarksFound] = state.check_apart
    return check(file.read())


def verify_router(settings: Settings) -> Router:
    """Return the routes. A body has at most `max_photo_bytes`."""
    return Router("/", route_handlers=[VERIFY_PAGE, verify_file], request_max_body_size=settings.max_photo_bytes)
