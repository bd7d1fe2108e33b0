"""Export Backdrop's networks as ONNX graphs for onnxruntime on a CPU, from the shipped checkpoints.

    pip install 'onnx>=1.18' 'onnxscript>=0.5'     # for this script only
    python -m scripts.export_graphs [--light models/renderer/checkpoint] [--viewpoint models/viewpoint/checkpoint]

A graph contains no weights. It points into the safetensors file in its folder, or into the downloaded file of weights.
Its file name contains that file's digest (`models.graphs.graph_file`), so that no graph is used with other weights.
Export again after each training.
"""

import argparse
import json
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import torch
from onnx import ModelProto, NodeProto, TensorProto, checker, helper
from torch import Tensor, nn

from models.graphs import LIGHT, VIEWPOINT, graph_file
from models.light import SINGLES, TRIPLES, LightPipeline, log_light, planes, relit, velocity
from models.weights import CARDS
from models.weights import VIEWPOINT as WEIGHTS_OF_VIEWPOINT
from scripts.viewpoint import network as efficientnet
from service.settings import RENDERER_CHECKPOINT, VIEWPOINT_CHECKPOINT, load_settings

#: Fields of `Conditions`: the light graph's inputs.
NAMES = (*TRIPLES, *SINGLES)
#: The oldest opset that the exporter supports.
OPSET = 20
#: Most bytes of a constant in a graph; anything larger is a weight and must be in the safetensors file.
LARGEST_CONSTANT = 1024


class LightGraph(nn.Module):  # type: ignore[misc]  # torch's types are not read
    """One step of `LightPipeline` on padded conditions, without its padding and cropping."""

    def __init__(self, pipe: LightPipeline):
        super().__init__()
        self.unet = pipe.unet

    def forward(self, *fields: Tensor) -> tuple[Tensor, Tensor]:
        """Return (light, correction), both B×H×W×3, from B×H×W(×3) fields of `Conditions` in the order of NAMES.

        The light is linear, the correction is a logarithm.
        """
        conditions = {
            name: field.permute(0, 3, 1, 2) if field.ndim == 4 else field[:, None]
            for name, field in zip(NAMES, fields, strict=True)
        }
        first = conditions["light"].clamp(min=0)
        # The schedule's only step goes from its first timestep, 1000, to the end.
        timestep = torch.tensor(1000.0)
        step = velocity(self.unet, log_light(first), planes(conditions), timestep)
        correction = -step * conditions["lit"]
        return relit(first, correction).permute(0, 2, 3, 1), correction.permute(0, 2, 3, 1)


class ViewpointGraph(nn.Module):  # type: ignore[misc]  # torch's types are not read
    """EfficientNet-lite0 from bytes to pooled features."""

    def __init__(self, network: efficientnet.EfficientNetLite0):
        super().__init__()
        self.network = network

    def forward(self, views: Tensor) -> Tensor:
        """Return 2×384 features of 2×S×S×3 sRGB bytes."""
        features: Tensor = self.network((views.permute(0, 3, 1, 2).float() - 127) / 128)
        return features


def export_light(folder: Path) -> Path:
    """Write the graph of a folder with a `LightPipeline` into that folder and return its path."""
    pipe = LightPipeline.from_pretrained(folder, local_files_only=True)
    batch, height, width = 2, 4 * pipe.multiple, 5 * pipe.multiple
    example = tuple(torch.rand(batch, height, width, *(3,) * (name in TRIPLES)) for name in NAMES)
    dynamic = torch.export.Dim.DYNAMIC
    program = torch.onnx.export(
        LightGraph(pipe).eval(),
        example,
        input_names=list(NAMES),
        output_names=["relit", "correction"],
        dynamic_shapes=(({0: dynamic, 1: dynamic, 2: dynamic},) * len(NAMES),),
        **_EXPORT,
    )
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    place = weights.relative_to(folder)
    return _write(program.model_proto, "unet.", _header(weights), place, graph_file(folder, LIGHT))


def export_viewpoint(folder: Path, weights: Path) -> Path:
    """Write the graph of EfficientNet-lite0 to `folder` and return its path; `weights` is the folder of its weights."""
    card = CARDS[WEIGHTS_OF_VIEWPOINT]
    path = weights / card.file
    example = torch.zeros(2, efficientnet.SIDE, efficientnet.SIDE, 3, dtype=torch.uint8)
    program = torch.onnx.export(
        ViewpointGraph(efficientnet.read_weights(path)).eval(),
        (example,),
        input_names=["views"],
        output_names=["features"],
        **_EXPORT,
    )
    file = folder / f"{VIEWPOINT}-{card.checksum.removeprefix('sha256:')[:12]}.onnx"
    return _write(program.model_proto, "network.", _storages(path), Path(card.file), file)


#: Not optimized: the exporter would fold weights into new ones. onnxruntime optimizes when it opens the graph.
_EXPORT: dict[str, Any] = {
    "dynamo": True,
    "optimize": False,
    "external_data": False,
    "opset_version": OPSET,
    "verbose": False,
}


@dataclass(frozen=True)
class Stored:
    """The position of a tensor's values in a file of weights, in bytes."""

    shape: tuple[int, ...]
    half: bool
    offset: int
    length: int
    #: The tensor's axes in the file's order, outermost first; empty: unchanged.
    order: tuple[int, ...] = ()


