"""What a process writes into its pictures, and content credentials: a signed C2PA manifest in the file.

A certificate must follow the C2PA specification, section 14.5. It is an end-entity certificate with the key usage
digitalSignature and an extended key usage such as emailProtection, followed by its chain, and not self-signed.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from pipeline.core.errors import PipelineError
from pipeline.core.provenance import DIGITAL_SOURCE_TYPES, Credentials, is_synthetic
from service.marks.chain import Chain, kept_chain
from service.settings import Settings

#: Bytes that a manifest may need beyond that of the trial file, because formats pad differently.
_SLACK = 4096
#: Most bytes of a photo's own manifest that a picture carries on, beside an eighth of its limit. The bytes that a
#: reference to it may need.
_INGREDIENT, _REFERENCE = 256 << 10, 16 << 10
#: The head of a manifest store, after its size in 4 bytes (C2PA specification, section 11.1; ISO 19566-5).
_STORE = re.compile(rb"jumb.{4}jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71", re.DOTALL)
#: Source type of a cut-out without a background. Its preset has none, but a manifest needs one.
_CUT_OUT = "algorithmicallyEnhanced"
#: No thumbnail, which would add up to 200 kB to a file that can be shown itself. A reader fetches nothing: the address
#: would be a stranger's.
C2PA_SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


class CredentialsInvalid(Exception):
    """Raised if pictures can't be marked as the settings ask. The message names the setting and the remedy."""


class SigningFailed(PipelineError):
    """Raised if a file could not be signed, for example because the time-stamping authority is away."""

    code = "signing_failed"


@dataclass(frozen=True)
class Marking:
    """The marks that a process writes into its pictures."""

    xmp: bool = True
    credentials: Credentials | None = None
    #: The installation's number in the watermark (`Chain.installation`). None: no watermark.
    installation: int | None = None
    #: Decides the place of the visible watermark's letters.
    secret: bytes = field(default=b"", repr=False)

    def of(self, job_id: str | None) -> dict[str, Any]:
        """Return the arguments of `pipeline.swap.swap` for the picture of a job, or of a command (None)."""
        from pipeline.delivery.watermark import NO_JOB, Payload  # SciPy, which an API does not need

        ends = NO_JOB if job_id is None else job_id[-6:]
        payload = None if self.installation is None else Payload(self.installation, ends)
        return {"xmp": self.xmp, "credentials": self.credentials, "payload": payload, "secret": self.secret}


def open_marking(settings: Settings, own: Callable[[Settings], Chain] = kept_chain) -> Marking:
    """Return the marks that the settings ask for. `own` returns the certificates, by default those of commands.

    Raises CredentialsInvalid if a mark can't be written, so that no picture is made without it.
    """
    try:
        chain = own(settings)
    except OSError as error:
        lacks = "BACKDROP_HOME can't keep the certificates that mark pictures"
        raise CredentialsInvalid(f"{lacks} ({error}). Set it to a folder that you may write.") from error
    number = chain.installation if settings.watermark else None
    return Marking(settings.xmp, open_credentials(settings, chain), number, chain.secret)


def open_credentials(settings: Settings, own: Chain | None = None) -> Credentials | None:
    """Return the signer of files, with the operator's certificate or else the installation's own; None: neither.

    Signs a trial file, to find errors at the start. Raises CredentialsInvalid if the certificate can't sign.
    """
    if not settings.c2pa:
        return None
    if settings.c2pa_certificate is None and settings.c2pa_key is None:
        if own is None:
            return None
        return _opened(own.certificates.encode(), own.leaf_key.encode(), "es256", settings, trusted=False)
    if settings.c2pa_certificate is None or settings.c2pa_key is None:
        missing = "CERTIFICATE" if settings.c2pa_certificate is None else "KEY"
        raise CredentialsInvalid(f"BACKDROP_C2PA_{missing} is not set. Signing needs a certificate and its key.")
    chain = _read(settings.c2pa_certificate, "BACKDROP_C2PA_CERTIFICATE")
    key = _read(settings.c2pa_key, "BACKDROP_C2PA_KEY")
    return _opened(chain, key, settings.c2pa_algorithm, settings, trusted=True)


