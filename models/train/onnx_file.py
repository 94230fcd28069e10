"""The ONNX file: writing it, checking it, and running exactly what is in it."""

import onnx
import torch
from onnx import helper, numpy_helper, shape_inference
from torch.nn import functional as F

OPSET = 17


def export(network, row, path, names, notes):
    """Write the network with a free batch size, and check the file.

    `row` is an input of batch size one, `names` the input's and the output's name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        network,
        row,
        str(path),
        opset_version=OPSET,
        input_names=[names[0]],
        output_names=[names[1]],
        dynamic_axes={name: {0: "batch"} for name in names},
    )
    file = onnx.load(str(path))
    helper.set_model_props(file, notes)
    onnx.checker.check_model(file, full_check=True)
    onnx.save(file, str(path))


class OnnxRunner:
    """Runs the few operators that the exported file holds, from the file's own graph."""

    def __init__(self, path):
        graph = shape_inference.infer_shapes(onnx.load(str(path))).graph
        self.nodes = list(graph.node)
        self.weights = {w.name: stored(w) for w in graph.initializer}
        self.input, self.output = graph.input[0].name, graph.output[0].name
        self.parameters = sum(w.numel() for w in self.weights.values())
        self.operators = sorted({node.op_type for node in self.nodes})

    @torch.no_grad()
    def __call__(self, batch):
        values = {self.input: batch, **self.weights}
        for node in self.nodes:
            inputs = [values[name] for name in node.input]
            options = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            values[node.output[0]] = OPERATORS[node.op_type](inputs, options)
        return values[self.output]


def stored(initializer):
    weight = torch.from_numpy(numpy_helper.to_array(initializer).copy())
    # Convolutions of this layout take half the time on a CPU.
    return weight.to(memory_format=torch.channels_last) if weight.dim() == 4 else weight


@torch.no_grad()
def greatest_difference(network, path, batch):
    """Between the outputs of the trained network and those of the file."""
    return (network(batch) - OnnxRunner(path)(batch)).abs().max().item()


def conv(inputs, options):
    pads = options.get("pads", [0, 0, 0, 0])
    assert pads[:2] == pads[2:] and options.get("group", 1) == 1
    return F.conv2d(*inputs, stride=options.get("strides", 1), padding=pads[:2])


def max_pool(inputs, options):
    assert not any(options.get("pads", [])) and not options.get("ceil_mode", 0)
    return F.max_pool2d(inputs[0], options["kernel_shape"], options["strides"])


def gemm(inputs, options):
    assert options.get("alpha", 1) == 1 and options.get("beta", 1) == 1
    weight = inputs[1].T if options.get("transB", 0) else inputs[1]
    return inputs[0] @ weight + inputs[2]


OPERATORS = {
    "Conv": conv,
    "Relu": lambda inputs, options: inputs[0].relu(),
    "Sigmoid": lambda inputs, options: inputs[0].sigmoid(),
    "MaxPool": max_pool,
    "Flatten": lambda inputs, options: inputs[0].flatten(options.get("axis", 1)),
    "Gemm": gemm,
    "Identity": lambda inputs, options: inputs[0],
}
