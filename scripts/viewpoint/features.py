"""Cut the graph of features out of the viewpoint classifier's graph: `python -m scripts.viewpoint.features`.

    pip install 'onnx>=1.18'     # of this script and of `scripts.export_graphs`, which makes that graph

The first two thirds of EfficientNet-lite0, for one larger square. Like the other graphs it holds no weights, points
into the file that was fetched and is named for that file's digest (`models.graphs.GraphFeatures`).
"""

from pathlib import Path

from onnx import NodeProto, TensorProto, helper, load

from models.graphs import FEATURES, VIEWPOINT
from models.weights import CARDS
from models.weights import VIEWPOINT as WEIGHTS_OF_VIEWPOINT
from service.settings import VIEWPOINT_CHECKPOINT

#: The sums of the last blocks that see at a quarter, an eighth and a sixteenth, by the names of torch's exporter.
ENDS = ("add", "add_1", "add_5")
#: Side in pixels of the square that they see.
SIDE = 448


def export_features(folder: Path) -> Path:
    """Write the graph of features beside the viewpoint classifier's graph in a folder and return its path."""
    digest = CARDS[WEIGHTS_OF_VIEWPOINT].sha256[:12]
    model = load(folder / f"{VIEWPOINT}-{digest}.onnx", load_external_data=False)
    needed, nodes = set(ENDS), list[NodeProto]()
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            nodes.insert(0, NodeProto.FromString(node.SerializeToString()))
            needed.update(node.input)
    values = [TensorProto.FromString(one.SerializeToString()) for one in model.graph.initializer if one.name in needed]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ENDS]
    for field, kept in (("node", nodes), ("initializer", values), ("output", ends), ("value_info", [])):
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(kept)
    sides = model.graph.input[0].type.tensor_type.shape.dim
    for dimension, size in zip(sides, (1, SIDE, SIDE, 3), strict=True):
        dimension.dim_value = size
    helper.set_model_props(model, {"side": str(SIDE)})
    path = folder / f"{FEATURES}-{digest}.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


if __name__ == "__main__":
    made = export_features(VIEWPOINT_CHECKPOINT)
    print(f"{made}  {made.stat().st_size} bytes")
