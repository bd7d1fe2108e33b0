"""Inspects a diffusers folder or a hub id before its weights are loaded."""

import json
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

from models.hub.families import FAMILIES, SETTING, Family, family_of
from models.weights import weights_digest

#: Index of a model that only a modular pipeline runs.
MODULAR_INDEX = "modular_model_index.json"
#: Seconds that the hub may take for its first answer; its own library tries six times, a minute each.
PATIENCE = 5.0
#: Seconds for the whole request, including slow name resolution and slow downloads.
LIMIT = 10.0


class ModelNotHere(OSError):
    """Raised for a model that is neither a folder, nor in the hub's cache, nor on the hub; it names a remedy."""


@dataclass(frozen=True)
class Found:
    """The contents of a folder or a hub id."""

    #: Folder or hub id, without the revision.
    name: str
    #: Whether it is a folder.
    local: bool
    #: Class in its model_index.json, or its family's class if there is none.
    class_name: str
    family: Family | None
    #: A sentence for the operator: what its config leaves open, and the setting that decides it.
    doubt: str | None
    #: File of a UNet that is next to the pipeline and replaces the pipeline's own.
    unet: Path | None
    #: Whether such a UNet is there, or the hub id contains nothing else.
    lone: bool
    #: Branch, tag or commit of a hub id, None for its newest.
    revision: str | None = None
    #: `from_pretrained`'s options from `located`.
    source: dict[str, Any] = field(default_factory=dict)


def located(model: str | Path, file: str) -> tuple[str, dict[str, Any]]:
    """Return a folder or a hub id without its revision, and options for `from_pretrained`: local only, or from the hub.

    The hub gets one request, for that file. If it does not answer, its cache is used. Raises ModelNotHere.
    """
    if Path(model).is_dir():
        return str(model), {"local_files_only": True}
    name, at, revision = str(model).partition("@")
    # In a thread, which can be abandoned after LIMIT.
    asked: Future[bool] = Future()

    def ask() -> None:
        try:
            asked.set_result(_on_hub(name, file, revision or None))
        except BaseException as error:  # noqa: BLE001  # raised by `result`
            asked.set_exception(error)

    Thread(target=ask, daemon=True).start()
    try:
        here = not asked.result(LIMIT)
    except TimeoutError:
        here = _cached(name, file, revision or None) or _not_here(name, f"no answer in {LIMIT:g} s")
    return name, {"local_files_only": here, **({"revision": revision} if at else {})}


