"""ONNX files of one node, written by hand: no set-up installs the library that makes them.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""


def mean_of_channels(height: int, width: int, *, keep: int = 1) -> bytes:
    """A graph that takes 1×3×height×width floats and gives the mean of the channels, 1×1×height×width.

    `keep=0`: without the axis of the channel.
    """
    axes = _text(1, "axes") + _number(8, 1) + _number(20, 7)
    keepdims = _text(1, "keepdims") + _number(3, keep) + _number(20, 2)
    node = _text(1, "picture") + _text(2, "mask") + _text(4, "ReduceMean") + _part(5, axes) + _part(5, keepdims)
    answer = (1, 1, height, width) if keep else (1, height, width)
    graph = _part(1, node) + _text(2, "mean") + _part(11, _value("picture", 1, 3, height, width))
    graph += _part(12, _value("mask", *answer))
    return _number(1, 8) + _part(7, graph) + _part(8, _number(2, 13))


def _value(name: str, *shape: int) -> bytes:
    """A tensor of 32-bit floats."""
    sides = b"".join(_part(1, _number(1, side)) for side in shape)
    return _text(1, name) + _part(2, _part(1, _number(1, 1) + _part(2, sides)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _part(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _text(field: int, text: str) -> bytes:
    return _part(field, text.encode())


def _varint(value: int) -> bytes:
    low = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([byte | 0x80 for byte in low[:-1]] + low[-1:])
