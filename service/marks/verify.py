"""The check of any file's marks: in this process, or in one of its own for a stranger's file."""

import json
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from pipeline.core.errors import ImageUnreadable, Rejected
from pipeline.core.spec import Limits
from service.marks.c2pa import C2PA_SETTINGS
from service.marks.chain import ORGANISATION
from service.settings import Settings
from service.supervisor.processes import TooMuchWork, apart

logger = logging.getLogger(__name__)

#: Seconds of processor time for a stranger's file, and its most pixels. They take at most 1.4 s and 480 MiB here.
_SECONDS, _PIXELS = 10, 12_000_000
#: Bytes of address space. About 260 MiB of it are libraries and reserves that are never touched, so at most 600 MiB of
#: memory are.
_MEMORY = 850 << 20
_REMEDY = "Send a smaller one, or run `backdrop verify FILE` on your own machine."
#: IPTC's terms in words.
_TERMS = {
    "algorithmicMedia": "Made by an algorithm without training.",
    "compositeCapture": "Composed of photos.",
    "compositeSynthetic": "Composed, with synthetic parts.",
    "compositeWithTrainedAlgorithmicMedia": "Composed, with parts that a trained model (AI) made.",
    "trainedAlgorithmicMedia": "Made by a trained model (AI).",
}
#: Findings of c2pa without a change of the file, and with a changed picture. Others mean a changed manifest.
_UNCHANGED = {"signingCredential.untrusted", "signingCredential.expired"}
_PICTURE = {"assertion.dataHash.mismatch", "assertion.bmffHash.mismatch", "assertion.boxesHash.mismatch"}


class MarkFound(BaseModel):
    """A machine-readable mark in a file."""

    kind: Literal["xmp", "c2pa", "watermark"] = Field(description="Kind of the mark.")
    value: str = Field(description="The IPTC term, the signature's issuer, or the watermark's installation and job.")
    intact: bool = Field(description="Whether the file is unchanged since it was signed. True for other marks.")
    own: bool = Field(description="Whether the mark names this installation, or a certificate that it trusts.")
    meaning: str = Field(description="The mark in words, with what was changed.")


class MarksFound(BaseModel):
    """The machine-readable marks in a file."""

    marks: list[MarkFound] = Field(description="Each mark that the file has.")
    holds: bool = Field(description="Whether there is a mark, and none is broken.")


def find_marks(data: bytes, limits: Limits, trust: Sequence[str], ours: Collection[int]) -> MarksFound:
    """Return the marks in a file. `trust`: PEM files of certificates to trust. `ours`: this installation's numbers.

    Raises Rejected if the file is no picture or exceeds the limits, and ImportError without the c2pa library.
    """
    from pipeline.delivery.watermark import NO_JOB, find
    from pipeline.photo.decode import decode

    photo = decode(data, replace(limits, min_side=1))
    term, marks = photo.digital_source_type, list[MarkFound]()
    if term is not None:
        said = _TERMS.get(term, "Another statement of its origin.")
        marks.append(MarkFound(kind="xmp", value=term, intact=True, own=False, meaning=said))
    marks += _credentials(data, photo.content_type, trust)
    if (found := find(photo.rgb)) is not None:
        number, job = found.payload.installation, found.payload.job
        said = f"From {'this' if number in ours else 'another'} installation, {number:05x}"
        said += ", by a command without a job." if job == NO_JOB else f", by the job that ends in {job}."
        marks.append(
            MarkFound(kind="watermark", value=f"{number:05x} {job}", intact=True, own=number in ours, meaning=said)
        )
    return MarksFound(marks=marks, holds=bool(marks) and all(one.intact for one in marks))


def _credentials(data: bytes, content_type: str, trust: Sequence[str]) -> Iterator[MarkFound]:
    import c2pa

    trusted = "".join(Path(path).read_text() for path in trust)
    settings = C2PA_SETTINGS | ({"trust": {"trust_anchors": trusted}} if trusted else {})
    try:
        context = c2pa.Context(c2pa.Settings.from_dict(settings))
        with c2pa.Reader(content_type, BytesIO(data), context=context) as opened:
            store, state = json.loads(opened.json()), opened.get_validation_state()
    except c2pa.C2paError.ManifestNotFound:
        return
    except c2pa.C2paError as error:
        why = "they are at another address" if "remote manifest" in str(error) else error
        meaning = f"Content credentials that can't be read: {why}."
        yield MarkFound(kind="c2pa", value="", intact=False, own=False, meaning=meaning)
        return
    issuer = store["manifests"][store["active_manifest"]].get("signature_info", {}).get("issuer") or ""
    found = {one["code"] for one in store.get("validation_status", ())}
    changes = {"the picture" if code in _PICTURE else "the manifest" for code in found - _UNCHANGED}
    said = f"Changed since it was signed: {' and '.join(sorted(changes))}." if changes else "Intact."
    said += f" Issuer: {issuer}, {'trusted' if state == 'Trusted' else 'untrusted'}"
    said += ": the installation's own certificate." if issuer == ORGANISATION and state != "Trusted" else "."
    said += " The certificate has expired." if "signingCredential.expired" in found else ""
    yield MarkFound(kind="c2pa", value=issuer, intact=not changes, own=state == "Trusted", meaning=said)


def check_apart(data: bytes | bytearray, settings: Settings, ours: Collection[int]) -> MarksFound:
    """Return the marks in a stranger's file, by a process that can neither fill the memory nor run for long.

    Raises Rejected, and HostBusy if another try may succeed.
    """
    about = {"ours": [*ours], "trust": trusted_files(settings)}
    about |= {"pixels": min(_PIXELS, settings.max_photo_pixels), "kernels": str(settings.kernels)}
    try:
        # A stranger's file waits for jobs and requests.
        found = apart(f"{__name__}:_apart", data, json.dumps(about), seconds=_SECONDS, memory=_MEMORY, nice=10)
    except TooMuchWork as error:
        logger.warning("a file could not be checked: %s", error)
        raise ImageUnreadable(f"The file takes too long or too much memory to check. {_REMEDY}") from error
    answer = json.loads(found)
    if isinstance(answer, str):
        raise ImageUnreadable(answer)
    return MarksFound.model_validate(answer)


def trusted_files(settings: Settings) -> list[str]:
    """Return the PEM files of the certificates to trust: the operator's own, where it is on this machine."""
    own = settings.c2pa_certificate
    return [str(own)] if own is not None and own.is_file() else []


def _apart(data: bytes, about: str) -> bytes:
    from pipeline.kernels.cache import keep_in

    given = json.loads(about)
    keep_in(Path(given["kernels"]))
    limits = Limits(max_bytes=len(data), max_pixels=given["pixels"])
    try:
        return find_marks(data, limits, given["trust"], given["ours"]).model_dump_json().encode()
    except Rejected as error:
        return json.dumps(str(error).replace("Send a smaller photo.", _REMEDY)).encode()
