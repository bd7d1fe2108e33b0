"""Content credentials: a signed C2PA manifest in every file, if the operator has configured a certificate.

The certificate must follow the C2PA specification, section 14.5. It is an end-entity certificate with the key usage
digitalSignature and an extended key usage such as emailProtection, followed by its chain, and not self-signed.
"""

import json
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from pipeline.core.errors import PipelineError
from pipeline.core.provenance import DIGITAL_SOURCE_TYPES, Credentials
from service.settings import Settings

#: Bytes that a manifest may need beyond that of the trial file, because formats pad differently.
_SLACK = 4096
#: Source type of a cut-out without a background. Its preset has none, but a manifest needs one.
_CUT_OUT = "algorithmicallyEnhanced"
#: No thumbnail, which would add up to 200 kB to a file that can be shown itself.
_C2PA_SETTINGS = {"builder": {"thumbnail": {"enabled": False}}}


class CredentialsInvalid(Exception):
    """Raised if files can't be signed with the settings. The message names the setting and the remedy."""


class SigningFailed(PipelineError):
    """Raised if a file could not be signed, for example because the time-stamping authority is away."""

    code = "signing_failed"


def open_credentials(settings: Settings) -> Credentials | None:
    """Return the signer of files, or None without a certificate. Signs a trial file, to find errors at the start.

    Raises CredentialsInvalid.
    """
    if settings.c2pa_certificate is None and settings.c2pa_key is None:
        return None
    if settings.c2pa_certificate is None or settings.c2pa_key is None:
        missing = "CERTIFICATE" if settings.c2pa_certificate is None else "KEY"
        raise CredentialsInvalid(f"BACKDROP_C2PA_{missing} is not set. Signing needs a certificate and its key.")
    try:
        import c2pa
    except ImportError as error:
        raise CredentialsInvalid(
            "BACKDROP_C2PA_CERTIFICATE is set, but the c2pa library is missing: pip install 'backdrop[credentials]'."
        ) from error
    chain = _read(settings.c2pa_certificate, "BACKDROP_C2PA_CERTIFICATE")
    key = _read(settings.c2pa_key, "BACKDROP_C2PA_KEY")
    try:
        info = c2pa.C2paSignerInfo(settings.c2pa_algorithm, chain, key, settings.c2pa_timestamp_url)
        signer = C2pa(c2pa, c2pa.Signer.from_info(info), c2pa.Context(c2pa.Settings.from_dict(_C2PA_SETTINGS)))
        trial = BytesIO()
        Image.new("RGB", (16, 16), "white").save(trial, "JPEG")
        signed = signer.sign(trial.getvalue(), "image/jpeg", None)
    except (c2pa.C2paError, SigningFailed) as error:
        raise CredentialsInvalid(
            f"A trial file could not be signed ({error}). BACKDROP_C2PA_CERTIFICATE must be a PEM file with the "
            "certificate first and its chain after it. BACKDROP_C2PA_KEY must be that certificate's key (PKCS#8, PEM). "
            f"BACKDROP_C2PA_ALGORITHM ({settings.c2pa_algorithm}) must fit the key. BACKDROP_C2PA_TIMESTAMP_URL must "
            "be unset, or a time-stamping authority that answers."
        ) from error
    issuer = signer.read(signed, "image/jpeg")
    if issuer is None:
        raise CredentialsInvalid("BACKDROP_C2PA_CERTIFICATE: a trial file signed with it is invalid. Check its chain.")
    added = len(signed) - len(trial.getvalue())
    return C2pa(signer.library, signer.signer, signer.context, issuer, added + _SLACK)


@dataclass(frozen=True)
class C2pa:
    """Signs with the c2pa library. `pipeline.core.provenance.Credentials` is its interface."""

    library: Any
    signer: Any
    context: Any
    issuer: str = ""
    reserve: int = 0

    def sign(self, data: bytes, content_type: str, digital_source_type: str | None) -> bytes:
        """Return the file with a manifest of its origin and sources. Raises SigningFailed."""
        generator = {"name": "Backdrop", "version": version("backdrop")}
        # Without other assets, the specification requires this action first, with its source type.
        created = {
            "action": "c2pa.created",
            "digitalSourceType": DIGITAL_SOURCE_TYPES + (digital_source_type or _CUT_OUT),
            "softwareAgent": generator,
        }
        manifest = {
            "claim_generator_info": [generator],
            "format": content_type,
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
        }
        signed = BytesIO()
        try:
            with self.library.Builder(manifest, self.context) as builder:
                builder.sign(self.signer, content_type, BytesIO(data), signed)
        except self.library.C2paError as error:
            raise SigningFailed(f"The picture could not be signed: {error}") from error
        return signed.getvalue()

    def read(self, data: bytes, content_type: str) -> str | None:
        """Return the issuer in a file's manifest, or None if there is none or the file was changed since.

        Does not check trust lists, because each reader of the file has its own.
        """
        try:
            with self.library.Reader(content_type, BytesIO(data)) as reader:
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
