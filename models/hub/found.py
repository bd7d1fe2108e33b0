"""What is at a diffusers folder or a hub id, before its weights are loaded."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.hub.families import Family, family_of
from models.weights import weights_digest

#: Seconds that the hub may take for its first answer; its own library asks six times, a minute each.
PATIENCE = 5.0


class ModelNotHere(OSError):
    """Raised for a model that is no folder, and that neither the hub's cache nor the hub gives; it names a remedy."""


@dataclass(frozen=True)
class Found:
    """What is at a folder or a hub id."""

    #: Folder or hub id, without the revision.
    name: str
    #: Whether it is a folder.
    local: bool
    #: Class in its model_index.json, or its family's where there is none.
    class_name: str
    family: Family | None
    #: File of a UNet that lies beside the pipeline and takes the place of its own.
    unet: Path | None
    #: Whether such a UNet is there, or the hub id holds nothing else.
    lone: bool
    #: Branch, tag or commit of a hub id, None for its newest.
    revision: str | None = None
    #: Where `from_pretrained` looks: `located` has it.
    source: dict[str, Any] = field(default_factory=dict)


def located(model: str | Path, file: str) -> tuple[str, dict[str, Any]]:
    """Return a folder or a hub id without its revision, and where `from_pretrained` looks: here alone, or on the hub.

    The hub is asked once, for that file. What its cache keeps is used where it does not answer. Raises ModelNotHere.
    """
    if Path(model).is_dir():
        return str(model), {"local_files_only": True}
    name, at, revision = str(model).partition("@")
    here = not _on_hub(name, file, revision or None)
    return name, {"local_files_only": here, **({"revision": revision} if at else {})}


def _on_hub(name: str, file: str, revision: str | None) -> bool:
    """Return whether the hub answers for a model; False: it does not, and its cache keeps one. Raises ModelNotHere."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    try:
        get_hf_file_metadata(hf_hub_url(name, file, revision=revision), timeout=PATIENCE)
    except HFValidationError as error:
        raise ModelNotHere(
            f"{name!r} is neither a folder that is there nor a hub id, owner/name. Correct the path or the id."
        ) from error
    except EntryNotFoundError:
        return True  # it has the model, and not that file
    except Exception as error:  # the library's HTTP client has errors of its own, and another one in each release
        if try_to_load_from_cache(name, file, revision=revision) is not None:
            return False
        reason = " ".join(str(error).split())[:300]
        raise ModelNotHere(
            f"{name!r} is no folder here, and the hub, {constants.ENDPOINT}, did not give it: {reason or 'no answer'}. "
            "Load it once while the hub can be reached (HF_TOKEN opens gated models), or name a folder."
        ) from error
    return True


def find(model: str | Path) -> Found:
    """Look at a folder, a hub id or `hub id@revision` without loading it. Raises OSError where there is none."""
    folder = Path(model)
    local = folder.is_dir()
    name, source = located(model, "model_index.json")
    revision = source.get("revision")
    unet = next(iter(sorted(folder.glob("*_unet.safetensors"))), None) if local else None
    try:
        named = str(_index(name, source)["_class_name"])
    except OSError:
        # A UNet that comes alone has no model_index.json; only its hub id says what it is.
        family = None if local else family_of(None, name)
        if family is None:
            raise
        return Found(name, local, family.pipeline, family, None, lone=True, revision=revision, source=source)
    family = family_of(named, name if unet is None else unet.name)
    return Found(name, local, named, family, unet, lone=unet is not None, revision=revision, source=source)


def _index(model: str, source: dict[str, Any]) -> dict[str, Any]:
    """Return the model_index.json of a folder or hub id. Raises OSError where there is none."""
    if Path(model).is_dir():
        return dict(json.loads((Path(model) / "model_index.json").read_text()))
    import diffusers

    return dict(diffusers.DiffusionPipeline.load_config(model, **source))


def version(class_name: str, found: Found, digests: Path | None = None) -> str:
    """Return class, model and its weights: the digest of a folder's, the commit of those from a hub.

    `digests` is as in `weights_digest`.
    """
    folder = Path(found.name)
    named = f"{class_name} {folder.name if found.local else found.name}"
    if found.local:
        return f"{named} sha256:{weights_digest(folder, digests)[:12]}"
    commit = _commit(found)
    return named if commit is None else f"{named}@{commit[:12]}"


def _commit(found: Found) -> str | None:
    """Return the commit of a hub model, which the hub's cache keeps its snapshots under; None where it has none."""
    from huggingface_hub import try_to_load_from_cache

    family = found.family
    file = family.checkpoint if found.lone and family and family.checkpoint else "model_index.json"
    kept = try_to_load_from_cache(found.name, file, revision=found.revision)
    return Path(kept).parent.name if isinstance(kept, str) else found.revision
