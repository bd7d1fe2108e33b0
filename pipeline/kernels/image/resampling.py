"""Resampling by rows, all channels at once: box means, bilinear enlargement, Gaussian blur.

Arrays are H×W×C, C-contiguous float32. A call writes one strip of rows, `out`, which begins at the row `top` of the
whole result. `tall` is the result's height where it differs from the source's.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import colour_kernel, inlined, kernel

Image = NDArray[np.float32]
Weights = NDArray[np.float32]

_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)


@inlined
def neighbours(index: int, source: int, target: int) -> tuple[int, int, np.float32]:
    """Return the two of `source` samples that make the sample `index` of `target`, and the share of the second."""
    at = (np.float32(index) + _HALF) * (np.float32(source) / np.float32(target)) - _HALF
    at = np.float32(min(max(at, _ZERO), np.float32(source - 1)))
    first = int(at)
    return first, min(first + 1, source - 1), at - np.float32(first)


@inlined
def box(index: int, scale: float, size: int) -> tuple[int, int]:
    """Return the first of `size` samples that a box `scale` samples wide covers, and the index after its last."""
    return int(index * scale + 0.5), min(int((index + 1) * scale + 0.5), size)


@kernel
def box_means(image: Image, tall: int, top: int, out: Image) -> None:
    """Box-filter `image`: the mean under each pixel of `out`, like Pillow's BOX."""
    # Edges are measured from the middle, as in Pillow, since `out` may be larger; `box` rounds halves differently.
    height, width, channels = image.shape
    down, across = height / tall, width / out.shape[1]
    lines = image.reshape(height, width * channels)
    total = np.empty(width * channels, np.float32)
    for i in range(out.shape[0]):
        middle, reach = (top + i + 0.5) * down, 0.5 * max(down, 1.0)
        first, end = int(middle - reach + 0.5), min(int(middle + reach + 0.5), height)
        # Value by value: for a slice assignment Numba also compiles the shape error's message, which takes 3 s.
        for j in range(total.size):
            total[j] = lines[first, j]
        for row in range(first + 1, end):
            line = lines[row]
            for j in range(total.size):
                total[j] += line[j]
        rows = end - first
        for j in range(out.shape[1]):
            middle, reach = (j + 0.5) * across, 0.5 * max(across, 1.0)
            first, end = int(middle - reach + 0.5), min(int(middle + reach + 0.5), width)
            count = np.float32(rows * (end - first))
            for c in range(channels):
                summed = _ZERO
                for column in range(first, end):
                    summed += total[column * channels + c]
                out[i, j, c] = summed / count


@inlined
def mix_lines(above: Image, below: Image, share: np.float32, planes: Image) -> None:
    """Interpolate linearly between two rows, w×C, by the share of the lower one, into C×w `planes`."""
    for c in range(planes.shape[0]):
        plane = planes[c]
        for x in range(plane.size):
            plane[x] = above[x, c] + (below[x, c] - above[x, c]) * share


@inlined
def stretch(
    planes: Image, lefts: NDArray[np.int32], rights: NDArray[np.int32], shares: Weights, line: NDArray[np.float32]
) -> None:
    """Interpolate C×w linearly across, with the result of `columns_between` for W columns, into a row of W·C values."""
    channels = planes.shape[0]
    if channels == 3:
        reds, greens, blues = planes[0], planes[1], planes[2]
        for j in range(lefts.size):
            left, right, share = lefts[j], rights[j], shares[j]
            line[3 * j] = reds[left] + (reds[right] - reds[left]) * share
            line[3 * j + 1] = greens[left] + (greens[right] - greens[left]) * share
            line[3 * j + 2] = blues[left] + (blues[right] - blues[left]) * share
        return
    for c in range(channels):
        plane, into = planes[c], line[c:]
        for j in range(lefts.size):
            left = plane[lefts[j]]
            into[j * channels] = left + (plane[rights[j]] - left) * shares[j]


@kernel
def enlarge(image: Image, tall: int, top: int, out: Image) -> None:
    """Enlarge `image` bilinearly, with replicated edges."""
    height, width, channels = image.shape
    planes = np.empty((channels, width), np.float32)
    lefts, rights, shares = columns_between(width, out.shape[1])
    for i in range(out.shape[0]):
        upper, lower, share = neighbours(top + i, height, tall)
        mix_lines(image[upper], image[lower], share, planes)
        stretch(planes, lefts, rights, shares, out[i].reshape(-1))


@kernel
def columns_between(source: int, target: int) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """Return `neighbours` of each of `target` columns: int32, int32 and float32, each of that length."""
    lefts, rights = np.empty(target, np.int32), np.empty(target, np.int32)
    shares = np.empty(target, np.float32)
    for j in range(target):
        left, right, share = neighbours(j, source, target)
        lefts[j], rights[j], shares[j] = left, right, share
    return lefts, rights, shares


@inlined
def _mirrored(index: int, size: int) -> int:
    """Return the index in 0 … size - 1 that mirrors an index beyond the edge (SciPy's "reflect")."""
    period = 2 * size
    within = index % period
    return period - 1 - within if within >= size else within


@colour_kernel
def blur_down(image: Image, weights: Weights, top: int, out: Image) -> None:
    """Convolve columns with a symmetric filter, mirrored at the edges; `weights` start with the middle one."""
    height, width, channels = image.shape
    lines, outs = image.reshape(height, width * channels), out.reshape(out.shape[0], width * channels)
    for i in range(top, top + out.shape[0]):
        into, line = outs[i - top], lines[i]
        for j in range(into.size):
            into[j] = line[j] * weights[0]
        for k in range(1, weights.size):
            weight = weights[k]
            above, below = lines[_mirrored(i - k, height)], lines[_mirrored(i + k, height)]
            for j in range(into.size):
                into[j] += weight * (above[j] + below[j])


@colour_kernel
def blur_across(image: Image, weights: Weights, top: int, out: Image) -> None:
    """Convolve rows with a symmetric filter, mirrored at the edges; `weights` start with the middle one."""
    width, channels = image.shape[1:]
    outs = out.reshape(out.shape[0], width * channels)
    reach = weights.size - 1
    wider = np.empty((width + 2 * reach, channels), np.float32)
    line = wider.reshape(-1)
    for i in range(top, top + out.shape[0]):
        for j in range(width):  # value by value, as in `box_means`
            for c in range(channels):
                wider[reach + j, c] = image[i, j, c]
        for k in range(reach):
            for c in range(channels):
                wider[k, c] = image[i, _mirrored(k - reach, width), c]
                wider[reach + width + k, c] = image[i, _mirrored(width + k, width), c]
        into = outs[i - top]
        middle = line[reach * channels :]
        for j in range(into.size):
            into[j] = middle[j] * weights[0]
        for k in range(1, weights.size):
            weight = weights[k]
            left, right = line[(reach - k) * channels :], line[(reach + k) * channels :]
            for j in range(into.size):
                into[j] += weight * (left[j] + right[j])
