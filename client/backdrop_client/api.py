"""The routes of Backdrop, each a flow. `backdrop_client.client` and `backdrop_client.async_client` run them."""

import json
import uuid
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backdrop_client import downloading
from backdrop_client.errors import Conflict
from backdrop_client.flow import Call, Flow, T, Work
from backdrop_client.photo import Photo, content_type, read_photo
from backdrop_client.results import (
    Accepted,
    Brand,
    BrandItems,
    CatalogueItem,
    Credits,
    Items,
    Job,
    JobPage,
    JobStatus,
    Plan,
    Render,
    RenderPage,
    Upload,
    decoded,
)
from backdrop_client.retries import Retries, exchange
from backdrop_client.spec import Spec
from backdrop_client.waiting import OnProgress, Streams, Wait

SWAP = "/v1/background-swap-with-spec"
_JSON = {"Content-Type": "application/json"}
#: Jobs or renders that one page brings.
_PAGE = 100


class Api:
    """What can be asked of a server. Lives as long as its client; flows of one may run side by side."""

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._streams = Streams()

    def upload(self, photo: Photo) -> Flow[str]:
        """Send a photo's bytes and return the key that names it."""
        data: bytes = yield Work(partial(read_photo, photo))
        reserve = Call("POST", "/v1/uploads", headers=_JSON, content=_json({"content_type": content_type(data)}))
        reserved = decoded((yield from exchange(reserve, self._retries)), Upload)
        put = Call(reserved.method, reserved.url, headers=reserved.headers, content=data, with_key=False)
        yield from exchange(put, self._retries)
        return reserved.key

    def swap(
        self,
        spec: Spec,
        *,
        source_key: str | None,
        source_render: str | None,
        idempotency_key: str | None,
        wait: int | None,
        reference: str | None,
        preview: bool,
    ) -> Flow[Accepted]:
        """Submit a swap, and charge it once however often the request has to be sent."""
        call = _swap_call(spec, source_key, source_render, preview)
        headers = {**call.headers, "Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        if wait:
            headers["Prefer"] = f"wait={wait}, return=representation"
        query = call.query if reference is None else {**call.query, "reference": reference}
        call = replace(call, query=query, headers=headers, patience=float(wait or 0))
        answer = yield from exchange(call, self._retries)
        job = decoded(answer, Job) if "content-location" in answer.headers else None
        return replace(decoded(answer, Accepted), job=job, replayed="idempotent-replayed" in answer.headers)

    def plan(self, spec: Spec, *, source_key: str | None, source_render: str | None, preview: bool) -> Flow[Plan]:
        """Ask what a swap would be and cost."""
        call = _swap_call(spec, source_key, source_render, preview)
        call = replace(call, query={**call.query, "dry_run": "true"})
        return decoded((yield from exchange(call, self._retries)), Plan)

    def job(self, job_id: str) -> Flow[Job]:
        """Look at a job."""
        return (yield from self._get(f"/v1/jobs/{_quoted(job_id)}", Job))

    def wait(self, job: Accepted | Job | str, *, on_progress: OnProgress | None, timeout: float | None) -> Flow[Job]:
        """Wait until a job is over."""
        job_id = job if isinstance(job, str) else job.job_id
        look = partial(self.job, job_id)
        return (yield from Wait(_quoted(job_id), look, self._streams, on_progress, timeout)())

    def cancel(self, job: Accepted | Job | str) -> Flow[Job]:
        """Cancel a job; one that is cancelled already is returned as it is."""
        job_id = job if isinstance(job, str) else job.job_id
        try:
            answer = yield from exchange(Call("DELETE", f"/v1/jobs/{_quoted(job_id)}"), self._retries)
        except Conflict as error:
            # The answer to a first try may have been lost.
            found = yield from self.job(job_id)
            if found.error is not None and found.error.code == "cancelled":
                return found
            raise error
        return decoded(answer, Job)

    def jobs(
        self, *, status: JobStatus | None, reference: str | None, preview: bool, cursor: str | None
    ) -> Flow[JobPage]:
        """Return a page of jobs."""
        asked = {"status": status, "reference": reference, "preview": _if(preview), "cursor": cursor}
        return (yield from self._get("/v1/jobs", JobPage, **asked, limit=_PAGE))

    def renders(
        self, *, preset: str | None, reference: str | None, preview: bool, cursor: str | None
    ) -> Flow[RenderPage]:
        """Return a page of renders."""
        asked = {"output_preset": preset, "reference": reference, "preview": _if(preview), "cursor": cursor}
        return (yield from self._get("/v1/renders", RenderPage, **asked, limit=_PAGE))

    def render(self, public_id: str) -> Flow[Render]:
        """Look at a render."""
        return (yield from self._get(f"/v1/renders/{_quoted(public_id)}", Render))

    def download(self, render: Render | str, path: str | Path) -> Flow[Path]:
        """Write a render's bytes to a file."""
        if isinstance(render, str):
            render = yield from self.render(render)
        return (yield from downloading.download(render, Path(path), again=self.render, retries=self._retries))

    def swap_file(
        self,
        photo: Photo,
        output: str | Path,
        spec: Spec,
        *,
        idempotency_key: str | None,
        reference: str | None,
        preview: bool,
        on_progress: OnProgress | None,
        timeout: float | None,
    ) -> Flow[Render]:
        """Upload, submit, wait and download."""
        source_key = yield from self.upload(photo)
        accepted = yield from self.swap(
            spec,
            source_key=source_key,
            source_render=None,
            idempotency_key=idempotency_key,
            wait=None,
            reference=reference,
            preview=preview,
        )
        job = yield from self.wait(accepted, on_progress=on_progress, timeout=timeout)
        render = job.expect_render()
        yield from self.download(render, output)
        return render

    def credits(self) -> Flow[Credits]:
        """Return the balance and the latest entries."""
        return (yield from self._get("/v1/credits", Credits))

    def catalogue(self, name: str) -> Flow[list[CatalogueItem]]:
        """Return a catalogue: "scene-types", "moods" or "output-presets"."""
        return (yield from self._get(f"/v1/{name}", Items)).typed()

    def brands(self) -> Flow[list[Brand]]:
        """Return all brands."""
        return (yield from self._get("/v1/brands", BrandItems)).items

    def brand(self, name: str) -> Flow[Brand]:
        """Look at a brand."""
        return (yield from self._get(f"/v1/brands/{_quoted(name)}", Brand))

    def save_brand(self, brand: Brand) -> Flow[Brand]:
        """Make a brand, or put it in the place of the one of its name."""
        body: dict[str, Any] = {
            "palette": list(brand.palette),
            "style_words": list(brand.style_words),
            "seed_policy": brand.seed_policy,
            "default_preset": brand.default_preset,
        }
        if brand.seed is not None:
            body["seed"] = brand.seed
        call = Call("PUT", f"/v1/brands/{_quoted(brand.name)}", headers=_JSON, content=_json(body))
        return decoded((yield from exchange(call, self._retries)), Brand)

    def _get(self, path: str, kind: type[T], **query: str | int | None) -> Flow[T]:
        given = {name: value for name, value in query.items() if value is not None}
        return decoded((yield from exchange(Call("GET", path, query=given), self._retries)), kind)


def _swap_call(spec: Spec, source_key: str | None, source_render: str | None, preview: bool) -> Call:
    body = spec.body(source_key=source_key, source_render=source_render)
    query = spec.query() | ({"preview": "true"} if preview else {})
    return Call("POST", SWAP, query=query, headers=_JSON, content=_json(body))


def _if(flag: bool) -> str | None:
    return "true" if flag else None


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _quoted(name: str) -> str:
    return quote(name, safe="")
