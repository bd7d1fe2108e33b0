"""Serialization of plans, jobs, renders and brands for the API's answers, with download URLs."""

from collections.abc import Sequence
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import State

from pipeline.core.order import RECORDS
from pipeline.delivery.acceptance import limits_of
from pipeline.placement.place import Place
from pipeline.report import SceneReport
from pipeline.scene.surfaces import PaintedSurface
from service.accounts.brands import Brand
from service.catalogue.catalogue import preset_json
from service.jobs.intake import JobRequest
from service.jobs.plan import Plan
from service.jobs.records import Job, Render
from service.jobs.states import JobState
from service.schemas.catalogue_views import PlannedPlace, Preset
from service.schemas.problems import AnyRequest, problem
from service.schemas.responses import (
    BrandView,
    JobError,
    JobEvent,
    JobRequestView,
    JobView,
    PlannedAcceptance,
    PlannedSurface,
    PlanWarning,
    RenderView,
    SourceView,
    SwapPlan,
)
from service.storage.objects import Bucket, content_type_of


def base_url(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Return the URL at which callers reach the API.

    Raises the problem 421 for a Host header that does not name the API: links would lead to a foreign host.
    """
    state = request.app.state
    if state.public_url:
        return str(state.public_url)
    try:
        named, url = request.base_url.hostname, str(request.base_url)
    except ValueError:  # such as a port that is not a number
        named = url = None
    reached, _ = request.scope.get("server") or ("", None)
    # An IPv6 socket reports an IPv4 address with the prefix ::ffff:.
    known = named == reached.removeprefix("::ffff:").lower()
    if url is None or not (state.link_hosts is None or known or named in state.link_hosts):
        raise problem(
            421,
            "host_not_trusted",
            "The request's Host header does not name this API, so the answer can't contain links. Use the API's own"
            " address, or ask its operator to trust this one.",
        )
    return url


def serialize_render(request: AnyRequest, state: State, render: Render) -> RenderView:
    """Return a render for an answer, with a new download URL."""
    objects: Bucket = state.renders
    signed = objects.download_url(render.key, render.content_type, base_url(request))
    kept = {name: getattr(render, name) for name in RenderView.model_fields if hasattr(render, name)}
    kept["metadata"] = render.metadata or {}
    return RenderView(**kept, url=signed.url, url_expires_at=signed.expires_at)


def serialize_job(request: AnyRequest, state: State, job: Job, render: Render | None) -> JobView:
    """Return a job for an answer, with its render if it has one."""
    error = JobError(code=job.error_code, message=job.error_message or "") if job.error_code else None
    kept = {name: getattr(job, name) for name in JobView.model_fields if hasattr(job, name)}
    kept["metadata"] = job.metadata or {}
    kept["warnings"] = [PlanWarning.model_validate(one) for one in job.warnings]
    shown = None if render is None else serialize_render(request, state, render)
    return JobView(**kept, job_id=job.id, error=error, render=shown)


def serialize_job_request(request: AnyRequest, state: State, asked: JobRequest) -> JobRequestView:
    """Return a job's request for an answer, with a new download URL of its photo."""
    source = None
    if asked.source_key is not None:
        objects: Bucket = state.sources
        content_type = content_type_of(asked.source_key)
        signed = objects.download_url(asked.source_key, content_type, base_url(request))
        source = SourceView(url=signed.url, url_expires_at=signed.expires_at, content_type=content_type)
    order = asked.order
    return JobRequestView(
        request=asked.body,
        seed=order and order.seed,
        source=source,
        preview=order is not None and order.preview,
        subject=list(asked.subject) if asked.subject else None,
        **({} if order is None else {name: vars(getattr(order, name)) for name in RECORDS}),
    )


def serialize_event(state: JobState) -> JobEvent:
    """Return a job's state as the data of an event."""
    error = JobError(code=state.error_code, message=state.error_message or "") if state.error_code else None
    kept = {name: getattr(state, name) for name in JobEvent.model_fields if hasattr(state, name)}
    return JobEvent(**kept, error=error)


def serialize_plan(
    plan: Plan, place: Place | None, scene: SceneReport | None, surfaces: Sequence[PaintedSurface]
) -> SwapPlan:
    """Return a plan for an answer: the submit's effect, the product's place if known, the scene and its colours."""
    resolved, order = plan.resolved, plan.resolved.order
    limits = limits_of(order.acceptance.accept)
    held = limits and limits.model_dump(mode="json", exclude={"set"}, exclude_none=True)
    return SwapPlan(
        credits_cost=resolved.credits_cost,
        balance=plan.balance,
        affordable=plan.affordable,
        request=resolved.request,
        options=plan.options,
        subject=list(order.subject) if order.subject else None,
        reference=order.reference,
        metadata=dict(order.metadata),
        seed=order.seed,
        preview=order.preview,
        brand=resolved.brand.name if resolved.brand else None,
        preset=Preset.model_validate(preset_json(resolved.preset)),
        warnings=[PlanWarning(code=caution.code, message=caution.message) for caution in plan.cautions],
        acceptance=PlannedAcceptance(set=limits.set, limits=held) if limits and held else None,
        place=PlannedPlace(box=list(place.shares), anchor=place.anchor, edges=list(place.edges)) if place else None,
        scene=scene,
        surfaces=[
            PlannedSurface(name=one.name, title=one.title, color=one.colour, asked=one.asked, share=one.share)
            for one in surfaces
        ],
    )


def serialize_brand(brand: Brand) -> BrandView:
    """Return a brand for an answer."""
    return BrandView.model_validate(vars(brand))