def _write(model: ModelProto, prefix: str, tensors: dict[str, Stored], place: Path, path: Path) -> Path:
    """Write a graph to `path` and delete older graphs of its name.

    Its weights are the `tensors` in a file whose path from the graph's folder is `place`. Raises ValueError for weights
    that the file lacks or that have another shape.
    """
    kept, casts = list[TensorProto](), list[NodeProto]()
    for constant in model.graph.initializer:
        tensor = tensors.get(constant.name.removeprefix(prefix))
        if tensor is None:
            if constant.ByteSize() > LARGEST_CONSTANT:
                raise ValueError(f"{constant.name} of the graph is missing in {place}.")
            kept.append(constant)
            continue
        if tuple(constant.dims) != tensor.shape:
            raise ValueError(f"{constant.name} has another shape in the graph than {tensor.shape} in {place}.")
        order = tensor.order or tuple(range(len(tensor.shape)))
        turned = order != tuple(range(len(order)))
        stored = TensorProto(
            name=f"{constant.name}.half" if tensor.half else f"{constant.name}.stored" if turned else constant.name,
            dims=[tensor.shape[axis] for axis in order],
            data_type=TensorProto.FLOAT16 if tensor.half else TensorProto.FLOAT,
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in (("location", place.as_posix()), ("offset", tensor.offset), ("length", tensor.length)):
            stored.external_data.add(key=key, value=str(value))
        kept.append(stored)
        if tensor.half:
            casts.append(helper.make_node("Cast", [stored.name], [constant.name], to=TensorProto.FLOAT))
        elif turned:
            back = [order.index(axis) for axis in range(len(order))]
            casts.append(helper.make_node("Transpose", [stored.name], [constant.name], perm=back))
    nodes = [*casts, *model.graph.node]
    for node in nodes:
        # The exporter's source locations, several times larger than the graph itself.
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for field, values in (("initializer", kept), ("node", nodes)):
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(values)
    for field in ("value_info", "metadata_props", "doc_string"):
        model.graph.ClearField(field)
    for value in (*model.graph.input, *model.graph.output):
        value.ClearField("metadata_props")
    model.ClearField("metadata_props")
    for old in path.parent.glob(f"{path.name.split('-')[0]}-*.onnx"):
        old.unlink()
    path.write_bytes(model.SerializeToString(deterministic=True))
    if (path.parent / place).is_file():
        checker.check_model(str(path))
    return path


def _header(weights: Path) -> dict[str, Stored]:
    """Return the tensors of a float16 safetensors file. Raises ValueError for another number format."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    found = {}
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        if tensor["dtype"] != "F16":
            raise ValueError(f"{name} in {weights} is {tensor['dtype']}, and F16 is expected.")
        begin, end = tensor["data_offsets"]
        found[name] = Stored(tuple(tensor["shape"]), True, 8 + length + begin, end - begin)
    return found


class _Outline(pickle.Unpickler):
    """Reads each tensor's storage from torch's old format; creates no objects except dictionaries."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a stand-in for a class or function in the file. Raises UnpicklingError for an unknown one."""
        if name == "OrderedDict":
            return OrderedDict
        if name == "_rebuild_tensor_v2":
            return lambda storage, offset, shape, strides, *rest: (storage, offset, shape, strides)
        if module == "torch" and name.endswith("Storage"):
            return name
        raise pickle.UnpicklingError(f"The file contains {module}.{name}, which this script does not read.")

    def persistent_load(self, pid: Any) -> Any:
        """Return a storage's (type, key)."""
        return pid[1], pid[2]


def _storages(weights: Path) -> dict[str, Stored]:
    """Return the float tensors of a file in torch's format before 1.6.

    The file has four pickles (magic number, version, machine, tensors) and the keys of the storages. Each storage
    follows: the number of its values, 8 bytes, and the values. TensorFlow's weights have its own order of axes.
    """
    with weights.open("rb") as file:
        for _ in range(3):
            _Outline(file).load()
        tensors = _Outline(file).load()
        keys = _Outline(file).load()
        sizes = {"FloatStorage": 4, "LongStorage": 8}
        kinds = {storage[1]: storage[0] for storage, *_ in tensors.values()}
        starts = {}
        for key in keys:
            count = int.from_bytes(file.read(8), "little")
            starts[key] = file.tell()
            file.seek(count * sizes[kinds[key]], 1)
    found = {}
    for name, ((kind, key), offset, shape, strides) in tensors.items():
        if kind == "FloatStorage":
            order = tuple(axis for _, axis in sorted((-stride, axis) for axis, stride in enumerate(strides)))
            found[name] = Stored(tuple(shape), False, starts[key] + 4 * offset, 4 * prod(shape), order)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Export the given networks; without arguments, all that ship."""
    parser = argparse.ArgumentParser(description="Export Backdrop's networks as ONNX graphs.")
    parser.add_argument("--light", type=Path, help="folder of a LightPipeline")
    parser.add_argument("--viewpoint", type=Path, help="folder of a viewpoint classifier")
    given = parser.parse_args(arguments)
    both = given.light is None and given.viewpoint is None
    weights = load_settings().weights
    for folder, export in (
        (given.light or (RENDERER_CHECKPOINT if both else None), export_light),
        (given.viewpoint or (VIEWPOINT_CHECKPOINT if both else None), partial(export_viewpoint, weights=weights)),
    ):
        if folder is not None:
            path = export(folder)
            print(f"{path}  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
