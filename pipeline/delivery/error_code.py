"""A convolutional code: it makes many values of a few bits, so that they can be read although many arrive wrong."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

#: Taps of the four values that each bit makes: rate 1/4, constraint length 11 (Proakis, Digital Communications, 8.2).
_TAPS = (0o2327, 0o2353, 0o2671, 0o3175)
#: Bits that the encoder remembers. As many zeros follow a message, so that it ends in a known state.
_MEMORY = 10
_STATES = 1 << _MEMORY


def encoded(bits: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the code word of B bits: 4 (B + 10) values, 1 or -1."""
    state, word = 0, []
    for bit in [*bits.tolist(), *[0] * _MEMORY]:
        word.append(_outputs()[state << 1 | bit])
        state = (state << 1 | bit) % _STATES
    return np.concatenate(word)


def decoded(soft: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the most likely messages, N×B, of N×4 (B + 10) noisy values in any unit (Viterbi, 1967)."""
    steps = soft.reshape(len(soft), -1, len(_TAPS)).swapaxes(0, 1)
    # a state is entered from two: their registers differ in the oldest bit
    first, second = _outputs()[:_STATES].T, _outputs()[_STATES:].T
    older, rows = np.arange(_STATES) // 2, np.arange(len(soft))
    best = np.where(np.arange(_STATES) == 0, np.float32(0), np.float32(-1e9)) * np.ones((len(soft), 1), np.float32)
    came = np.empty((len(steps), *best.shape), bool)
    for at, values in enumerate(steps):
        one, two = best[:, older] + values @ first, best[:, older + _STATES // 2] + values @ second
        came[at], best = two > one, np.maximum(one, two)
    state, bits = np.zeros(len(soft), np.intp), np.empty(steps.shape[:2], np.uint8)
    for at in range(len(steps) - 1, -1, -1):
        bits[at] = state & 1
        state = state // 2 + _STATES // 2 * came[at, rows, state]
    return bits[:-_MEMORY].T


@cache
def _outputs() -> NDArray[np.float32]:
    """Return the four values of each register, whose newest bit is the lowest."""
    taps = [[1 - 2 * ((register & one).bit_count() & 1) for one in _TAPS] for register in range(2 * _STATES)]
    return np.array(taps, np.float32)
