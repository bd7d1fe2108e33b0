"""Colours that a file describes by numbers (ITU-T H.273, `nclx`) instead of a profile."""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.colour.spaces import srgb_to_linear

#: Transfer characteristics of H.273. All others in use count as sRGB's, as displays treat them.
_LINEAR, _PQ, _HLG = 8, 16, 18
_OTHERS = {4: 2.2, 5: 2.8}
#: Luminance of diffuse white, in cd/m² (ITU-R BT.2408, section 2.1); as an HLG signal it is 75 %.
_WHITE, _HLG_WHITE = 203.0, 0.75
#: From D65 to the profile connection space's D50 (Bradford, ICC.1:2022 annex E).
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_D50 = np.array([0.9642, 1.0, 0.8249])


def profile_of(primaries: Sequence[tuple[float, float]], transfer: int) -> bytes | None:
    """Return an ICC profile of such colours; None where they are sRGB's, or are not valid colours.

    `primaries`: CIE x and y of red, green, blue and white. `transfer`: of H.273. In PQ and HLG, light brighter than
    diffuse white is clipped to it.
    """
    points = np.array(primaries, dtype=np.float64)
    if points.shape != (4, 2) or not (points > 0).all() or not (points.sum(axis=1) <= 1).all():
        return None
    if transfer not in {_LINEAR, _PQ, _HLG, *_OTHERS} and np.abs(points - _SRGB).max() < 0.002:
        return None
    red, green, blue, white = np.column_stack([points, 1 - points.sum(axis=1)]) / points[:, 1:]
    mixed = np.column_stack([red, green, blue])
    if abs(np.linalg.det(mixed)) < 1e-6:
        return None
    # ICC.1:2022, annex E: adapted to D50
    gain = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    matrix = np.linalg.inv(_BRADFORD) @ gain @ _BRADFORD @ mixed @ np.diag(np.linalg.solve(mixed, white))
    if np.abs(matrix).max() > 8:
        return None
    return _written(matrix, _curve(transfer))


_SRGB = np.array([(0.64, 0.33), (0.3, 0.6), (0.15, 0.06), (0.3127, 0.329)])


def _curve(transfer: int) -> NDArray[np.float64]:
    """Return the light, in 0–1, of 4096 codes from 0 to 1."""
    code = np.linspace(0.0, 1.0, 4096)
    match transfer:
        case 8:
            light = code
        case 16:  # SMPTE ST 2084, section 5.1
            root = code ** (1 / 78.84375)
            light = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
            light = light * 10_000 / _WHITE
        case 18:  # ITU-R BT.2100, table 5; the system's gamma of 1.2 for each channel on its own
            light = (_hlg(code) / _hlg(np.array(_HLG_WHITE))) ** 1.2
        case _ if transfer in _OTHERS:
            light = code ** _OTHERS[transfer]
        case _:
            light = srgb_to_linear(code.astype(np.float32)).astype(np.float64)
    return np.clip(light, 0.0, 1.0)


def _hlg(code: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12)


def _written(matrix: NDArray[np.float64], curve: NDArray[np.float64]) -> bytes:
    """Write a matrix profile (ICC.1:2001-04, section 6.3.1.2)."""
    table = b"curv\0\0\0\0" + struct.pack(">I", len(curve)) + np.rint(curve * 65535).astype(">u2").tobytes()
    points = [b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in xyz)) for xyz in (_D50, *matrix.T)]
    names = [b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"]
    start = 128 + 4 + 12 * 7
    entries = [(name, start + 20 * number, 20) for number, name in enumerate(names)]
    entries += [(name, start + 80, len(table)) for name in (b"rTRC", b"gTRC", b"bTRC")]
    size = start + 80 + len(table)
    header = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">3i", *(round(v * 65536) for v in _D50))
    tags = struct.pack(">I", len(entries)) + b"".join(struct.pack(">4sII", *entry) for entry in entries)
    return header.ljust(128, b"\0") + tags + b"".join(points) + table
