"""rembg's sessions, with graphs opened by `models.sessions`. The only file that imports rembg."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from models.device import Device
from models.sessions import PLAIN, Runtime, open_session

#: rembg's imports from pymatting for alpha matting: 0.1 s and 20 MiB, and 30 s if pymatting's kernels were never
#: compiled.
_MATTING = {
    "pymatting.alpha.estimate_alpha_cf": "estimate_alpha_cf",
    "pymatting.foreground.estimate_foreground_ml": "estimate_foreground_ml",
    "pymatting.util.util": "stack_images",
}


class OnRuntime:
    """The part of a rembg session that Backdrop replaces: where `inner_session` runs. The rest is rembg's."""

    def __init__(
        self,
        model_name: str,
        sess_opts: Any = None,
        *args: Any,
        runtime: Runtime = PLAIN,
        device: Device = "cpu",
        digest: str | None = None,
        bfloat16: bool = False,
        **named: Any,
    ):
        """Open the model's graph, which rembg may download first; the options are those of `open_session`.

        onnxruntime's options and providers follow from these, so other arguments are ignored.
        """
        self.model_name = model_name
        graph = Path(self.download_models(*args, **named))  # type: ignore[attr-defined]  # rembg's class has it
        self.inner_session = open_session(graph, runtime, device=device, digest=digest, bfloat16=bfloat16)


def with_our_sessions() -> Any:
    """Return rembg with Backdrop's sessions in its registry, so that `rembg.new_session(name)` returns them.

    Sessions that open more than one graph, or none, stay rembg's own. Raises ImportError if onnxruntime is missing.
    """
    import onnxruntime  # noqa: F401  # without it, rembg exits the interpreter

    with _matting_later():
        rembg = import_module("rembg")
    registry, bare = rembg.sessions, rembg.sessions.BaseSession.__init__
    for place, theirs in enumerate(registry.sessions_class):
        if theirs.__init__ is bare:
            ours = type(theirs.__name__, (OnRuntime, theirs), {})
            registry.sessions_class[place] = registry.sessions[theirs.name()] = ours
    return rembg


@contextmanager
def _matting_later() -> Iterator[None]:
    """Replace functions of pymatting, for imports in the block, by stand-ins that import it at their first call."""
    missing = {name: function for name, function in _MATTING.items() if name not in sys.modules}
    packages = {parent for name in missing for parent in _parents(name) if parent not in sys.modules}
    for name in packages | missing.keys():
        sys.modules[name] = ModuleType(name)
    for name, function in missing.items():
        setattr(sys.modules[name], function, _Later(name, function))
    try:
        yield
    finally:
        for name in packages | missing.keys():
            del sys.modules[name]


def _parents(name: str) -> Iterator[str]:
    while name := name.rpartition(".")[0]:
        yield name


class _Later:
    """A function that is imported when it is called."""

    def __init__(self, module: str, name: str):
        self._module, self._name = module, name

    def __call__(self, *given: Any, **named: Any) -> Any:
        return getattr(import_module(self._module), self._name)(*given, **named)
