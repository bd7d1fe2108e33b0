"""Export our own networks as ONNX graphs, which onnxruntime runs on a CPU, from the checkpoints that ship.

    pip install 'onnx>=1.18' 'onnxscript>=0.5'     # of this script alone
    python -m scripts.export_graphs [--light models/studio/checkpoint] [--refiner models/cutout/checkpoint]

A graph holds no weights: it points into the safetensors file beside it, and its file is named for that file's digest
(`models.graphs.graph_file`), so that the graph of other weights is never taken. Export again after each training.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from onnx import ModelProto, NodeProto, TensorProto, checker, helper
from torch import Tensor, nn

from models.graphs import LIGHT, REFINER, graph_file
from models.light import SINGLES, TRIPLES, LightPipeline, log_light, planes, relit, velocity
from models.loading import LIGHT_CLASS
from models.refiner import SIDE, RefinerNetwork, read_network
from service.settings import REFINER_CHECKPOINT, STUDIO_CHECKPOINT

#: Fields of `Conditions`, which are the light graph's inputs.
NAMES = (*TRIPLES, *SINGLES)
#: The oldest that has what the exporter needs.
OPSET = 20
#: Bytes that a constant of a graph has at most: what is larger is a weight and must be in the safetensors file.
LARGEST_CONSTANT = 1024


class LightGraph(nn.Module):  # type: ignore[misc]  # torch's types are not read
    """One step of `LightPipeline`, of padded conditions: what is between its padding and its answer."""

    def __init__(self, pipe: LightPipeline):
        super().__init__()
        self.unet = pipe.unet

    def forward(self, *fields: Tensor) -> tuple[Tensor, Tensor]:
        """B×H×W(×3) fields of `Conditions`, in NAMES' order, to light and its correction (a logarithm), B×H×W×3."""
        conditions = {
            name: field.permute(0, 3, 1, 2) if field.ndim == 4 else field[:, None]
            for name, field in zip(NAMES, fields, strict=True)
        }
        first = conditions["light"].clamp(min=0)
        # The schedule's one step: from its first timestep, 1000, all the way.
        timestep = torch.tensor(1000.0)
        step = velocity(self.unet, log_light(first), planes(conditions), timestep)
        correction = -step * conditions["lit"]
        return relit(first, correction).permute(0, 2, 3, 1), correction.permute(0, 2, 3, 1)


class RefinerGraph(nn.Module):  # type: ignore[misc]  # torch's types are not read
    """The refiner from bytes to alpha."""

    def __init__(self, network: RefinerNetwork):
        super().__init__()
        self.network = network

    def forward(self, photo: Tensor, mask: Tensor) -> Tensor:
        """S×S×3 sRGB bytes and S×S mask to S×S alpha, both in [0, 1]."""
        seen = photo.permute(2, 0, 1)[None].float() / 255
        return torch.sigmoid(self.network(seen, mask[None, None]))[0, 0]


def export_light(folder: Path) -> Path:
    """Write the graph of a folder with a `LightPipeline` into it and return its path."""
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
    about = {"class": LIGHT_CLASS, "size": str(pipe.size), "multiple": str(pipe.multiple)}
    return _write(program.model_proto, "unet.", weights, folder, LIGHT, about)


def export_refiner(folder: Path) -> Path:
    """Write the graph of a folder with `refiner.safetensors` into it and return its path."""
    example = torch.zeros(SIDE, SIDE, 3, dtype=torch.uint8), torch.zeros(SIDE, SIDE)
    program = torch.onnx.export(
        RefinerGraph(read_network(folder)).eval(),
        example,
        input_names=["photo", "mask"],
        output_names=["alpha"],
        **_EXPORT,
    )
    return _write(program.model_proto, "network.", folder / "refiner.safetensors", folder, REFINER, {"side": str(SIDE)})


#: Not optimized: the exporter would fold weights into new ones. onnxruntime does that when it opens the graph.
_EXPORT: dict[str, Any] = {
    "dynamo": True,
    "optimize": False,
    "external_data": False,
    "opset_version": OPSET,
    "verbose": False,
}


def _write(model: ModelProto, prefix: str, weights: Path, folder: Path, name: str, about: dict[str, str]) -> Path:
    """Write a graph whose weights are those of a safetensors file in the folder; older graphs of the name go."""
    start, tensors = _header(weights)
    kept, casts = list[TensorProto](), list[NodeProto]()
    for constant in model.graph.initializer:
        tensor = tensors.get(constant.name.removeprefix(prefix))
        if tensor is None:
            if constant.ByteSize() > LARGEST_CONSTANT:
                raise ValueError(f"{constant.name} of the graph is not among the weights.")
            kept.append(constant)
            continue
        if list(constant.dims) != tensor["shape"] or tensor["dtype"] != "F16":
            raise ValueError(f"{constant.name} of the graph is another than that of the weights.")
        begin, end = tensor["data_offsets"]
        half = TensorProto(
            name=f"{constant.name}.half",
            dims=constant.dims,
            data_type=TensorProto.FLOAT16,
            data_location=TensorProto.EXTERNAL,
        )
        place = {"location": weights.relative_to(folder).as_posix(), "offset": start + begin, "length": end - begin}
        for key, value in place.items():
            half.external_data.add(key=key, value=str(value))
        kept.append(half)
        casts.append(helper.make_node("Cast", [half.name], [constant.name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    for node in nodes:
        # Where in whose source each came from, several times the graph itself.
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
    helper.set_model_props(model, about)
    path = graph_file(folder, name)
    for old in folder.glob(f"{name}-*.onnx"):
        old.unlink()
    path.write_bytes(model.SerializeToString(deterministic=True))
    checker.check_model(str(path))
    return path


def _header(weights: Path) -> tuple[int, dict[str, Any]]:
    """Return where the tensors begin in a safetensors file, in bytes, and what its header says of each."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return 8 + length, json.loads(file.read(length))


def main(arguments: list[str] | None = None) -> None:
    """Export what is asked for; without a word, both that ship."""
    parser = argparse.ArgumentParser(description="Export our own networks as ONNX graphs.")
    parser.add_argument("--light", type=Path, help="folder of a LightPipeline")
    parser.add_argument("--refiner", type=Path, help="folder of a refiner")
    given = parser.parse_args(arguments)
    both = given.light is None and given.refiner is None
    for folder, export in (
        (given.light or (STUDIO_CHECKPOINT if both else None), export_light),
        (given.refiner or (REFINER_CHECKPOINT if both else None), export_refiner),
    ):
        if folder is not None:
            path = export(folder)
            print(f"{path}  {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