def _opened(chain: bytes, key: bytes, algorithm: str, settings: Settings, *, trusted: bool) -> Credentials:
    try:
        import c2pa
    except (ImportError, OSError, RuntimeError) as error:
        raise CredentialsInvalid(
            f"The c2pa library can't be loaded ({error}): pip install 'backdrop[networks]', or set BACKDROP_C2PA=false."
        ) from error
    try:
        info = c2pa.C2paSignerInfo(algorithm, chain, key, settings.c2pa_timestamp_url)
        context = c2pa.Context(c2pa.Settings.from_dict(C2PA_SETTINGS))
        signer = C2pa(c2pa, c2pa.Signer.from_info(info), context, trusted)
        trial = BytesIO()
        Image.new("RGB", (16, 16), "white").save(trial, "JPEG")
        signed = signer.sign(trial.getvalue(), "image/jpeg", None)
    except (c2pa.C2paError, SigningFailed) as error:
        raise CredentialsInvalid(
            f"A trial file could not be signed ({error}). BACKDROP_C2PA_CERTIFICATE must be a PEM file with the "
            "certificate first and its chain after it. BACKDROP_C2PA_KEY must be that certificate's key (PKCS#8, PEM). "
            f"BACKDROP_C2PA_ALGORITHM ({algorithm}) must fit the key. BACKDROP_C2PA_TIMESTAMP_URL must "
            "be unset, or a time-stamping authority that answers."
        ) from error
    issuer = signer.read(signed, "image/jpeg")
    if issuer is None:
        raise CredentialsInvalid("BACKDROP_C2PA_CERTIFICATE: a trial file signed with it is invalid. Check its chain.")
    return replace(signer, issuer=issuer, reserve=len(signed) - len(trial.getvalue()) + _SLACK)


@dataclass(frozen=True)
class C2pa:
    """Signs with the c2pa library. `pipeline.core.provenance.Credentials` is its interface."""

    library: Any
    signer: Any
    context: Any
    #: Whether the operator set the certificate.
    trusted: bool
    issuer: str = ""
    reserve: int = 0
    #: The photo with a manifest of its own, and its content type.
    photo: tuple[bytes, str] | None = None

    def for_photo(self, photo: bytes, content_type: str, max_bytes: int | None) -> "C2pa":
        """Return the signer of pictures of a photo, whose manifest becomes their ingredient if it is small enough."""
        sizes = [int.from_bytes(photo[found.start() - 4 : found.start()]) for found in _STORE.finditer(photo)]
        # sizes 0 and 1 stand for "until the end" and for a longer number
        if not sizes or min(sizes) < 2 or max(sizes) > min(_INGREDIENT, (max_bytes or 1 << 30) // 8):
            return self
        return replace(self, photo=(photo, content_type), reserve=self.reserve + max(sizes) + _REFERENCE)

    def signs(self, digital_source_type: str | None) -> bool:
        """Return whether a file with this mark is signed. The installation's own certificate signs synthetic ones."""
        return self.trusted or is_synthetic(digital_source_type)

    def sign(self, data: bytes, content_type: str, digital_source_type: str | None) -> bytes:
        """Return the file with a manifest of its origin and sources. Raises SigningFailed."""
        term = DIGITAL_SOURCE_TYPES + (digital_source_type or _CUT_OUT)
        if self.photo is not None:
            with suppress(self.library.C2paError):  # a manifest that can't be read
                signed = self._signed(data, content_type, term, self.photo)
                if len(signed) - len(data) <= self.reserve:
                    return signed
        try:
            return self._signed(data, content_type, term, None)
        except self.library.C2paError as error:
            raise SigningFailed(f"The picture could not be signed: {error}") from error

    def _signed(self, data: bytes, content_type: str, term: str, photo: tuple[bytes, str] | None) -> bytes:
        generator, signed = {"name": "Backdrop", "version": version("backdrop")}, BytesIO()
        # The specification requires c2pa.created first, with its source type, or c2pa.opened with an ingredient.
        opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["photo"]}}
        made = {"action": "c2pa.edited" if photo else "c2pa.created", "digitalSourceType": term}
        actions = [opened] * bool(photo) + [made | {"softwareAgent": generator}]
        manifest = {
            "claim_generator_info": [generator],
            "format": content_type,
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
        }
        with self.library.Builder(manifest, self.context) as builder:
            if photo is not None:  # the library checks its manifest, and records what it finds
                about = {"title": "Product photo", "relationship": "parentOf", "label": "photo"}
                builder.add_ingredient(about, photo[1], BytesIO(photo[0]))
            builder.sign(self.signer, content_type, BytesIO(data), signed)
        return signed.getvalue()

    def read(self, data: bytes, content_type: str) -> str | None:
        """Return the issuer in a file's manifest, or None if there is none or the file was changed since.

        Does not check trust lists, because each reader of the file has its own.
        """
        try:
            with self.library.Reader(content_type, BytesIO(data), context=self.context) as reader:
                if reader.get_validation_state() not in ("Valid", "Trusted"):
                    return None
                store = json.loads(reader.json())
        except self.library.C2paError:
            return None
        signature = store["manifests"][store["active_manifest"]].get("signature_info", {})
        issuer: str | None = signature.get("issuer") or signature.get("common_name")
        return issuer


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CredentialsInvalid(f"{setting}: {path} can't be read: {error.strerror}.") from error
