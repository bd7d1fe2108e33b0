"""What becomes of each pair, and the checkpoint of a batch: the same command goes on where it stopped, anywhere.

A line of JSON for each event, written through to the disk before the next step; the newest line of a kind counts. A
line that was cut off is none.
"""

import fcntl
import hashlib
import os
import secrets
import threading
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

if TYPE_CHECKING:
    from backdrop_client.report import Report

FOLDER = ".backdrop-batch"
_EXTENSIONS = {"jpeg": "jpg"}


def file_name(stem: str, kind: str) -> str:
    """Return the name of a picture's file. `kind`: a render's format, such as "jpeg"."""
    return f"{stem}.{_EXTENSIONS.get(kind, kind)}"


@dataclass(frozen=True)
class Made:
    """A picture that lies in the output folder."""

    #: Its path from the output folder, with `/`.
    file: str
    sha256: str
    width: int
    height: int
    seed: int
    credits: int
    #: From sending the pair, or starting it here, to its file.
    seconds: float
    warnings: list[str]
    #: Each asked colour: colour, nearest, delta_e00, share.
    palette: list[dict[str, Any]]
    #: Mean ΔE00 over the asked colours, and between the product and the file.
    delta_e00: float | None
    fidelity: float | None
    #: The rules of the place that are not kept: rule, status, measured, bound.
    rules: list[dict[str, Any]]
    rules_kept: int
    #: "computed" or "cached", where it is known.
    cutout: str | None = None
    job_id: str | None = None


#: What another try of the same photo and spec ends with again.
HOPELESS = {
    *("image_unreadable", "image_truncated", "photo_damaged", "image_too_large", "image_too_small"),
    *("no_subject", "subject_not_found", "no_honest_placement"),
}


@dataclass(frozen=True)
class Rejected:
    """A picture that a review has taken out; it is kept aside."""

    made: Made


@dataclass(frozen=True)
class Failed:
    """A pair without a picture. What it cost has come back."""

    code: str
    message: str
    seconds: float = 0.0
    job_id: str | None = None

    @property
    def hopeless(self) -> bool:
        """Whether it is the photo, and not the moment."""
        return self.code in HOPELESS


Outcome = Made | Failed | Rejected


class Failure(Exception):
    """Raised when a pair can't be made; the others can."""

    def __init__(self, code: str, message: str, *, job_id: str | None = None, job_over: bool = False) -> None:
        super().__init__(message)
        self.code, self.message, self.job_id = code, message, job_id
        #: Whether its job ended as FAILURE, so that another try is another job.
        self.job_over = job_over


def measurements(report: "Report") -> dict[str, Any]:
    """Return the fields of `Made` that come from a report."""
    rules = report["preset"]
    return {
        "palette": report["palette"].get("asked", []),
        "delta_e00": report["palette"].get("mean_delta_e00"),
        "fidelity": report["fidelity"].get("mean"),
        "rules": [rule for rule in rules if rule["status"] in {"fail", "warn"}],
        "rules_kept": sum(rule["status"] == "pass" for rule in rules),
        "cutout": report["provenance"].get("cutout"),
    }


class BatchRuns(RuntimeError):
    """Raised when another batch writes to the same folder."""


@dataclass
class Entry:
    """How far a pair has come."""

    #: Counts jobs that ended as FAILURE: the next one is another request.
    attempt: int = 0
    #: The server that it was sent to, and the job there.
    url: str = ""
    job_id: str | None = None
    made: Made | None = None
    #: Why the last try failed; None: it was made, or never tried.
    failed: Failed | None = None
    #: The seed that a review asked for; None: that of the spec, or one that is drawn.
    seed: int | None = None
    #: What a review said of the picture that is there: "approve" or "reject".
    choice: str | None = None


class State:
    """The memory of one output folder; one batch at a time has it. Safe in threads."""

    def __init__(self, out: Path) -> None:
        folder = out / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock_file.close()
            raise BatchRuns(f"Another batch writes to {out}. Wait for it, or choose another -o.") from error
        self._lock = threading.Lock()
        #: In every Idempotency-Key of this folder, so that another folder's batch is another order.
        self.run_id = ""
        self._uploads: dict[tuple[str, str], str] = {}
        self._entries: dict[str, Entry] = {}
        path = folder / "state.jsonl"
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._load(path)
        if not self.run_id:
            self._note("run", id=str(uuid.uuid4()))

    def __enter__(self) -> Self:
        """Give the folder back at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the folder back."""
        os.close(self._handle)
        self._lock_file.close()

    def entry(self, pair_key: str) -> Entry:
        """Return how far a pair has come."""
        return self._entries.setdefault(pair_key, Entry())

    def upload(self, url: str, sha256: str) -> str | None:
        """Return the key of a photo that a server has."""
        return self._uploads.get((url, sha256))

    def uploaded(self, url: str, sha256: str, key: str) -> None:
        """Remember the key of a photo, in the place of an older one."""
        self._note("uploaded", url=url, sha256=sha256, key=key)

    def submitted(self, pair_key: str, url: str, job_id: str) -> None:
        """Remember the job of a pair."""
        self._note("submitted", pair=pair_key, url=url, job_id=job_id)

    def again(self, pair_key: str, seed: int) -> None:
        """Remember that a pair is to be made anew with another seed; its picture counts no longer."""
        self._note("again", pair=pair_key, seed=seed)

    def chosen(self, pair_key: str, choice: str) -> None:
        """Remember what a review said of a picture: "approve" or "reject"."""
        self._note("chosen", pair=pair_key, choice=choice)

    def ended(self, pair_key: str, outcome: Made | Failed, *, job_over: bool) -> None:
        """Remember what became of a pair. `job_over`: its job failed, so that another try is another job."""
        kind = "made" if isinstance(outcome, Made) else "failed"
        self._note(kind, pair=pair_key, job_over=job_over, outcome=asdict(outcome))

    def _load(self, path: Path) -> None:
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._handle, whole)  # written when the machine went down: it did not happen
        for line in data[:whole].splitlines():
            self._take(msgspec.json.decode(line))

    def _note(self, kind: str, **what: Any) -> None:
        event = {"is": kind, **what}
        with self._lock:
            os.write(self._handle, msgspec.json.encode(event) + b"\n")
            os.fsync(self._handle)
            self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        match event["is"]:
            case "run":
                self.run_id = event["id"]
            case "uploaded":
                self._uploads[event["url"], event["sha256"]] = event["key"]
            case "submitted":
                entry = self.entry(event["pair"])
                entry.url, entry.job_id = event["url"], event["job_id"]
            case "made":
                entry = self.entry(event["pair"])
                made = msgspec.convert(event["outcome"], Made)
                if entry.made is None or entry.made.sha256 != made.sha256:
                    entry.choice = None  # it was said of another picture
                entry.made, entry.failed = made, None
            case "failed":
                entry = self.entry(event["pair"])
                entry.failed = msgspec.convert(event["outcome"], Failed)
                if event["job_over"]:
                    entry.attempt, entry.job_id = entry.attempt + 1, None
            case "again":
                entry = self.entry(event["pair"])
                entry.seed, entry.made, entry.choice = event["seed"], None, None
                entry.attempt, entry.job_id = entry.attempt + 1, None
            case "chosen":
                self.entry(event["pair"]).choice = event["choice"]


def whole(out: Path, made: Made) -> bool:
    """Tell whether a picture still lies where it was put, unchanged."""
    try:
        with (out / made.file).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == made.sha256
    except OSError:
        return False


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, making its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def tidy(folder: Path) -> None:
    """Remove what writes and downloads that were cut off have left in a folder. Nobody writes there meanwhile."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)
