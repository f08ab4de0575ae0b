"""ViCLIP's video encoder as an ONNX graph of the operations its PyTorch code exports to; weights as initializers."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class Graph:
    """Nodes and initializers in the order they are made."""

    def __init__(self):
        self.nodes, self.initializers = [], []

    def constant(self, value):
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def op(self, kind, *inputs, outputs=1, **attributes):
        inputs = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def reshape(self, x, *shape):
        return self.op("Reshape", x, np.array(shape, np.int64))


def video_encoder(config, tensors):
    """`pixels` `[1, frames, 3, size, size]` to `video_embed` `[1, embed_dim]`."""
    vision = config["vision"]
    frames, size, width, heads, patch = (vision[k] for k in ("frames", "image_size", "width", "heads", "patch_size"))
    patches, tokens = (size // patch) ** 2, 1 + frames * (size // patch) ** 2
    graph = Graph()
    weight = lambda key: tensors[f"vision_encoder.{key}"]

    def norm(x, key):
        return graph.op("LayerNormalization", x, weight(f"{key}.weight"), weight(f"{key}.bias"), axis=-1, epsilon=config["layer_norm_eps"])

    def linear(x, matrix, bias):
        return graph.op("Add", graph.op("MatMul", x, matrix.T), bias)

    def attention(x, key):
        joined = linear(x, weight(f"{key}.in_proj_weight"), weight(f"{key}.in_proj_bias"))
        q, k, v = graph.op("Split", joined, np.array([width] * 3, np.int64), outputs=3, axis=-1)
        split = lambda x, perm: graph.op("Transpose", graph.reshape(x, 1, tokens, heads, width // heads), perm=perm)
        q = graph.op("Mul", split(q, [0, 2, 1, 3]), np.array((width // heads) ** -0.5, np.float32))
        scores = graph.op("Softmax", graph.op("MatMul", q, split(k, [0, 2, 3, 1])), axis=-1)
        mixed = graph.op("Transpose", graph.op("MatMul", scores, split(v, [0, 2, 1, 3])), perm=[0, 2, 1, 3])
        return linear(graph.reshape(mixed, 1, tokens, width), weight(f"{key}.out_proj.weight"), weight(f"{key}.out_proj.bias"))

    def mlp(x, key):
        x = linear(x, weight(f"{key}.c_fc.weight"), weight(f"{key}.c_fc.bias"))
        x = graph.op("Mul", x, graph.op("Sigmoid", graph.op("Mul", x, np.array(1.702, np.float32))))
        return linear(x, weight(f"{key}.c_proj.weight"), weight(f"{key}.c_proj.bias"))

    x = graph.op("Conv", graph.reshape("pixels", frames, 3, size, size), weight("conv1.weight")[:, :, 0], strides=[patch, patch])
    x = graph.op("Transpose", graph.reshape(x, frames, width, patches), perm=[0, 2, 1])
    positions = weight("positional_embedding")
    x = graph.op("Add", x, positions[None, 1:] + weight("temporal_positional_embedding")[0][:, None])
    cls = (weight("class_embedding") + positions[0])[None, None]
    x = norm(graph.op("Concat", cls, graph.reshape(x, 1, tokens - 1, width), axis=1), "ln_pre")
    for layer in range(vision["layers"]):
        block = f"transformer.resblocks.{layer}"
        x = graph.op("Add", x, attention(norm(x, f"{block}.ln_1"), f"{block}.attn"))
        x = graph.op("Add", x, mlp(norm(x, f"{block}.ln_2"), f"{block}.mlp"))
    first = graph.op("Gather", x, np.array(0, np.int64), axis=1)
    x = graph.op("MatMul", norm(first, "ln_post"), weight("proj"))
    graph.nodes.append(helper.make_node("Identity", [x], ["video_embed"]))
    value = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    ends = [value("pixels", 1, frames, 3, size, size)], [value("video_embed", 1, config["embed_dim"])]
    made = helper.make_graph(graph.nodes, "viclip_video_encoder", *ends, graph.initializers)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model
