"""The outcome of each pair, and the checkpoint of a batch: the same command continues where it stopped.

The file has a line of JSON for each event. Each line reaches the disk before the next step, and the newest line of a
kind counts. An incomplete line at the end is ignored.
"""

import fcntl
import hashlib
import os
import secrets
import uuid
from collections.abc import Mapping, Sequence
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
    """A picture in the output folder."""

    #: Path in the output folder, with `/`.
    file: str
    sha256: str
    width: int
    height: int
    seed: int
    credits: int
    #: From submitting the pair, or starting it on this machine, to its file.
    seconds: float
    warnings: list[str]
    #: For each requested colour: colour, nearest, delta_e00, share.
    palette: list[dict[str, Any]]
    #: Mean ΔE00 of the requested colours, and between the product in the photo and in the file.
    delta_e00: float | None
    fidelity: float | None
    #: Broken rules of the preset: rule, status, measured, bound.
    rules: list[dict[str, Any]]
    rules_kept: int
    #: "computed" or "cached", if known.
    cutout: str | None = None
    job_id: str | None = None


#: Error codes with which another attempt at the same photo and spec would end, too.
HOPELESS = {
    *("image_unreadable", "image_truncated", "photo_damaged", "image_too_large", "image_too_small"),
    *("no_subject", "subject_not_found", "no_honest_placement"),
}


@dataclass(frozen=True)
class Failed:
    """A pair without a picture. Its credits were refunded."""

    code: str
    message: str
    seconds: float = 0.0
    job_id: str | None = None

    @property
    def hopeless(self) -> bool:
        """Whether another attempt would fail, too, because of the photo or the spec."""
        return self.code in HOPELESS


class Failure(Exception):
    """Raised if a pair can't be made. The other pairs continue."""

    def __init__(self, code: str, message: str, *, job_over: bool = False) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        #: Whether its job ended as FAILURE, so that the next attempt needs another job.
        self.job_over = job_over


def measurements(report: "Report") -> dict[str, Any]:
    """Return the fields of `Made` from a report."""
    rules = report["preset"]
    return {
        "palette": report["palette"].get("asked", []),
        "delta_e00": report["palette"].get("mean_delta_e00"),
        "fidelity": report["fidelity"].get("mean"),
        "rules": [rule for rule in rules if rule["status"] in {"fail", "warn"}],
        "rules_kept": sum(rule["status"] == "pass" for rule in rules),
        "cutout": report["provenance"].get("cutout"),
    }


def keep_report(out: Path, file: str, report: "Report") -> None:
    """Keep the report of a picture, whose path in the output folder is `file`."""
    write_whole(out / FOLDER / "reports" / f"{file}.json", msgspec.json.encode(report))


class BatchRuns(RuntimeError):
    """Raised if another batch writes to the same folder."""


@dataclass
class Entry:
    """The progress of a pair."""

    #: Number of jobs that ended as FAILURE. It makes the next request a new one.
    attempt: int = 0
    #: The server's URL, and the id of the job there.
    url: str = ""
    job_id: str | None = None
    made: Made | None = None
    #: Why the last attempt failed. None: it succeeded, or there was none.
    failed: Failed | None = None
    #: The seed after a review. None: the spec's seed, or a random one.
    seed: int | None = None
    #: A review's choice about the current picture: "approve" or "reject".
    choice: str | None = None


