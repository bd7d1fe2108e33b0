"""The imperceptible watermark of a generated background: the installation that made the picture, and the job.

A faint pattern repeats over the background, 4 times along the shorter side. It is a sum of waves. Some are always the
same, by which `find` learns the pattern's size and place. The signs of the others carry 48 bits and their CRC-32.
A picture without a watermark passes for one with a probability below 10⁻⁸, by construction: `find` reads at most
CANDIDATES messages from a picture, and a random message has the right CRC-32 with a probability of 2⁻³².

The pattern is public: every Backdrop reads the mark of any other. Anyone who wants to can forge or remove it. `find`
fails on mirrored and rotated pictures. It loads no compiled kernel.
"""

import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft
from scipy.ndimage import gaussian_filter, minimum_filter, uniform_filter

from pipeline.core.parallel import by_rows

#: Crockford's base 32, of which ULIDs are made, and the job of a picture that was made without one.
LETTERS, NO_JOB = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", "000000"
#: Lowest and highest frequency of a wave, cycles a tile, and the share of the waves that are always the same.
_LOWEST, _HIGHEST, _KNOWN = 4, 21, 0.15
#: Never change it: with another seed, earlier marks can't be read.
_SEED = 0x6D61726B
#: The pattern's standard deviation in 8-bit codes: on a flat ground, at most, and its growth by the ground's own where
#: that is above the dither's.
_FLAT, _MOST, _GROWTH, _DITHER = 0.35, 1.0, 0.25, 0.9
#: Shorter side in pixels of the picture that `find` looks at, and the most messages that it reads there.
_SEEN, CANDIDATES = 512, 40
#: Smallest and largest tile that `find` looks for, relative to the shorter side, and the ratio of neighbouring sizes.
_LEAST, _LARGEST, _NEXT = 1 / 8, 0.85, 1.004
#: A convolutional code makes many values of a few bits, so that they can be read although many arrive wrong.
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


@dataclass(frozen=True)
class Payload:
    """The watermark's content: 48 bits. Raises ValueError where a part does not fit."""

    #: 18 bits.
    installation: int
    #: The last 6 characters of the job's ULID, 30 bits.
    job: str = NO_JOB

    def __post_init__(self) -> None:
        """Validate."""
        if not 0 <= self.installation < 1 << 18:
            raise ValueError(f"installation is {self.installation}. Use a number of 18 bits, 0 to 262143.")
        if len(self.job) != len(NO_JOB) or set(self.job) - set(LETTERS):
            raise ValueError(f"job is {self.job!r}. Use the last 6 characters of the job's ULID.")

    def bits(self) -> NDArray[np.uint8]:
        """Return the 80 bits of the payload and its CRC-32."""
        word = f"{self.installation:018b}" + "".join(f"{LETTERS.index(letter):05b}" for letter in self.job)
        data = int(word, 2).to_bytes(6, "big")
        return np.unpackbits(np.frombuffer(data + zlib.crc32(data).to_bytes(4, "big"), np.uint8))

    @staticmethod
    def of(bits: NDArray[np.uint8]) -> "Payload | None":
        """Return the payload of 80 bits; None where the CRC-32 is wrong."""
        data = np.packbits(bits).tobytes()
        number, check = int.from_bytes(data[:6], "big"), int.from_bytes(data[6:], "big")
        job = "".join(LETTERS[number >> shift & 31] for shift in range(25, -1, -5))
        return Payload(number >> 30, job) if zlib.crc32(data[:6]) == check else None


@dataclass(frozen=True)
class Found:
    """A watermark in a picture."""

    payload: Payload
    #: Side of the pattern's tile, in pixels of the picture.
    tile: float


