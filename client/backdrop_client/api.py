"""The routes of Backdrop, each a flow. `backdrop_client.client` and `backdrop_client.async_client` run them."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backdrop_client import downloading
from backdrop_client.cutouts import Cutout, CutoutPage
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
    JobFailed,
    JobPage,
    JobStatus,
    Key,
    KeyItems,
    NewKey,
    Plan,
    Render,
    RenderPage,
    StoredPhoto,
    Upload,
    WebhookSettings,
    decoded,
)
from backdrop_client.retries import Retries, exchange
from backdrop_client.spec import Spec
from backdrop_client.suffix import format_for
from backdrop_client.waiting import OnProgress, Streams, Wait

SWAP = "/v1/background-swap-with-spec"
CUTOUTS = "/v1/cutouts"
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

    def upload_url(self, url: str) -> Flow[str]:
        """Have the server fetch a photo, and return the key that names it."""
        # The server takes its time: 20 s by its default.
        call = Call("POST", "/v1/uploads", headers=_JSON, content=_json({"url": url}), patience=30.0)
        return decoded((yield from exchange(call, self._retries)), StoredPhoto).key

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
        headers = {**call.headers, "Idempotency-Key": _once(idempotency_key)}
        if wait:
            headers["Prefer"] = f"wait={wait}, return=representation"
        query = call.query if reference is None else {**call.query, "reference": reference}
        call = replace(call, query=query, headers=headers, patience=float(wait or 0))
        answer = yield from exchange(call, self._retries)
        job = decoded(answer, Job) if "content-location" in answer.headers else None
        warned = tuple(answer.headers.get("backdrop-warnings", "").replace(",", " ").split())
        replayed = "idempotent-replayed" in answer.headers
        return replace(decoded(answer, Accepted), job=job, replayed=replayed, warnings=warned)

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

    def delete_render(self, render: Render | str) -> Flow[None]:
        """Delete a render."""
        public_id = render if isinstance(render, str) else render.public_id
        yield from exchange(Call("DELETE", f"/v1/renders/{_quoted(public_id)}"), self._retries)

    def delete_photo(self, source_key: str) -> Flow[None]:
        """Delete a photo."""
        yield from exchange(Call("DELETE", f"/v1/uploads/{_quoted(source_key)}"), self._retries)

    def download(self, render: Render | str, path: str | Path) -> Flow[Path]:
        """Write a render's bytes to a file."""
        if isinstance(render, str):
            render = yield from self.render(render)
        format_for(path, render.format)
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
        spec = replace(spec, format=format_for(output, spec.format))
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

    def cutout(
        self,
        *,
        source_key: str | None,
        source_render: str | None,
        subject: Sequence[float] | None,
        idempotency_key: str | None,
        reference: str | None,
        on_progress: OnProgress | None,
        timeout: float | None,
    ) -> Flow[Cutout]:
        """Have a photo cut out, and wait."""
        body: dict[str, Any] = {"source_image_s3_key": source_key, "source_render_public_id": source_render}
        body["subject"] = None if subject is None else list(subject)
        headers = {**_JSON, "Idempotency-Key": _once(idempotency_key)}
        query = {} if reference is None else {"reference": reference}
        content = _json({name: value for name, value in body.items() if value is not None})
        call = Call("POST", CUTOUTS, query=query, headers=headers, content=content)
        accepted = decoded((yield from exchange(call, self._retries)), Accepted)
        job = yield from self.wait(accepted, on_progress=on_progress, timeout=timeout)
        if job.status == "FAILURE":
            raise JobFailed(job)
        return (yield from self.cutout_by_id(job.job_id))

    def cutout_by_id(self, public_id: str) -> Flow[Cutout]:
        """Look at a cut-out."""
        return (yield from self._get(f"{CUTOUTS}/{_quoted(public_id)}", Cutout))

    def cutouts(self, *, reference: str | None, cursor: str | None) -> Flow[CutoutPage]:
        """Return a page of cut-outs."""
        return (yield from self._get(CUTOUTS, CutoutPage, reference=reference, cursor=cursor, limit=_PAGE))

    def mend(self, cutout: Cutout | str, mask: Photo | None, keep: Sequence[int] | None) -> Flow[Cutout]:
        """Give a photo a mask, or choose among its subjects."""
        if (mask is None) == (keep is None):
            raise ValueError("Give a mask, or the subjects to keep: one of the two.")
        if mask is None:
            call = Call("PUT", _of(cutout, "subjects"), headers=_JSON, content=_json({"keep": list(keep or ())}))
        else:
            data: bytes = yield Work(partial(read_photo, mask))
            call = Call("PUT", _of(cutout, "mask"), headers={"Content-Type": "image/png"}, content=data)
        return decoded((yield from exchange(call, self._retries)), Cutout)

    def reset(self, cutout: Cutout | str) -> Flow[Cutout]:
        """Give a photo the networks' mask again."""
        return decoded((yield from exchange(Call("DELETE", _of(cutout, "mask")), self._retries)), Cutout)

    def download_mask(self, cutout: Cutout | str, path: Path, *, preview: bool) -> Flow[Path]:
        """Write the mask that a photo has now, or its preview, to a file."""
        format_for(path, "png")
        now = yield from self.cutout_by_id(_public_id(cutout))
        url = now.preview_url if preview else now.mask_url
        if url is None:
            raise ValueError(f"The cut-out {now.public_id} has no mask: it is {now.status}.")
        picture = yield from exchange(Call("GET", url, with_key=False), self._retries)
        yield Work(partial(path.parent.mkdir, parents=True, exist_ok=True))
        yield Work(partial(path.write_bytes, picture.content))
        return path

    def credits(self, *, cursor: str | None = None) -> Flow[Credits]:
        """Return the balance and a page of entries: the latest, or those after a cursor."""
        return (yield from self._get("/v1/credits", Credits, cursor=cursor, limit=_PAGE))

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

    def keys(self) -> Flow[list[Key]]:
        """Return all keys."""
        return (yield from self._get("/v1/keys", KeyItems)).items

    def add_key(self, name: str | None) -> Flow[NewKey]:
        """Make a key."""
        call = Call("POST", "/v1/keys", headers=_JSON, content=_json({} if name is None else {"name": name}))
        return decoded((yield from exchange(call, self._retries)), NewKey)

    def delete_key(self, key: Key | NewKey | str) -> Flow[None]:
        """Delete a key."""
        key_id = key if isinstance(key, str) else key.id
        yield from exchange(Call("DELETE", f"/v1/keys/{_quoted(key_id)}"), self._retries)

    def webhook(self) -> Flow[WebhookSettings]:
        """Look at the webhook."""
        return (yield from self._get("/v1/webhook", WebhookSettings))

    def set_webhook(self, url: str) -> Flow[WebhookSettings]:
        """Set the webhook."""
        call = Call("PUT", "/v1/webhook", headers=_JSON, content=_json({"url": url}))
        return decoded((yield from exchange(call, self._retries)), WebhookSettings)

    def rotate_webhook_secret(self, grace_hours: float) -> Flow[WebhookSettings]:
        """Replace the webhook's secret."""
        headers = {**_JSON, "Idempotency-Key": _once(None)}  # of a repeat as well: it gets the same secret
        call = Call("POST", "/v1/webhook/secret", headers=headers, content=_json({"grace_hours": grace_hours}))
        return decoded((yield from exchange(call, self._retries)), WebhookSettings)

    def delete_webhook(self) -> Flow[None]:
        """Delete the webhook."""
        yield from exchange(Call("DELETE", "/v1/webhook"), self._retries)

    def _get(self, path: str, kind: type[T], **query: str | int | None) -> Flow[T]:
        given = {name: value for name, value in query.items() if value is not None}
        return decoded((yield from exchange(Call("GET", path, query=given), self._retries)), kind)


def _swap_call(spec: Spec, source_key: str | None, source_render: str | None, preview: bool) -> Call:
    body = spec.body(source_key=source_key, source_render=source_render)
    query = spec.query() | ({"preview": "true"} if preview else {})
    return Call("POST", SWAP, query=query, headers=_JSON, content=_json(body))


def _public_id(cutout: Cutout | str) -> str:
    return cutout if isinstance(cutout, str) else cutout.public_id


def _of(cutout: Cutout | str, what: str) -> str:
    return f"{CUTOUTS}/{_quoted(_public_id(cutout))}/{what}"


def _if(flag: bool) -> str | None:
    return "true" if flag else None


def _once(idempotency_key: str | None) -> str:
    # An empty one is sent, and the API refuses it: a key made up here would charge each try.
    return str(uuid.uuid4()) if idempotency_key is None else idempotency_key


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def _quoted(name: str) -> str:
    return quote(name, safe="")
