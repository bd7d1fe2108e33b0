"""What is at a diffusers folder or a hub id, before its weights are loaded."""

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from models.hub.families import Family, family_of
from models.weights import weights_digest


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

    @property
    def source(self) -> dict[str, Any]:
        """Where `from_pretrained` looks: a folder alone, or the revision on the hub."""
        return {"local_files_only": self.local, **({} if self.revision is None else {"revision": self.revision})}


def find(model: str | Path) -> Found:
    """Look at a folder, a hub id or `hub id@revision` without loading it. Raises OSError where there is none."""
    folder = Path(model)
    local = folder.is_dir()
    name, at, revision = (str(model), "", "") if local else str(model).partition("@")
    source = {"local_files_only": local, **({"revision": revision} if at else {})}
    unet = next(iter(sorted(folder.glob("*_unet.safetensors"))), None) if local else None
    try:
        named = str(index(name, source)["_class_name"])
    except OSError:
        # A UNet that comes alone has no model_index.json; only its hub id says what it is.
        family = None if local else family_of(None, name)
        if family is None:
            raise
        return Found(name, local, family.pipeline, family, None, lone=True, revision=revision or None)
    family = family_of(named, name if unet is None else unet.name)
    return Found(name, local, named, family, unet, lone=unet is not None, revision=revision or None)


def index(model: str, source: dict[str, Any]) -> dict[str, Any]:
    """Return the model_index.json of a folder or hub id. Raises OSError where there is none."""
    if source["local_files_only"]:
        return dict(json.loads((Path(model) / "model_index.json").read_text()))
    import diffusers

    return dict(diffusers.DiffusionPipeline.load_config(model, **source))


def version(package: str, class_name: str, found: Found, digests: Path | None = None) -> str:
    """Return package, class, model and its weights: the digest of a folder's, the commit of those from a hub.

    `digests` is as in `weights_digest`.
    """
    folder = Path(found.name)
    named = f"{package} {import_module(package).__version__} {class_name} {folder.name if found.local else found.name}"
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
