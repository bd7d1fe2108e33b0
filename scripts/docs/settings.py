"""The page of the settings, from their fields and the comments above them."""

import sys
from pathlib import Path
from typing import Any

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from scripts.docs.field_comments import comments_of
from scripts.docs.markdown import code, page, text
from scripts.docs.schemas import type_of
from service.settings import Remote, Settings

ROOT = Path(__file__).resolve().parents[2]
_LEAD = """\
This page lists every setting. A setting is an environment variable. Durations are in seconds and sizes in bytes, unless
the text names another unit. `backdrop doctor` prints the values that are in force, and warns of a variable
`BACKDROP_…` that no setting reads. [Commands and options](command-line.md) override some settings.

S3 credentials and the region come from boto3's own chain, `AWS_ACCESS_KEY_ID` for example."""
#: The title of each group, by the first field of it.
_GROUPS = {
    "home": "State, database and queue",
    "store": "Photos and renders",
    "host": "Addresses, ports and logs",
    "max_body_bytes": "Sizes of requests and photos",
    "worker_takes": "Jobs and workers",
    "submit_rate": "Limits of clients, previews and streams",
    "source_days": "How long things are kept",
    "fetch_timeout": "Fetching photos, and webhooks",
    "segmenter": "Networks",
    "generator": "Generator and hub models",
    "device": "Device",
    "xmp": "Marks in pictures",
    "catalogue": "Catalogue",
    "steps": "How the generator runs",
}


def variables_of(name: str, field: FieldInfo) -> list[str]:
    """Return the environment variables that a setting reads, the first that is set wins."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [f"BACKDROP_{name.upper()}"]


def settings_page() -> str:
    """Return the page as Markdown."""
    parts = []
    for name in Settings.model_fields:
        if name in _GROUPS:
            parts.append(f"## {_GROUPS[name]}")
        parts.append(_section(Settings, name))
    parts += ["## Remote commands", "The commands that talk to a server read these."]
    parts += [_section(Remote, name) for name in Remote.model_fields]
    return page("Settings", _LEAD, parts, "`service/settings.py`")


def _section(model: type[BaseSettings], name: str) -> str:
    field, schema = model.model_fields[name], model.model_json_schema()["properties"]
    first, *others = variables_of(name, field)
    # By its name, or by its first alias, as the schema has it.
    shown: dict[str, Any] = schema.get(name) or schema[first]
    kind = type_of({key: value for key, value in shown.items() if key != "default"})
    kind = kind.replace("string (path)", "path").removesuffix(" or null")
    lines = [f"Type: {kind}. Default: {_default(field.default)}."]
    if others:
        lines.append(f"Also read: {', '.join(map(code, others))}.")
    return "\n\n".join([f"### {first}", text(comments_of(model)[name]), " ".join(lines)])


def _default(value: object) -> str:
    """Return a default as Markdown; what a path has of this machine is left out."""
    if value is None:
        return "not set"
    if value == "":
        return "empty"
    if isinstance(value, float) and value == int(value):
        value = int(value)
    words = f"{value:,}" if isinstance(value, int) and value >= 100_000 else str(value)
    for folder, short in ((f"{ROOT}/", ""), (f"{sys.prefix}/", ".venv/")):
        words = words.replace(folder, short)
    return code(words.lower() if isinstance(value, bool) else words)
