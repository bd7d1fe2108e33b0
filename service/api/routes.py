"""The table of routes, and small handlers. The others are in `service.api.workflows`, `.photos`, `.lists`, `.files`."""

from typing import Any

from litestar import Router, delete, get

from service.api.account.brands import delete_brand, get_brand, list_brands, put_brand
from service.api.account.data import DATA
from service.api.account.deliveries import get_delivery, list_deliveries, redeliver, test_webhook
from service.api.account.keys import create_key, delete_key, list_keys
from service.api.account.webhook import delete_webhook, get_webhook, put_webhook, rotate_webhook_secret
from service.api.auth import asked_catalogue, authenticated, perhaps_known
from service.api.cutouts import CUTOUTS
from service.api.endpoint import JobId, endpoint
from service.api.events import follow_job
from service.api.lists import get_credits, get_usage, list_jobs, list_renders
from service.api.orders import ORDERS
from service.api.parts import Parts
from service.api.renders import delete_render, get_picture, get_render, get_render_thumbnail
from service.api.workflows import WORKFLOWS
from service.schemas import answers
from service.schemas.catalogue_views import MoodItems, PresetItems, SceneItems
from service.schemas.problems import AnyRequest, not_found
from service.schemas.responses import JobRequestView, JobView
from service.schemas.serialize import serialize_job, serialize_job_request


@endpoint(get, "/jobs/{job_id:str}", tag="jobs")
def get_job(request: AnyRequest, state: Parts, job_id: JobId) -> JobView:
    """Return a job's status, and its result on SUCCESS."""
    found = state.jobs.get(job_id, client_id=request.state.client.id)
    if found is None:
        raise not_found("job")
    return serialize_job(request, state, *found)


@endpoint(get, "/jobs/{job_id:str}/request", tag="jobs")
def get_job_request(request: AnyRequest, state: Parts, job_id: JobId) -> JobRequestView:
    """Return a job's request, and its photo as long as it is kept."""
    asked = state.intake.request_of(job_id, client_id=request.state.client.id)
    if asked is None:
        raise not_found("job")
    return serialize_job_request(request, state, asked)


@endpoint(delete, "/jobs/{job_id:str}", status_code=200, tag="jobs", responses={409: answers.JOB_FINISHED})
def cancel_job(request: AnyRequest, state: Parts, job_id: JobId) -> JobView:
    """Cancel an unfinished job: it ends as FAILURE with the error code `cancelled`, and its credits are refunded."""
    found = state.jobs.cancel(job_id, client_id=request.state.client.id)
    if found is None:
        raise not_found("job")
    return serialize_job(request, state, *found)


#: Answers of the lists. With a key they need the database.
_LISTED = {422: answers.INVALID, 503: answers.DATABASE_AWAY}


@get("/scene-types", tags=["catalogues"], sync_to_thread=False, responses=_LISTED)
def list_scene_types(state: Parts) -> SceneItems:
    """List the named scenes, with a key the client's own too. `scene_type` also takes free text."""
    return SceneItems.model_validate(_items(state, "scene_types"))


@get("/moods", tags=["catalogues"], sync_to_thread=False, responses=_LISTED)
def list_moods(state: Parts) -> MoodItems:
    """List the named moods, with a key the client's own too. `mood` also takes free text."""
    return MoodItems.model_validate(_items(state, "moods"))


@get("/output-presets", tags=["catalogues"], sync_to_thread=False, responses=_LISTED)
def list_output_presets(state: Parts) -> PresetItems:
    """List the output presets: places of publication with their size, formats, credits and rules.

    With a key, the list has the client's own presets too.
    """
    return PresetItems.model_validate(_items(state, "output_presets"))


def _items(state: Parts, key: str) -> dict[str, Any]:
    return {"items": asked_catalogue(state.catalogue).to_json()[key]}


#: All routes under /v1 that need a client's key.
PRIVATE = Router(
    "/v1",
    guards=[authenticated],
    route_handlers=[
        *CUTOUTS,
        *DATA,
        *ORDERS,
        *(WORKFLOWS, get_credits, get_usage),
        *(list_jobs, get_job, cancel_job, get_job_request, follow_job),
        *(list_renders, get_render, get_picture, get_render_thumbnail, delete_render),
        *(list_brands, get_brand, put_brand, delete_brand),
        *(list_keys, create_key, delete_key),
        *(get_webhook, put_webhook, rotate_webhook_secret, delete_webhook),
        *(test_webhook, list_deliveries, get_delivery, redeliver),
    ],
)
#: All routes under /v1 that need no key. With the key of a client with its own catalogue, they list that.
PUBLIC = Router("/v1", guards=[perhaps_known], route_handlers=[list_scene_types, list_moods, list_output_presets])
