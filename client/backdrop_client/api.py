"""The methods of both clients, each a flow of requests. `backdrop_client.client` runs them, blocking or awaited."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from backdrop_client import downloading
from backdrop_client.errors import Conflict
from backdrop_client.flow import JSON, Call, Flow, Work, in_json, once, quoted, sent
from backdrop_client.orders import OrderCalls, downloaded_zip
from backdrop_client.photo import Photo, content_type, format_for, read_photo
from backdrop_client.results import (
    Accepted,
    Brand,
    CatalogueItem,
    CreditEntry,
    Credits,
    Cutout,
    Delivery,
    Items,
    Job,
    JobFailed,
    JobStatus,
    Key,
    NewKey,
    Page,
    Pages,
    Plan,
    Render,
    StoredPhoto,
    Upload,
    WebhookSettings,
    decoded,
)
from backdrop_client.retries import Retries, exchange
from backdrop_client.spec import Spec
from backdrop_client.waiting import OnProgress, Streams, Wait

SWAP = "/v1/background-swap-with-spec"
CUTOUTS = "/v1/cutouts"
_DELIVERIES = "/v1/webhook/deliveries"


class Api(OrderCalls):
    """The calls to a server. Lives as long as its client. Its flows may run concurrently.

    Both clients have each public method with its docstring. Methods with `iter_` yield the items of all pages.
    """

    def __init__(self, retries: Retries) -> None:
        self._retries = retries
        self._streams = Streams()

    def upload(self, photo: Photo) -> Flow[str]:
        """Upload a photo, or a PNG or SVG logo, and return its key. Raises PhotoUnknown and OSError."""
        data: bytes = yield Work(partial(read_photo, photo))
        if data.lstrip().startswith(b"<") and b"<svg" in data[:4096]:  # the server checks a logo before it stores it
            logo = Call("POST", "/v1/uploads", headers={"Content-Type": "image/svg+xml"}, content=data)
            return decoded((yield from exchange(logo, self._retries)), StoredPhoto).key
        reserve = Call("POST", "/v1/uploads", headers=JSON, content=in_json({"content_type": content_type(data)}))
        reserved = decoded((yield from exchange(reserve, self._retries)), Upload)
        put = Call(reserved.method, reserved.url, headers=reserved.headers, content=data, with_key=False)
        yield from exchange(put, self._retries)
        return reserved.key

    def _uploaded(self, spec: Spec) -> Flow[Spec]:
        """Return the spec with the key of its background's picture in place of a file."""
        picture = spec.background_image
        if not picture or (isinstance(picture, str) and picture.startswith("uploads/")):
            return spec
        return replace(spec, background_image=(yield from self.upload(picture)))

    def upload_url(self, url: str) -> Flow[str]:
        """Let the server fetch a photo from a public URL, and return the photo's key.

        Raises Invalid if there is no photo at the URL, and TooLarge.
        """
        # The server's fetch takes up to 20 s by default.
        call = Call("POST", "/v1/uploads", headers=JSON, content=in_json({"url": url}), patience=30.0)
        return decoded((yield from exchange(call, self._retries)), StoredPhoto).key

    def swap(
        self,
        spec: Spec,
        *,
        source_key: str | None = None,
        source_render: str | None = None,
        idempotency_key: str | None = None,
        wait: int | None = None,
        reference: str | None = None,
        preview: bool = False,
    ) -> Flow[Accepted]:
        """Submit a swap of an uploaded photo, or of the photo of an earlier render. It is charged once.

        `idempotency_key`: a later call with the same key, also from another process, gets the first answer. By default
        each call has its own key. `wait`: seconds that the server may wait for the job's end before it answers. Then
        the answer's `job` is set, with its render if the job has succeeded. `reference`: your own id, 1 to 200
        characters. `preview`: a free, small picture with a watermark. A swap with the seed of its job repeats it. A
        background that is a file of yours is uploaded first.
        """
        spec = yield from self._uploaded(spec)
        call = _swap_call(spec, source_key, source_render, preview)
        headers = {**call.headers, "Idempotency-Key": once(idempotency_key)}
        if wait:
            headers["Prefer"] = f"wait={wait}, return=representation"
        query = call.query if reference is None else {**call.query, "reference": reference}
        call = replace(call, query=query, headers=headers, patience=float(wait or 0))
        answer = yield from exchange(call, self._retries)
        job = decoded(answer, Job) if "content-location" in answer.headers else None
        warned = tuple(answer.headers.get("backdrop-warnings", "").replace(",", " ").split())
        replayed = "idempotent-replayed" in answer.headers
        return replace(decoded(answer, Accepted), job=job, replayed=replayed, warnings=warned)

    def plan(
        self, spec: Spec, *, source_key: str | None = None, source_render: str | None = None, preview: bool = False
    ) -> Flow[Plan]:
        """Return the cost, settings and warnings of a swap without running it. Charges nothing. Raises Invalid.

        A background that is a file of yours is uploaded first.
        """
        spec = yield from self._uploaded(spec)
        call = _swap_call(spec, source_key, source_render, preview)
        call = replace(call, query={**call.query, "dry_run": "true"})
        return decoded((yield from exchange(call, self._retries)), Plan)

    def job(self, job_id: str) -> Flow[Job]:
        """Return a job with its status, progress and result."""
        return (yield from self._get(f"/v1/jobs/{quoted(job_id)}", Job))

    def wait(
        self, job: Accepted | Job | str, *, on_progress: OnProgress | None = None, timeout: float | None = None
    ) -> Flow[Job]:
        """Return a job once it has ended. Its `expect_render()` returns the render or raises JobFailed.

        `on_progress` is called with each change. Raises WaitTimeout. Without a `timeout`, the server's own time limits
        end the job.
        """
        job_id = job if isinstance(job, str) else job.job_id
        look = partial(self.job, job_id)
        return (yield from Wait(quoted(job_id), look, self._streams, on_progress, timeout)())

    def cancel(self, job: Accepted | Job | str) -> Flow[Job]:
        """Cancel an unfinished job. Its credits are refunded. Raises Conflict if the job has ended."""
        job_id = job if isinstance(job, str) else job.job_id
        try:
            answer = yield from exchange(Call("DELETE", f"/v1/jobs/{quoted(job_id)}"), self._retries)
        except Conflict as error:
            # The answer to an earlier try may have been lost.
            found = yield from self.job(job_id)
            if found.error is not None and found.error.code == "cancelled":
                return found
            raise error
        return decoded(answer, Job)

    def iter_jobs(
        self,
        *,
        status: JobStatus | Sequence[JobStatus] | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        scene: str | None = None,
        preset: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        preview: bool = False,
    ) -> Pages[Job]:
        """Yield your jobs, newest first, one page at a time. `preview`: only previews, which are left out otherwise.

        All given filters must fit. `status`: one, or several of which any may fit. `metadata`: pairs that the job has.
        `created_after`: this time or later. Times need a zone.
        """
        asked: dict[str, Any] = {"status": status, "reference": reference, "metadata": metadata, "preview": preview}
        asked |= {"created_after": created_after, "created_before": created_before}
        return self._pages("/v1/jobs", Page[Job], **asked, scene_type=scene, output_preset=preset)

    def iter_renders(
        self,
        *,
        preset: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        scene: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        preview: bool = False,
        looks_right: bool | None = None,
    ) -> Pages[Render]:
        """Yield your renders, newest first, one page at a time, with the filters of `iter_jobs`.

        `looks_right`: only those whose `review` says so.
        """
        asked: dict[str, Any] = {"reference": reference, "metadata": metadata, "preview": preview}
        asked |= {"created_after": created_after, "created_before": created_before}
        asked["looks_right"] = None if looks_right is None else str(looks_right).lower()
        return self._pages("/v1/renders", Page[Render], **asked, scene_type=scene, output_preset=preset)

    def render(self, public_id: str) -> Flow[Render]:
        """Return a render with its measurements and a fresh download URL."""
        return (yield from self._get(f"/v1/renders/{quoted(public_id)}", Render))

    def review(self, render: Render | str, *, looks_right: bool | None) -> Flow[Render]:
        """Say whether a render looks right, given itself or its public id; None takes it back. Raises NotFound."""
        public_id = render if isinstance(render, str) else render.public_id
        content = in_json({"looks_right": looks_right})
        call = Call("PUT", f"/v1/renders/{quoted(public_id)}/review", headers=JSON, content=content)
        return decoded((yield from exchange(call, self._retries)), Render)

    def delete_render(self, render: Render | str) -> Flow[None]:
        """Delete a render, given itself or its public id, with picture and report. Raises NotFound."""
        public_id = render if isinstance(render, str) else render.public_id
        yield from exchange(Call("DELETE", f"/v1/renders/{quoted(public_id)}"), self._retries)

    def delete_photo(self, source_key: str) -> Flow[None]:
        """Delete an uploaded photo and its cut-outs. Its unfinished jobs fail and are refunded.

        Its renders stay. Raises NotFound.
        """
        yield from exchange(Call("DELETE", f"/v1/uploads/{quoted(source_key)}"), self._retries)

    def download(self, render: Render | str, path: str | Path) -> Flow[Path]:
        """Write a render, given itself or its public id, to `path`: complete and checked, or not at all.

        Raises DownloadCorrupt, OSError, and SuffixInvalid if the suffix of `path` belongs to another format.
        """
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
        idempotency_key: str | None = None,
        reference: str | None = None,
        preview: bool = False,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> Flow[Render]:
        """Upload a photo, swap its background, wait, and write the picture to `output`.

        The suffix of `output` sets the format (.jpg, .jpeg, .png, .webp, .avif). Without a suffix, the spec or the
        preset sets it. Raises JobFailed, WaitTimeout, DownloadCorrupt, PhotoUnknown, SuffixInvalid and OSError.
        """
        spec = replace(spec, format=format_for(output, spec.format))
        source_key = yield from self.upload(photo)
        accepted = yield from self.swap(
            spec, source_key=source_key, idempotency_key=idempotency_key, reference=reference, preview=preview
        )
        job = yield from self.wait(accepted, on_progress=on_progress, timeout=timeout)
        render = job.expect_render()
        yield from self.download(render, output)
        return render

    def cutout(
        self,
        *,
        source_key: str | None = None,
        source_render: str | None = None,
        subject: Sequence[float] | None = None,
        idempotency_key: str | None = None,
        reference: str | None = None,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> Flow[Cutout]:
        """Cut out an uploaded photo, or the photo of an earlier render, wait, and return the cut-out. This is free.

        `subject`: a place on the product, as in `Spec.subject`. Later swaps of the photo use this product, too. Raises
        JobFailed and WaitTimeout.
        """
        body: dict[str, Any] = {"source_image_s3_key": source_key, "source_render_public_id": source_render}
        body["subject"] = None if subject is None else list(subject)
        headers = {**JSON, "Idempotency-Key": once(idempotency_key)}
        query = {} if reference is None else {"reference": reference}
        content = in_json({name: value for name, value in body.items() if value is not None})
        call = Call("POST", CUTOUTS, query=query, headers=headers, content=content)
        accepted = decoded((yield from exchange(call, self._retries)), Accepted)
        job = yield from self.wait(accepted, on_progress=on_progress, timeout=timeout)
        if job.status == "FAILURE":
            raise JobFailed(job)
        return (yield from self.cutout_by_id(job.job_id))

    def cutout_by_id(self, public_id: str) -> Flow[Cutout]:
        """Return the current state of a cut-out, with fresh URLs."""
        return (yield from self._get(f"{CUTOUTS}/{quoted(public_id)}", Cutout))

    def iter_cutouts(self, *, reference: str | None = None) -> Pages[Cutout]:
        """Yield your cut-outs, newest first, one page at a time."""
        return self._pages(CUTOUTS, Page[Cutout], reference=reference)

    def mend(
        self, cutout: Cutout | str, mask: Photo | None = None, *, keep: Sequence[int] | None = None
    ) -> Flow[Cutout]:
        """Replace a photo's mask, or keep only some of its subjects. Applies to later swaps of the same photo bytes.

        `mask`: a PNG with one 8-bit channel at the photo's size, white for the product. It can be a path, bytes, or a
        file opened for reading. `keep`: ids of subjects. Raises Invalid, Conflict and OSError. The codes in Invalid's
        `fields` name each error.
        """
        if (mask is None) == (keep is None):
            raise ValueError("Give either mask or keep.")
        if mask is None:
            call = Call("PUT", _of(cutout, "subjects"), headers=JSON, content=in_json({"keep": list(keep or ())}))
        else:
            data: bytes = yield Work(partial(read_photo, mask))
            call = Call("PUT", _of(cutout, "mask"), headers={"Content-Type": "image/png"}, content=data)
        return decoded((yield from exchange(call, self._retries)), Cutout)

    def answer(self, cutout: Cutout | str, *, keep: Sequence[int] = (), drop: Sequence[int] = ()) -> Flow[Cutout]:
        """Keep and drop doubtful pieces of a cut-out, by id. Applies to later swaps of the same photo bytes.

        The call replaces all earlier answers: without ids it undoes them. Raises Invalid and Conflict.
        """
        said = {"keep": list(keep), "drop": list(drop)}
        call = Call("PUT", _of(cutout, "pieces"), headers=JSON, content=in_json(said))
        return decoded((yield from exchange(call, self._retries)), Cutout)

    def reset(self, cutout: Cutout | str) -> Flow[Cutout]:
        """Restore the networks' mask of a photo. Raises Conflict."""
        return decoded((yield from exchange(Call("DELETE", _of(cutout, "mask")), self._retries)), Cutout)

    def download_mask(
        self, cutout: Cutout | str, path: str | Path, *, preview: bool = False, pieces: bool = False
    ) -> Flow[Path]:
        """Write a photo's current mask to a PNG, or its preview on a transparent background, or its doubtful pieces.

        Raises OSError, ValueError if there is none, and SuffixInvalid for another suffix than .png.
        """
        path = Path(path)
        format_for(path, "png")
        now = yield from self.cutout_by_id(_public_id(cutout))
        url = now.pieces_mask_url if pieces else now.preview_url if preview else now.mask_url
        if url is None:
            raise ValueError(f"The cut-out {now.public_id} has no such picture. Its status is {now.status}.")
        picture = yield from exchange(Call("GET", url, with_key=False), self._retries)
        yield Work(partial(path.parent.mkdir, parents=True, exist_ok=True))
        yield Work(partial(path.write_bytes, picture.content))
        return path

    def credits(self) -> Flow[Credits]:
        """Return your balance and the latest entries of your ledger."""
        return (yield from self._get("/v1/credits", Credits, limit=100))

    def iter_credits(self, *, start: date | None = None, end: date | None = None) -> Pages[CreditEntry]:
        """Yield the entries of your ledger, newest first, one page at a time. `start`, `end`: as in `usage`."""
        span = {"from": sent(start), "to": sent(end)}

        def page(cursor: str | None) -> Flow[Page[CreditEntry]]:
            found = yield from self._get("/v1/credits", Credits, cursor=cursor, limit=100, **span)
            return Page(found.entries, found.next_cursor)

        return Pages(page)

    def usage(self, *, start: date | None = None, end: date | None = None, by: str = "day") -> Flow[dict[str, Any]]:
        """Return the answer of GET /v1/usage, from `start` to before `end`: dates in UTC, or times with a zone."""
        return (yield from self._get("/v1/usage", dict[str, Any], by=by, **{"from": sent(start), "to": sent(end)}))

    def scene_types(self) -> Flow[list[CatalogueItem]]:
        """Return the named scenes."""
        return self._catalogue("scene-types")

    def moods(self) -> Flow[list[CatalogueItem]]:
        """Return the named moods."""
        return self._catalogue("moods")

    def output_presets(self) -> Flow[list[CatalogueItem]]:
        """Return the output presets with their size, formats, credits and rules."""
        return self._catalogue("output-presets")

    def brands(self) -> Flow[list[Brand]]:
        """Return your brands."""
        return (yield from self._get("/v1/brands", Items[Brand])).items

    def brand(self, name: str) -> Flow[Brand]:
        """Return a brand. Raises NotFound."""
        return (yield from self._get(f"/v1/brands/{quoted(name)}", Brand))

    def save_brand(self, brand: Brand) -> Flow[Brand]:
        """Create a brand, or replace the whole brand of that name, and return it as the server stored it."""
        body: dict[str, Any] = {
            "palette": list(brand.palette),
            "style_words": list(brand.style_words),
            "seed_policy": brand.seed_policy,
            "default_preset": brand.default_preset,
        }
        if brand.options:  # an older server knows none
            body["options"] = brand.options
        if brand.seed is not None:
            body["seed"] = brand.seed
        call = Call("PUT", f"/v1/brands/{quoted(brand.name)}", headers=JSON, content=in_json(body))
        return decoded((yield from exchange(call, self._retries)), Brand)

    def keys(self) -> Flow[list[Key]]:
        """Return your valid keys, without their secret text."""
        return (yield from self._get("/v1/keys", Items[Key])).items

    def add_key(self, name: str | None = None) -> Flow[NewKey]:
        """Create another key and return it. Its text is shown only once. Raises Conflict if there are too many."""
        call = Call("POST", "/v1/keys", headers=JSON, content=in_json({} if name is None else {"name": name}))
        return decoded((yield from exchange(call, self._retries)), NewKey)

    def delete_key(self, key: Key | NewKey | str) -> Flow[None]:
        """Revoke a key. Raises NotFound, and Conflict for your last key without an expiry."""
        key_id = key if isinstance(key, str) else key.id
        yield from exchange(Call("DELETE", f"/v1/keys/{quoted(key_id)}"), self._retries)

    def webhook(self) -> Flow[WebhookSettings]:
        """Return your webhook. Raises NotFound if none is set."""
        return (yield from self._get("/v1/webhook", WebhookSettings))

    def set_webhook(self, url: str) -> Flow[WebhookSettings]:
        """Send a message to this URL when a job ends. The answer has `secret` if the URL is new. Raises Invalid."""
        call = Call("PUT", "/v1/webhook", headers=JSON, content=in_json({"url": url}))
        return decoded((yield from exchange(call, self._retries)), WebhookSettings)

    def rotate_webhook_secret(self, *, grace_hours: float = 24.0) -> Flow[WebhookSettings]:
        """Return your webhook with a new secret. The old one also signs for `grace_hours`. Raises NotFound."""
        headers = {**JSON, "Idempotency-Key": once(None)}  # the same for retries, so that they get the same secret
        call = Call("POST", "/v1/webhook/secret", headers=headers, content=in_json({"grace_hours": grace_hours}))
        return decoded((yield from exchange(call, self._retries)), WebhookSettings)

    def delete_webhook(self) -> Flow[None]:
        """Remove your webhook. Raises NotFound."""
        yield from exchange(Call("DELETE", "/v1/webhook"), self._retries)

    def webhook_test(self) -> Flow[Delivery]:
        """Send a message of the type "webhook.test" to your webhook. Raises NotFound if none is set.

        `delivery` shows the receiver's answer some seconds later.
        """
        return decoded((yield from exchange(Call("POST", "/v1/webhook/test"), self._retries)), Delivery)

    def delivery(self, delivery_id: str) -> Flow[Delivery]:
        """Return a message to your webhook, with its body. Raises NotFound."""
        return (yield from self._get(f"{_DELIVERIES}/{quoted(delivery_id)}", Delivery))

    def redeliver(self, delivery: Delivery | str) -> Flow[Delivery]:
        """Send a message again under the same id. Raises NotFound, and Conflict while an attempt is under way."""
        delivery_id = delivery if isinstance(delivery, str) else delivery.id
        call = Call("POST", f"{_DELIVERIES}/{quoted(delivery_id)}/redeliver")
        return decoded((yield from exchange(call, self._retries)), Delivery)

    def iter_deliveries(
        self,
        *,
        state: str | Sequence[str] | None = None,
        type: str | None = None,
        job_id: str | None = None,
        order_id: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
    ) -> Pages[Delivery]:
        """Yield the messages to your webhook, newest first, one page at a time, without their bodies.

        `state`: one, or several of which any may fit: "waiting", "delivered", "failed", "dropped".
        """
        asked: dict[str, Any] = {"status": state, "type": type, "job_id": job_id, "order_id": order_id}
        asked |= {"created_after": created_after, "created_before": created_before}
        return self._pages(_DELIVERIES, Page[Delivery], **asked)

    def export_data(self, path: str | Path) -> Flow[Path]:
        """Write all of your data to a ZIP: complete and checked, or not at all. Raises as `download_order` does."""
        return (yield from downloaded_zip(Call("GET", "/v1/data"), Path(path), self._retries))

    def delete_data(self, confirm: str) -> Flow[dict[str, Any]]:
        """Delete all of your data, and return the receipt. `confirm`: your client's name, or it raises Invalid."""
        call = Call("DELETE", "/v1/data", query={"confirm": confirm}, patience=30.0)
        return decoded((yield from exchange(call, self._retries)), dict[str, Any])

    def _catalogue(self, name: str) -> Flow[list[CatalogueItem]]:
        items = (yield from self._get(f"/v1/{name}", Items[dict[str, Any]])).items
        return [
            CatalogueItem(str(one["name"]), str(one.get("title", "")), str(one.get("description", "")), one)
            for one in items
        ]


def _swap_call(spec: Spec, source_key: str | None, source_render: str | None, preview: bool) -> Call:
    body = spec.body(source_key=source_key, source_render=source_render)
    query = spec.query() | ({"preview": "true"} if preview else {})
    return Call("POST", SWAP, query=query, headers=JSON, content=in_json(body))


def _public_id(cutout: Cutout | str) -> str:
    return cutout if isinstance(cutout, str) else cutout.public_id


def _of(cutout: Cutout | str, what: str) -> str:
    return f"{CUTOUTS}/{quoted(_public_id(cutout))}/{what}"
