"""The table of routes, and small handlers. The others are in `service.api.workflows`, `.photos`, `.lists`, `.files`."""

from importlib.util import find_spec
from typing import Any

from litestar import Response, Router, delete, get

from service.api import cutouts, events, files, lists, orders, photos, renders, workflows
from service.api.account import brands, data, keys, webhook
from service.api.admission import SHORT_RETRY_AFTER, rate_limited
from service.api.auth import asked_catalogue, authenticated, perhaps_known
from service.api.endpoint import JobId, endpoint
from service.api.pages import reference, studio, verify
from service.api.parts import Parts
from service.health.process import NEEDED
from service.schemas import answers
from service.schemas.catalogue_views import MoodItems, PresetItems, SceneItems
from service.schemas.problems import AnyRequest, not_found
from service.schemas.responses import Health, JobRequestView, JobView
from service.schemas.serialize import serialize_job, serialize_job_request
from service.settings import Settings


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


@get("/health/live", tags=["health"], sync_to_thread=False, responses={422: answers.INVALID})
def live() -> Health:
    """Return ok while the process answers."""
    return Health(status="ok")


@get(
    "/health/ready",
    tags=["health"],
    sync_to_thread=True,
    responses={422: answers.INVALID, 503: answers.documented(Health, description="The missing parts")},
)
def ready(state: Parts) -> Response[Health]:
    """Return whether the API can take requests: 503 names the missing parts if it can't.

    Without the store, the queue server or a usable worker it is "degraded", and answers all requests that need none of
    them. An API that is shutting down may take requests for some seconds more (`BACKDROP_SHUTDOWN_DELAY`).
    """
    found = state.installation.look().health(NEEDED["api"])
    if state.stopping:
        found |= {
            "status": "unavailable",
            "missing": [{"part": "api", "detail": "The API is shutting down."}, *found["missing"]],
        }
    health = Health.model_validate(found)
    if not health.missing:
        return Response(health)
    return Response(health, status_code=503, headers={"Retry-After": str(SHORT_RETRY_AFTER)})


def all_routes(settings: Settings) -> list[Any]:
    """Return the routes of an installation."""
    submits: list[Any] = [workflows.background_swap_with_spec, cutouts.create_cutout, orders.create_order]
    keyed: list[Any] = [
        *(cutouts.list_cutouts, cutouts.get_cutout, cutouts.put_cutout_mask),
        *(cutouts.put_cutout_subjects, cutouts.put_cutout_pieces),
        *(cutouts.reset_cutout, data.export_data, data.delete_data, data.list_data_deletions, data.get_data_deletion),
        *(orders.list_orders, orders.get_order, orders.cancel_order, orders.get_order_archive, orders.get_order_sheet),
        Router("/", guards=[rate_limited], route_handlers=submits),
        *(lists.get_credits, lists.get_usage, lists.list_jobs, get_job, cancel_job, get_job_request, events.follow_job),
        *(lists.list_renders, renders.get_render, renders.get_picture, renders.get_render_thumbnail),
        *(renders.put_render_review, renders.delete_render),
        *(brands.list_brands, brands.get_brand, brands.put_brand, brands.delete_brand),
        *(keys.list_keys, keys.create_key, keys.delete_key, webhook.get_webhook, webhook.put_webhook),
        *(webhook.rotate_webhook_secret, webhook.delete_webhook, webhook.test_webhook, webhook.list_deliveries),
        *(webhook.get_delivery, webhook.redeliver),
    ]
    # With the key of a client with its own catalogue, they list that.
    public = [list_scene_types, list_moods, list_output_presets]
    # An API without the extra `networks` lacks what the check needs.
    checks = settings.verify_page and find_spec("c2pa") and find_spec("numba")
    return [
        Router("/v1", guards=[authenticated], route_handlers=keyed),
        Router("/v1", guards=[perhaps_known], route_handlers=public),
        *(photos.photos_router(settings.max_photo_bytes), files.files_router(settings.max_photo_bytes)),
        *(reference.REFERENCE, studio.STUDIO, live, ready),
        *([verify.verify_router(settings)] if checks else []),
    ]