class State:
    """The memory of one output folder, for one batch at a time. Only one thread may write to it."""

    def __init__(self, out: Path) -> None:
        folder = out / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock_file.close()
            raise BatchRuns(f"Another batch writes to {out}. Wait until it ends, or use another -o.") from error
        #: Part of every Idempotency-Key of this folder, so that a batch in another folder is another order.
        self.run_id = ""
        #: The pairs of each order whose answer is unknown, because the batch stopped or the server did not answer.
        self.unanswered: list[list[str]] = []
        #: Boxes of the doubtful pieces that the owner saw, by the SHA-256 of the photo.
        self.pieces: dict[str, list[list[int]]] = {}
        self._uploads: dict[tuple[str, str], str] = {}
        self._entries: dict[str, Entry] = {}
        path = folder / "state.jsonl"
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._load(path)
        if not self.run_id:
            self._note("run", id=str(uuid.uuid4()))

    def __enter__(self) -> Self:
        """Release the folder at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the folder."""
        os.close(self._handle)
        self._lock_file.close()

    def entry(self, pair_key: str) -> Entry:
        """Return the progress of a pair."""
        return self._entries.setdefault(pair_key, Entry())

    def upload(self, url: str, sha256: str) -> str | None:
        """Return the key of a photo at a server, or None."""
        return self._uploads.get((url, sha256))

    def uploaded(self, url: str, sha256: str, key: str) -> None:
        """Store the key of a photo. It replaces an older key."""
        self._note("uploaded", url=url, sha256=sha256, key=key)

    def ordering(self, pair_keys: Sequence[str]) -> None:
        """Store, before an order of these pairs is sent, that it may have been accepted."""
        self._note("ordering", pairs=list(pair_keys))

    def ordered(self, url: str, pair_keys: Sequence[str], jobs: Mapping[str, str]) -> None:
        """Store the jobs of an order of these pairs, all at once, or that it was refused (no jobs)."""
        self._note("ordered", url=url, pairs=list(pair_keys), jobs=dict(jobs))

    def again(self, pair_key: str, seed: int) -> None:
        """Store that a pair needs another picture with a new seed. The current picture no longer counts."""
        self._note("again", pair=pair_key, seed=seed)

    def chosen(self, pair_key: str, choice: str) -> None:
        """Store a review's choice about a picture: "approve" or "reject"."""
        self._note("chosen", pair=pair_key, choice=choice)

    def doubted(self, sha256: str, boxes: Sequence[Sequence[int]]) -> None:
        """Store the boxes of a photo's doubtful pieces, in the order of their numbers."""
        self._note("doubted", sha256=sha256, boxes=[list(box) for box in boxes])

    def ended(self, pair_key: str, outcome: Made | Failed, *, job_over: bool) -> None:
        """Store the outcome of a pair. `job_over`: its job failed, so that the next attempt needs another job."""
        kind = "made" if isinstance(outcome, Made) else "failed"
        self._note(kind, pair=pair_key, job_over=job_over, outcome=asdict(outcome))

    def _load(self, path: Path) -> None:
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._handle, whole)  # an incomplete line, written during a crash, does not count
        for line in data[:whole].splitlines():
            self._take(msgspec.json.decode(line))

    def _note(self, kind: str, **what: Any) -> None:
        event = {"is": kind, **what}
        os.write(self._handle, msgspec.json.encode(event) + b"\n")
        os.fsync(self._handle)
        self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        match event["is"]:
            case "run":
                self.run_id = event["id"]
            case "uploaded":
                self._uploads[event["url"], event["sha256"]] = event["key"]
            case "submitted":  # written by releases that sent pictures one by one
                entry = self.entry(event["pair"])
                entry.url, entry.job_id = event["url"], event["job_id"]
            case "ordering":
                self.unanswered.append(event["pairs"])
            case "ordered":
                # Without its pairs it is from a release that had one order in doubt at most.
                self.unanswered = [keys for keys in self.unanswered if keys != event.get("pairs", keys)]
                for pair, job_id in event["jobs"].items():
                    self.entry(pair).url, self.entry(pair).job_id = event["url"], job_id
            case "doubted":
                self.pieces[event["sha256"]] = event["boxes"]
            case "made":
                entry = self.entry(event["pair"])
                made = msgspec.convert(event["outcome"], Made)
                if entry.made is None or entry.made.sha256 != made.sha256:
                    entry.choice = None  # it was about another picture
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
    """Return whether a picture is still in its place and unchanged."""
    try:
        with (out / made.file).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == made.sha256
    except OSError:
        return False


def write_whole(path: Path, data: bytes) -> None:
    """Write a file completely or not at all, and make its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def tidy(folder: Path) -> None:
    """Remove partial files of interrupted writes and downloads from a folder. No other process may write there."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)
