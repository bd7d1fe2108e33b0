"""Just-in-time compilation of the kernels (Numba), with the flags that all of them share.

A kernel is a plain function of NumPy arrays and scalars that loops over rows. Numba compiles it for the types of its
first call, and `pipeline.kernels.cache` saves the code on disk. A kernel runs without the GIL, so that
`pipeline.core.parallel.by_rows` can run it on several strips at once. Kernels compute in float32. Constants are
`np.float32`, since a float64 literal would widen a whole expression and halve its lanes. A loop becomes SIMD only
without branches that jump. Select between two values (`a if condition else b`), and call only `inlined` functions.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from pipeline.kernels.cache import keep

Function = TypeVar("Function", bound=Callable[..., Any])

#: Fused multiply-add only: with reordered sums or approximated divisions, rays that graze an edge miss it.
_EXACT = {"contract"}
#: Reordered sums, and reciprocals for divisions: errors of a few ulp, acceptable for colours.
_RELAXED = {"contract", "nsz", "arcp", "reassoc"}


def kernel(function: Function) -> Function:
    """Compile a function of rays and places at its first call, with NumPy's error model (1 / 0 is inf)."""
    return _compiled(function, _EXACT)


def colour_kernel(function: Function) -> Function:
    """Compile a function of colours at its first call; its arithmetic may be reordered."""
    return _compiled(function, _RELAXED)


def inlined(function: Function) -> Function:
    """Compile a helper of `kernel`s, always inlined into them, as SIMD requires. A call from Python crashes."""
    return _helper(function, _EXACT)


def inlined_colour(function: Function) -> Function:
    """Compile a helper of `colour_kernel`s, always inlined into them. A call from Python crashes."""
    return _helper(function, _RELAXED)


def _helper(function: Function, fastmath: set[str]) -> Function:
    # Without entry points for Python and C, which take an eighth of all compilation: only kernels may call a helper.
    plain = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return cast(Function, numba.njit(error_model="numpy", fastmath=fastmath, forceinline=True, **plain)(function))


def _compiled(function: Function, fastmath: set[str]) -> Function:
    compiled = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath, no_cfunc_wrapper=True)(function)
    if not numba.config.DISABLE_JIT:
        keep(compiled)
    return cast(Function, compiled)