def _on_hub(name: str, file: str, revision: str | None) -> bool:
    """Return whether the hub answers for a model, False if only its cache has the model. Raises ModelNotHere."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    try:
        get_hf_file_metadata(hf_hub_url(name, file, revision=revision), timeout=PATIENCE)
    except HFValidationError as error:
        raise ModelNotHere(
            f"{name!r} is neither an existing folder nor a hub id (owner/name). Correct the path or the id."
        ) from error
    except EntryNotFoundError:
        return True  # the hub has the model, but not that file
    except Exception as error:  # noqa: BLE001  # its HTTP client has its own errors, which change between releases
        return not (_cached(name, file, revision) or _not_here(name, str(error), error))
    return True


def _cached(name: str, file: str, revision: str | None) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(name, file, revision=revision), str)


def _not_here(name: str, reason: str, cause: Exception | None = None) -> NoReturn:
    from huggingface_hub import constants

    raise ModelNotHere(
        f"{name!r} is not a local folder, and the hub at {constants.ENDPOINT} did not provide it:"
        f" {' '.join(reason.split())[:300] or 'no answer'}. Load it once while the hub is reachable (gated models need"
        " HF_TOKEN), or name a folder."
    ) from cause


def find(model: str | Path, family: str | None = None) -> Found:
    """Inspect a folder, a hub id or `hub id@revision` without loading it; `family` is the operator's choice.

    Raises OSError if there is no model, and the errors of `family_of`.
    """
    folder = Path(model)
    local = folder.is_dir()
    name, source = located(model, "model_index.json")
    unet = next(iter(sorted(folder.glob("*_unet.safetensors"))), None) if local else None
    config = _config(name, source)
    if config is None and local:
        raise FileNotFoundError(
            f"{name} has no model_index.json, so it is not a diffusers pipeline. Name another folder."
        )
    file = unet.name if unet else None if config else _published(name, source)
    found = family_of(config or {}, unet=file, named=family)
    if config is None and (found is None or found.checkpoint is None):
        raise ModelNotHere(f"{name!r} has neither a model_index.json nor a known UNet. Name another model.")
    return Found(
        name,
        local,
        class_name=str(config["_class_name"]) if config else found.pipeline if found else "",
        family=found,
        doubt=None if family else _doubt(found, str((config or {}).get("_class_name")), file),
        unet=unet,
        lone=config is None or unet is not None,
        revision=source.get("revision"),
        source=source,
    )


def _doubt(family: Family | None, class_name: str, file: str | None) -> str | None:
    if family is None:
        names = ", ".join(repr(one.name) for one in FAMILIES if class_name in one.classes) or "none of this class"
        return (
            f"Its config matches no known family, so its pipeline's defaults are used. If it belongs to a family, set"
            f" {SETTING} to its name. Known: {names}."
        )
    if family.alike and (file is None or file != family.checkpoint):
        others = " or ".join(repr(name) for name in family.alike)
        return f"Its config is the same as that of {others}. If it is one of these, set {SETTING} to its name."
    return None


def _config(name: str, source: dict[str, Any]) -> dict[str, Any] | None:
    """Return the model_index.json of a folder or hub id with its parts' configs in it; None if there is none."""
    index = _json(name, "model_index.json", source) or _json(name, MODULAR_INDEX, source)
    if index is None:
        return None
    parts = {"scheduler": "scheduler_config.json", "unet": "config.json", "transformer": "config.json"}
    return index | {
        part: _json(name, f"{part}/{file}", source) or {} for part, file in parts.items() if index.get(part)
    }


def _json(name: str, file: str, source: dict[str, Any]) -> dict[str, Any] | None:
    """Return a JSON file of a folder or hub id; None if there is none."""
    folder = Path(name)
    if folder.is_dir():
        return dict(json.loads((folder / file).read_text())) if (folder / file).is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return dict(json.loads(Path(hf_hub_download(name, file, etag_timeout=PATIENCE, **source)).read_text()))
    except (FileNotFoundError, EntryNotFoundError):
        return None


def _published(name: str, source: dict[str, Any]) -> str | None:
    """Return the name of the known UNet file that a hub id has; None if it has none."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    for file in sorted({family.checkpoint for family in FAMILIES if family.checkpoint}):
        try:
            hf_hub_download(name, file, etag_timeout=PATIENCE, dry_run=True, **source)
        except (OSError, EntryNotFoundError):
            continue
        return file
    return None


def version(class_name: str, found: Found, digests: Sequence[Path] = ()) -> str:
    """Return class, model and its weights: the digest of a folder's weights, or the commit on the hub.

    `digests` is as in `weights_digest`.
    """
    folder = Path(found.name)
    named = f"{class_name} {folder.name if found.local else found.name}"
    if found.local:
        return f"{named} sha256:{weights_digest(folder, digests)[:12]}"
    commit = _commit(found)
    return named if commit is None else f"{named}@{commit[:12]}"


def _commit(found: Found) -> str | None:
    """Return the commit of a hub model, from the snapshot's folder in the hub's cache; None if there is none."""
    family = found.family
    file = family.checkpoint if found.lone and family and family.checkpoint else "model_index.json"
    if "Modular" in found.class_name:
        file = MODULAR_INDEX
    return commit_of(found.name, file, found.revision)


def commit_of(name: str, file: str, revision: str | None) -> str | None:
    """Return the commit of a hub model by its cached file, or the revision if it is not cached."""
    from huggingface_hub import try_to_load_from_cache

    kept = try_to_load_from_cache(name, file, revision=revision)
    return Path(kept).parent.name if isinstance(kept, str) else revision
