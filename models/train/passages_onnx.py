"""The ONNX file of the table, a byte a number."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def quantised(table):
    """(int8 table, scale of each row): the largest number of a row is 127 or -127."""
    scales = np.abs(table).max(1, keepdims=True) / 127
    scales[scales == 0] = 1
    return np.rint(table / scales).astype(np.int8), scales.astype(np.float32)


def dequantised(file):
    """The vectors that are in the ONNX file."""
    weights = {weight.name: numpy_helper.to_array(weight) for weight in onnx.load(str(file)).graph.initializer}
    return weights["table"].astype(np.float32) * weights["scales"]


def write(table, path, notes):
    numbers, scales = quantised(table)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["row"]),
        helper.make_node("Cast", ["row"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["scales", "input_ids"], ["scale"]),
        helper.make_node("Mul", ["number", "scale"], ["last_hidden_state"]),
    ]
    shape = ["batch", "sequence"]
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, shape)
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, table.shape[1]])
    weights = [numpy_helper.from_array(numbers, "table"), numpy_helper.from_array(scales, "scales")]
    graph = helper.make_graph(nodes, "passages", [ids], [output], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, notes)
    onnx.checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
