"""ONNX files of one node, written by hand: set-up does not install the library that makes them.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""


def mean_of_channels(height: int, width: int, *, keep: int = 1, small_ones: int = 0) -> bytes:
    """A graph that takes 1×3×height×width floats and returns the mean of the channels, 1×1×height×width.

    `keep=0`: without the axis of the channel. `small_ones`: the outputs before it are the mean of all, 1×1×1×1, as
    BiRefNet has its coarser masks before the last.
    """
    nodes, outputs = b"", b""
    for index in range(small_ones + 1):
        over = (1,) if index == small_ones else (1, 2, 3)
        axes = _text(1, "axes") + b"".join(_number(8, axis) for axis in over) + _number(20, 7)
        keepdims = _text(1, "keepdims") + _number(3, keep) + _number(20, 2)
        node = _text(1, "picture") + _text(2, f"mask{index}") + _text(4, "ReduceMean")
        nodes += _part(1, node + _part(5, axes) + _part(5, keepdims))
        sides = (height, width) if index == small_ones else (1, 1)
        outputs += _part(12, _value(f"mask{index}", *((1, 1, *sides) if keep else (1, *sides))))
    graph = nodes + _text(2, "mean") + _part(11, _value("picture", 1, 3, height, width)) + outputs
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
