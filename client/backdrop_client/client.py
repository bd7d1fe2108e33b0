"""The client that blocks."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from backdrop_client.api import Api
from backdrop_client.connection import Connection
from backdrop_client.cutouts import Cutout
from backdrop_client.photo import Photo
from backdrop_client.results import (
    Accepted,
    Brand,
    CatalogueItem,
    CreditEntry,
    Credits,
    Job,
    JobStatus,
    Key,
    NewKey,
    Plan,
    Render,
    WebhookSettings,
)
from backdrop_client.retries import DEFAULT, Retries
from backdrop_client.running import Runner
from backdrop_client.spec import Spec
from backdrop_client.waiting import OnProgress


class Backdrop:
    """A Backdrop server, as one of its clients sees it. Safe in threads; close it, or use it in a `with` block.

    Every method raises Refused where the server says no, Unreachable where it is away, and UnexpectedAnswer where it is
    none, after what can pass was waited for as `retries` says. Durations are seconds. `signing_secret`: the client's
    secret, which signs what changes something; needed where the operator requires it.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 30.0,
        retries: Retries = DEFAULT,
        signing_secret: str | None = None,
    ) -> None:
        self._run = Runner(Connection(url, key, timeout, signing_secret))
        self._api = Api(retries)

    def __enter__(self) -> Self:
        """Close it at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._run.http.close()

    def upload(self, photo: Photo) -> str:
        """Send a photo and return the key that names it. Raises PhotoUnknown and OSError."""
        return self._run(self._api.upload(photo))

    def upload_url(self, url: str) -> str:
        """Have the server fetch a photo from a URL that anyone can download, and return the key that names it.

        Raises Invalid where there is none, TooLarge.
        """
        return self._run(self._api.upload_url(url))

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
    ) -> Accepted:
        """Submit a swap of an uploaded photo, or of the photo behind an earlier render; it is charged once.

        `idempotency_key`: a later call with the same one, also of another process, gets the first one's answer; by
        default each call has its own. `wait`: seconds in which the server may wait for the job's end before it answers:
        `job` of the answer is the job then, with its render where it is over. `reference`: your own id for it, 1
        to 200 characters. `preview`: for nothing, small and under a watermark; the job's seed gives the same picture.
        """
        return self._run(
            self._api.swap(
                spec,
                source_key=source_key,
                source_render=source_render,
                idempotency_key=idempotency_key,
                wait=wait,
                reference=reference,
                preview=preview,
            )
        )

    def plan(
        self, spec: Spec, *, source_key: str | None = None, source_render: str | None = None, preview: bool = False
    ) -> Plan:
        """Return what a swap would be and cost, its doubts as warnings; nothing is charged. Raises Invalid."""
        return self._run(self._api.plan(spec, source_key=source_key, source_render=source_render, preview=preview))

    def job(self, job_id: str) -> Job:
        """Return where a job stands."""
        return self._run(self._api.job(job_id))

    def wait(
        self, job: Accepted | Job | str, *, on_progress: OnProgress | None = None, timeout: float | None = None
    ) -> Job:
        """Return a job when it is over, well or not: `expect_render()` of it gives the render or raises JobFailed.

        `on_progress` is called with each change. Raises WaitTimeout; without a `timeout` the server's own limits end
        the job.
        """
        return self._run(self._api.wait(job, on_progress=on_progress, timeout=timeout))

    def cancel(self, job: Accepted | Job | str) -> Job:
        """Cancel a job that is not over; its credits come back. Raises Conflict for one that is."""
        return self._run(self._api.cancel(job))

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
    ) -> Render:
        """Upload a photo, swap its background, wait, and write the picture to `output`.

        The suffix of `output` is the picture's format (.jpg, .jpeg, .png, .webp, .avif); without one it is the spec's
        or the preset's. Raises JobFailed, WaitTimeout, DownloadCorrupt, PhotoUnknown, SuffixInvalid and OSError.
        """
        return self._run(
            self._api.swap_file(
                photo,
                output,
                spec,
                idempotency_key=idempotency_key,
                reference=reference,
                preview=preview,
                on_progress=on_progress,
                timeout=timeout,
            )
        )

    def iter_jobs(
        self, *, status: JobStatus | None = None, reference: str | None = None, preview: bool = False
    ) -> Iterator[Job]:
        """Give all jobs but previews', or those alone, newest first, asking for each page when it is needed."""
        cursor = None
        while True:
            page = self._run(self._api.jobs(status=status, reference=reference, preview=preview, cursor=cursor))
            yield from page.items
            if (cursor := page.next_cursor) is None:
                return

    def iter_renders(
        self, *, preset: str | None = None, reference: str | None = None, preview: bool = False
    ) -> Iterator[Render]:
        """Give all renders but previews, or those alone, newest first, asking for each page when it is needed."""
        cursor = None
        while True:
            page = self._run(self._api.renders(preset=preset, reference=reference, preview=preview, cursor=cursor))
            yield from page.items
            if (cursor := page.next_cursor) is None:
                return

    def render(self, public_id: str) -> Render:
        """Return a render's measurements and a fresh download URL."""
        return self._run(self._api.render(public_id))

    def delete_render(self, render: Render | str) -> None:
        """Delete a render, or the one of a public id: its picture and its report. Raises NotFound."""
        self._run(self._api.delete_render(render))

    def delete_photo(self, source_key: str) -> None:
        """Delete an uploaded photo and what was kept of it; its jobs that are not over fail and are refunded.

        Renders of it stay. Raises NotFound.
        """
        self._run(self._api.delete_photo(source_key))

    def download(self, render: Render | str, path: str | Path) -> Path:
        """Write a render, or the one of a public id, to `path`: whole and checked, or not at all.

        Raises DownloadCorrupt, OSError, and SuffixInvalid where `path` is named for another format.
        """
        return self._run(self._api.download(render, path))

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
    ) -> Cutout:
        """Have an uploaded photo, or the one behind an earlier render, cut out, wait, and return what was found.

        `subject`: which product is meant, as `Spec.subject` has it; from then on it is the photo's. It costs nothing.
        Raises JobFailed and WaitTimeout.
        """
        return self._run(
            self._api.cutout(
                source_key=source_key,
                source_render=source_render,
                subject=subject,
                idempotency_key=idempotency_key,
                reference=reference,
                on_progress=on_progress,
                timeout=timeout,
            )
        )

    def cutout_by_id(self, public_id: str) -> Cutout:
        """Return what is shown of a cut-out now, with fresh URLs."""
        return self._run(self._api.cutout_by_id(public_id))

    def mend(self, cutout: Cutout | str, mask: Photo | None = None, *, keep: Sequence[int] | None = None) -> Cutout:
        """Give a photo a mask, or keep the subjects of these ids alone: for every later swap of the same bytes.

        `mask`: a PNG of one 8-bit channel at the photo's size, white where the product is: a path, its bytes or a file
        opened for reading. Raises Invalid, whose errors' codes say what is wrong with it, Conflict and OSError.
        """
        return self._run(self._api.mend(cutout, mask, keep))

    def reset(self, cutout: Cutout | str) -> Cutout:
        """Give a photo the networks' mask again. Raises Conflict."""
        return self._run(self._api.reset(cutout))

    def download_mask(self, cutout: Cutout | str, path: str | Path, *, preview: bool = False) -> Path:
        """Write the mask that a photo has now, or its preview with true transparency, to a PNG.

        Raises OSError, and SuffixInvalid for another suffix than .png.
        """
        return self._run(self._api.download_mask(cutout, Path(path), preview=preview))

    def iter_cutouts(self, *, reference: str | None = None) -> Iterator[Cutout]:
        """Give all cut-outs, newest first, asking for each page when it is needed."""
        cursor = None
        while True:
            page = self._run(self._api.cutouts(reference=reference, cursor=cursor))
            yield from page.items
            if (cursor := page.next_cursor) is None:
                return

    def credits(self) -> Credits:
        """Return the balance and the latest entries of the ledger."""
        return self._run(self._api.credits())

    def iter_credits(self) -> Iterator[CreditEntry]:
        """Give all entries of the ledger, newest first, asking for each page when it is needed."""
        cursor = None
        while True:
            page = self._run(self._api.credits(cursor=cursor))
            yield from page.entries
            if (cursor := page.next_cursor) is None:
                return

    def scene_types(self) -> list[CatalogueItem]:
        """Return the scenes that have a name."""
        return self._run(self._api.catalogue("scene-types"))

    def moods(self) -> list[CatalogueItem]:
        """Return the moods that have a name."""
        return self._run(self._api.catalogue("moods"))

    def output_presets(self) -> list[CatalogueItem]:
        """Return the places of publication with their size, formats, credits and rules."""
        return self._run(self._api.catalogue("output-presets"))

    def brands(self) -> list[Brand]:
        """Return all brands."""
        return self._run(self._api.brands())

    def brand(self, name: str) -> Brand:
        """Return a brand. Raises NotFound."""
        return self._run(self._api.brand(name))

    def save_brand(self, brand: Brand) -> Brand:
        """Make a brand, or put it in the place of the one of its name, and return it as it is kept."""
        return self._run(self._api.save_brand(brand))

    def keys(self) -> list[Key]:
        """Return all keys of the client that are good, without what they read."""
        return self._run(self._api.keys())

    def add_key(self, name: str | None = None) -> NewKey:
        """Make one more key and return it: it is shown this once. Raises Conflict for one too many."""
        return self._run(self._api.add_key(name))

    def delete_key(self, key: Key | NewKey | str) -> None:
        """Refuse a key from now on. Raises NotFound, and Conflict for the last one that lasts."""
        self._run(self._api.delete_key(key))

    def webhook(self) -> WebhookSettings:
        """Return where the ends of jobs are told. Raises NotFound where nowhere."""
        return self._run(self._api.webhook())

    def set_webhook(self, url: str) -> WebhookSettings:
        """Tell this URL how jobs end. `secret`: shown where the URL is new. Raises Invalid."""
        return self._run(self._api.set_webhook(url))

    def rotate_webhook_secret(self, *, grace_hours: float = 24.0) -> WebhookSettings:
        """Return the webhook with a new secret; the one before signs as well meanwhile. Raises NotFound."""
        return self._run(self._api.rotate_webhook_secret(grace_hours))

    def delete_webhook(self) -> None:
        """Tell nobody any more. Raises NotFound."""
        self._run(self._api.delete_webhook())
