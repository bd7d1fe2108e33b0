"""Just-in-time compilation of the kernels (Numba): one place for the flags that all of them share.

A kernel is a plain function of NumPy arrays and scalars that loops over rows. It is compiled for the types of its first
call, kept on disk (`pipeline.kernels.cache`), and runs without the interpreter's lock, so that
`pipeline.core.parallel.by_rows` can run it on several strips at once. What a kernel computes it computes in float32:
constants are `np.float32`, since a float64 literal would widen a whole expression and halve its lanes. Loops that are
to become SIMD hold no branch that jumps: choose between two values (`a if condition else b`), and call only functions
that are `inlined`.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from pipeline.kernels.cache import keep

Function = TypeVar("Function", bound=Callable[..., Any])

#: Fused multiply-add only: rays that graze an edge go astray where sums are reordered or divisions approximated.
_EXACT = {"contract"}
#: Sums reordered, divisions by multiplication with the reciprocal: errors of a few ulp, fine for colours.
_RELAXED = {"contract", "nsz", "arcp", "reassoc"}


def kernel(function: Function) -> Function:
    """Compile a function of rays and places at its first call, with NumPy's error model (1 / 0 is inf)."""
    return _compiled(function, _EXACT)


def colour_kernel(function: Function) -> Function:
    """Compile a function of colours at its first call; its arithmetic may be reordered."""
    return _compiled(function, _RELAXED)


def inlined(function: Function) -> Function:
    """Compile a helper of `kernel`s, which is always inlined into them: what SIMD asks of it."""
    return cast(Function, numba.njit(error_model="numpy", fastmath=_EXACT, forceinline=True)(function))


def inlined_colour(function: Function) -> Function:
    """Compile a helper of `colour_kernel`s, which is always inlined into them."""
    return cast(Function, numba.njit(error_model="numpy", fastmath=_RELAXED, forceinline=True)(function))


def _compiled(function: Function, fastmath: set[str]) -> Function:
    compiled = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function)
    if not numba.config.DISABLE_JIT:
        keep(compiled)
    return cast(Function, compiled)