def embed(codes: NDArray[np.uint8], free: NDArray[np.bool_], payload: Payload) -> None:
    """Mark a picture in place: H×W×3 sRGB codes, or H×W×4, whose fourth channel is unchanged.

    Only pixels of the H×W mask `free` change, by one code at most, all channels alike: by at most 0.55 CIEDE2000.
    """
    from pipeline.kernels.colour.codes import nudge

    height, width = free.shape
    side, cell = max(2 * _HIGHEST + 2, round(min(height, width) / 4)), max(8, min(height, width) // 96)
    tile, noise = (np.tile(one, -(-width // len(one)))[:, :width] for one in (tile_of(payload, side), thresholds()))
    strength = np.repeat(strength_of(codes, cell), cell, axis=1)[:, :width]

    by_rows(height, lambda top, end: nudge(codes[top:end], free[top:end], tile, strength, noise, top, cell))


def tile_of(payload: Payload, side: int) -> NDArray[np.float32]:
    """Return the side×side pattern in whole 1/32 of its standard deviation."""
    down, across, known, carried, signs = _waves()
    values = encoded(payload.bits())[carried] * signs
    tile = _summed(down, across, np.concatenate([known, values[::2] + 1j * values[1::2]]), side)
    return np.asarray(np.rint(np.clip(tile / tile.std(), -4, 4) * 32), np.float32)


@cache
def thresholds() -> NDArray[np.float32]:
    """Return 256×256 thresholds for rounding, 4 to 2044 of 2048; neighbours differ (blue noise)."""
    noise = np.random.default_rng(_SEED).random((256, 256))
    for _ in range(3):
        noise -= gaussian_filter(noise, 1.5, mode="wrap")
        noise = noise.ravel().argsort().argsort().reshape(noise.shape) / noise.size
    return np.floor(noise * 256).astype(np.float32) * 8 + 4


def strength_of(codes: NDArray[np.uint8], cell: int) -> NDArray[np.float32]:
    """Return the pattern's standard deviation in whole 1/64 code, for each square of `cell` pixels."""
    rows, columns = (np.minimum(np.arange(-(-size // cell) * 4) * cell // 4, size - 1) for size in codes.shape[:2])
    seen = codes[rows[:, None], columns, 1].astype(np.float32).reshape(len(rows) // 4, 4, len(columns) // 4, 4)
    # the least of nine squares: one edge on a flat wall hides nothing
    texture = uniform_filter(minimum_filter(seen.std((1, 3)), 3, mode="nearest"), 3, mode="nearest")
    return np.asarray(np.rint(np.clip(_FLAT + _GROWTH * (texture - _DITHER), _FLAT, _MOST) * 64), np.float32)


@cache
def _waves() -> tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.complex128], NDArray[np.int64], NDArray[np.int64]
]:
    """Return the waves' cycles a tile, down and across; the first waves' values, which are always the same.

    Then, for the real and the imaginary part of each other wave: the place in the code word of its value, and its sign.
    """
    rng = np.random.default_rng(_SEED)
    down, across = (axis.ravel() for axis in np.mgrid[-_HIGHEST : _HIGHEST + 1, : _HIGHEST + 1])
    length = np.hypot(down, across)
    # of a wave and its opposite, one
    chosen = rng.permutation(np.flatnonzero((length >= _LOWEST) & (length <= _HIGHEST) & ((across > 0) | (down > 0))))
    known = int(_KNOWN * len(chosen))
    parts, word = 2 * (len(chosen) - known), len(encoded(np.zeros(80, np.uint8)))
    phases = np.sqrt(2) * np.exp(2j * np.pi * rng.random(known))
    return down[chosen], across[chosen], phases, rng.permutation(np.arange(parts) % word), rng.choice([-1, 1], parts)


def _summed(down: NDArray[np.int64], across: NDArray[np.int64], values: NDArray[Any], side: int) -> NDArray[np.float32]:
    """Return the side×side sum of waves."""
    spectrum, straight = np.zeros((side, side // 2 + 1), np.complex64), across == 0
    spectrum[down % side, across] = values
    spectrum[-down[straight] % side, 0] = values[straight].conj()
    summed: NDArray[np.float32] = fft.irfft2(spectrum, (side, side))
    return summed


def find(rgb: NDArray[np.uint8]) -> Found | None:
    """Return the watermark of an H×W×3 sRGB picture, also if it was scaled, cropped or compressed; None without."""
    shorter, longer = sorted(rgb.shape[:2])
    scale = min(1.0, _SEEN / shorter)
    # too small for the waves, or so long that its spectrum would be huge
    if shorter < 64 or longer > 8 * shorter:
        return None
    size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    small = Image.fromarray(rgb).convert("L").resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    spectrum = Spectrum(np.asarray(small, np.float32))
    sides = min(size) * np.exp(np.arange(np.log(_LEAST), np.log(_LARGEST), np.log(_NEXT)))
    scores = np.array([spectrum.score(side, 64)[0] for side in sides])
    peaks = np.flatnonzero((scores >= np.roll(scores, 1)) & (scores >= np.roll(scores, -1)))
    for at in peaks[np.argsort(-scores[peaks])][:CANDIDATES]:
        tries = [(*spectrum.score(side, 128), side) for side in sides[at] * np.linspace(1 / _NEXT, _NEXT, 9)]
        _, place, side = max(tries, key=lambda one: one[0])
        payload = Payload.of(decoded(spectrum.message(side, place)[None])[0])
        if payload is not None:
            return Found(payload, float(side / scale))
    return None


class Spectrum:
    """A grey picture's spectrum, levelled, to be read at the waves of tiles of any size."""

    def __init__(self, luma: NDArray[np.float32]):
        (height, width), flat, last = luma.shape, np.zeros_like(luma), luma
        for blur in (1.4, 2.8, 5.6):
            low = gaussian_filter(luma, blur, truncate=3)
            band, last = last - low, low
            # relative to its power near by, so that no edge outweighs the pattern
            power = gaussian_filter(band * band, 1.2 * blur, truncate=3)
            flat += np.clip(band / np.sqrt(power + np.float32(0.05)), -2.5, 2.5) / np.sqrt(power + np.float32(0.5))
        self._side = fft.next_fast_len(2 * max(height, width), real=True)
        padded = np.zeros((self._side, self._side), np.float32)
        padded[:height, :width] = flat
        # the origin in the picture's middle: phases then differ little between neighbouring frequencies
        values = fft.rfft2(np.roll(padded, (-(height // 2), -(width // 2)), (0, 1)))
        length = np.hypot(fft.fftfreq(self._side, 1 / self._side)[:, None], np.arange(values.shape[1]))
        ring = np.floor(4 * np.log2(np.maximum(length, 1))).astype(np.intp)
        power = np.bincount(ring.ravel(), np.abs(values).ravel() ** 2) / np.maximum(np.bincount(ring.ravel()), 1)
        values /= np.sqrt(power + 1e-9).astype(np.float32)[ring]
        # the grid of a compression's blocks makes peaks that look like a tile's
        self._values = values / np.maximum(1, np.abs(values) / 3)

    def at(self, side: float, down: NDArray[Any], across: NDArray[Any]) -> NDArray[np.complex128]:
        """Return the values at frequencies in cycles a tile, interpolated; 0 above the picture's own frequencies."""
        y, x = down * (self._side / side), across * (self._side / side)
        seen = np.maximum(np.abs(y), x) < self._side // 2 - 2
        row, column = (np.where(seen, np.floor(one), 0).astype(np.intp) for one in (y, x))
        v, u, values = y - row, x - column, self._values
        upper = values[row, column] * (1 - u) + values[row, column + 1] * u
        lower = values[row + 1, column] * (1 - u) + values[row + 1, column + 1] * u
        return np.where(seen, upper * (1 - v) + lower * v, 0)

    def score(self, side: float, grid: int) -> tuple[float, tuple[float, float]]:
        """Return the score of a tile's best place of grid×grid places, and that place in tiles, down and across."""
        down, across, known, *_ = _waves()
        down, across = down[: len(known)], across[: len(known)]
        places = _summed(down, across, self.at(side, down, across) * known.conj(), grid)
        row, column = divmod(int(places.argmax()), grid)
        return float(places[row, column]) * grid**2, (row / grid, column / grid)

    def message(self, side: float, place: tuple[float, float]) -> NDArray[np.float32]:
        """Return the soft values of the code word for a tile of that size, at that place."""
        down, across, known, carried, signs = _waves()
        values, ring = self.at(side, down, across), np.hypot(down, across).astype(np.intp) // 2
        # between the waves is only noise: it shows which waves arrived
        both = (values, self.at(side, down + 0.5, across + 0.5))
        heard, noise = (np.bincount(ring, abs(one) ** 2) / np.maximum(np.bincount(ring), 1) + 1e-9 for one in both)
        weight = np.sqrt(np.maximum(heard / noise - 1, 0.02) / noise)[ring]
        turned = (values * weight * np.exp(2j * np.pi * (down * place[0] + across * place[1])))[len(known) :]
        parts = np.stack([turned.real, turned.imag], -1).ravel() * signs
        return np.bincount(carried, parts).astype(np.float32)
