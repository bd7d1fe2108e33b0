"""rembg's sessions around graphs that `models.sessions` opened. The only file that imports rembg."""

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from models.sessions import Session


def session_of(name: str, graph: Session) -> Any:
    """Return rembg's session of that name: its work before and after the graph, without its download.

    Raises KeyError for an unknown name, and ImportError if rembg or onnxruntime is missing.
    """
    kind = _kinds()[name]
    session = kind.__new__(kind)  # its `__init__` would find and open a file
    session.model_name, session.inner_session = name, graph
    return session


@cache
def _kinds() -> dict[str, Any]:
    """Return rembg's classes of sessions, by name, without the rest of rembg.

    Its package imports pymatting, which takes 15 MiB, and 30 s if its kernels were never compiled.
    """
    spec = find_spec("rembg")
    if "rembg" in sys.modules or spec is None:
        return dict(import_module("rembg.sessions").sessions)
    package = sys.modules["rembg"] = ModuleType("rembg")
    package.__path__ = list(spec.submodule_search_locations or ())
    try:
        return dict(import_module("rembg.sessions").sessions)
    finally:
        del sys.modules["rembg"]  # so that a later import gets the whole package
