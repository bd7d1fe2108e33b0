"""The samples in the API reference: one request of each operation, with curl and in Python. The tests run every one."""

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files

from litestar.openapi.spec import OpenAPI, Operation

#: Markdown's name of each language, in the order in which they are shown.
_LANGUAGES = {"curl": "sh", "python": "python"}


def load_examples() -> dict[str, dict[str, str]]:
    """Return the samples: by operation id, then by `curl` and `python`."""
    text = (files("service") / "reference" / "examples.toml").read_text("utf-8")
    return {operation: dict(samples) for operation, samples in tomllib.loads(text).items()}


def add_examples(document: OpenAPI, examples: Mapping[str, Mapping[str, str]]) -> None:
    """Put each operation's samples under its description, as Markdown, which every reader of such documents shows.

    Where an operation has no summary of its own, the start of its description becomes that.
    """
    for operation in _operations(document):
        samples = examples.get(operation.operation_id or "", {})
        blocks = [f"```{_LANGUAGES[name]}\n{samples[name].strip()}\n```" for name in _LANGUAGES if name in samples]
        said = operation.description or ""
        if " " not in (operation.summary or ""):  # litestar's own: the handler's name
            operation.summary = said.partition(".")[0].partition(":")[0]
        operation.description = "\n\n".join([said, *blocks]).strip()


def _operations(document: OpenAPI) -> Iterator[Operation]:
    for path in (document.paths or {}).values():
        for method in ("get", "put", "post", "delete", "patch"):
            operation = getattr(path, method)
            if operation is not None:
                yield operation
