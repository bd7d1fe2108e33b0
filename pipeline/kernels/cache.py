"""An on-disk cache of the kernels' machine code, so that processes don't compile the same kernel twice.

Numba's own cache checks only the file of the outer kernel, and caches nothing where it can't write next to that file.
This cache keys a kernel by its types and by the sources of its module and of the package's modules that it imports.
Editing a helper therefore recompiles the kernels that use it. The folder's name contains the processor and the versions
of Python and Numba. The cache searches several folders in order and writes to the first writable one, so the folders
before it may be read-only.
"""

import ast
import hashlib
import importlib
import inspect
import itertools
import logging
import pickle
import pkgutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.caching import FunctionCache
from numba.core.compiler import CompileResult
from numba.core.registry import cpu_target
from numba.core.serialize import dumps

logger = logging.getLogger(__name__)

_ROOM = Path(__file__).parent
_PACKAGE = __name__.rpartition(".")[0]
_SUFFIX = ".kernel"
#: Searched in this order; `keep_in` replaces them.
_folders: tuple[Path, ...] = (_ROOM / "__pycache__",)
#: Every kernel of the imported modules.
_kernels: list[Any] = []
#: The names of the kernels that this process has compiled, once for each signature.
compiled: list[str] = []


def keep_in(*folders: Path) -> None:
    """Search these folders for machine code, and write new code to the first writable one."""
    global _folders
    _folders = folders


def keep(kernel: Any) -> None:
    """Let a Numba dispatcher load its machine code from the folders, and save what it compiles."""
    kernel._cache = _KernelCache(kernel.py_func)
    _kernels.append(kernel)


def load_kept() -> int:
    """Load all cached machine code of the current sources, so that no call waits for it; return how many signatures.

    Takes about a second, most of it Numba's own start.
    """
    for module in pkgutil.walk_packages([str(_ROOM)], f"{_PACKAGE}."):
        importlib.import_module(module.name)
    for kernel in _kernels:
        for signature in kernel._cache.signatures():
            kernel.compile(signature)
    return sum(len(kernel.overloads) for kernel in _kernels)


def is_complete(state: str) -> bool:
    """Return whether `mark_complete` was called with this `state`, on a processor like this one."""
    return any((place / state).is_file() for place in _places())


def mark_complete(state: str) -> Path | None:
    """Record that the cache is complete for this `state` (a file's name); return the folder, None if none is writable.

    Deletes machine code of older sources there.
    """
    place = _writable()
    if place is not None:
        # Names of files that another process is still writing begin with a dot.
        kept = (".", *(kernel._cache.prefix for kernel in _kernels))
        for path in place.iterdir():
            if not path.name.startswith(kept):
                path.unlink(missing_ok=True)
        (place / state).touch()
    return place


class _KernelCache(FunctionCache):  # type: ignore[misc]  # Numba has no type hints
    """Machine code of one kernel: a file for each signature, a pickle of the types and of the code."""

    def __init__(self, function: Any):
        self._py_func = function
        self._source = Path(inspect.getfile(function))
        self._name = f"{self._source.stem}.{function.__qualname__}".replace("<locals>.", "")
        self.enable()

    @property
    def prefix(self) -> str:
        """The beginning of its files' names."""
        return f"{self._name}-{_digest(self._source)}-"

    @property
    def cache_path(self) -> str:
        """The first folder that Numba searches."""
        return str(_folders[0])

    def signatures(self) -> Iterator[Any]:
        """Yield the types of each signature that has cached machine code for the kernel's current source."""
        for path in itertools.chain.from_iterable(place.glob(f"{self.prefix}*") for place in _places()):
            if (kept := _read(path)) is not None:
                yield kept[0]

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        for place in _places():
            path = place / self._file(sig, target_context.codegen())
            if (kept := _read(path)) is not None:
                return _rebuilt(target_context, kept[1])
        if not compiled:
            where = _writable() or "nowhere, because no folder is writable, so every start compiles"
            logger.warning("compiling kernels for %s; saved in: %s", _processor(), where)
        compiled.append(self._name)
        return None

    def _save_overload(self, sig: Any, data: Any) -> None:
        place = _writable()
        if place is None or data.library.has_dynamic_globals or any(not lifted.can_cache for lifted in data.lifted):
            return
        path = place / self._file(sig, data.codegen)
        # Rename a complete file: other processes read and write here too.
        new = place / f".{uuid.uuid4().hex}"
        new.write_bytes(dumps((sig, data._reduce())))
        new.replace(path)

    def _file(self, sig: Any, codegen: Any) -> str:
        key = hashlib.sha256(repr(self._index_key(sig, codegen)).encode()).hexdigest()
        return f"{self.prefix}{key[:16]}{_SUFFIX}"


def _rebuilt(target_context: Any, code: tuple[Any, ...]) -> Any:
    """Return a kernel from its code, without the LLVM modules that only the compilation of a caller reads.

    Those of all kernels would take 23 MB, their bitcode takes 3 MB.
    """
    found = CompileResult._rebuild(target_context, *code)
    library, (_, bitcode) = found.library, code[0][2]
    library._shared_module = None
    library._get_module_for_linking = lambda: llvmlite.binding.parse_bitcode(bitcode)
    return found


def _read(path: Path) -> tuple[Any, tuple[Any, ...]] | None:
    """Return the types and the code in a file; None if it is missing or truncated."""
    try:
        kept: tuple[Any, tuple[Any, ...]] = pickle.loads(path.read_bytes())  # noqa: S301  # as trusted as the code
    except (OSError, EOFError, pickle.UnpicklingError):
        return None
    return kept


def _places() -> list[Path]:
    """Return each folder's subfolder for this processor and these versions."""
    return [folder / _target() for folder in _folders]


@cache
def _target() -> str:
    features = cpu_target.target_context.codegen().magic_tuple()
    versions = (sys.implementation.cache_tag, numba.__version__, llvmlite.__version__)
    return f"{_processor()}-{hashlib.sha256(repr((features, versions)).encode()).hexdigest()[:12]}"


def _processor() -> str:
    """Return LLVM's name of the processor, such as znver4, or the value of NUMBA_CPU_NAME."""
    return str(cpu_target.target_context.codegen()._get_host_cpu_name())


def _writable() -> Path | None:
    """Return the first subfolder that is writable."""
    for place in _places():
        if _takes_files(place):
            return place
    return None


@cache
def _takes_files(place: Path) -> bool:
    try:
        place.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=place).close()
    except OSError:
        return False
    return True


@cache
def _digest(source: Path) -> str:
    """Return a hash of a module's source and of the package's modules that it imports, directly or not."""
    found: dict[Path, bytes] = {}
    waiting = [source]
    while waiting:
        path = waiting.pop()
        if path not in found and path.is_file():
            found[path], imported = _read_source(path)
            waiting += imported
    texts = (found[path] for path in sorted(found, key=lambda path: path.name))
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


@cache  # parsing takes milliseconds, and most modules import the same few
def _read_source(path: Path) -> tuple[bytes, list[Path]]:
    """Return a module's source and the modules of the package that it may import."""
    text = path.read_bytes()
    names = itertools.chain.from_iterable(map(_imported, ast.walk(ast.parse(text))))
    inside = (name.removeprefix(f"{_PACKAGE}.").split(".") for name in names if name.startswith(_PACKAGE))
    return text, [_ROOM.joinpath(*steps).with_suffix(".py") for steps in inside]


def _imported(node: ast.AST) -> list[str]:
    """Return the names of the modules that an import statement may refer to."""
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
