"""Writes recurrent-onnx.safetensors and recurrent-keras.safetensors: weights in the gate orders of
ONNX and Keras, and what ONNX Runtime and Keras compute with them.

    python recurrent_formats.py onnx OUTPUT
    python recurrent_formats.py keras OUTPUT

Keras runs with any backend (KERAS_BACKEND=torch). Names are `case.quantity`; the metadata entry
`cases` describes the cases in JSON.
"""

import json
import sys

import numpy as np
from safetensors.numpy import save_file

STEPS, BATCH, INPUT, HIDDEN = 6, 3, 4, 5
LENGTHS = [6, 4, 1]


def onnx_case(operator: str, directions: int, attributes: dict, peepholes: bool, lengths, random):
    """Returns inputs and outputs of one operator."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    gates = {"RNN": 1, "LSTM": 4, "GRU": 3}[operator]

    def values(*shape):
        return random.uniform(-0.6, 0.6, shape).astype(np.float32)

    feeds = {
        "X": values(STEPS, BATCH, INPUT),
        "W": values(directions, gates * HIDDEN, INPUT),
        "R": values(directions, gates * HIDDEN, HIDDEN),
        "B": values(directions, 2 * gates * HIDDEN),
        "initial_h": values(directions, BATCH, HIDDEN),
    }
    inputs = ["X", "W", "R", "B", "sequence_lens" if lengths else "", "initial_h"]
    outputs = ["Y", "Y_h"]
    if operator == "LSTM":
        feeds["initial_c"] = values(directions, BATCH, HIDDEN)
        inputs.append("initial_c")
        outputs.append("Y_c")
        if peepholes:
            feeds["P"] = values(directions, 3 * HIDDEN)
            inputs.append("P")
    run_feeds = dict(feeds)
    if lengths:
        run_feeds["sequence_lens"] = np.array(lengths, dtype=np.int32)
    node = helper.make_node(
        operator,
        inputs,
        outputs,
        hidden_size=HIDDEN,
        direction="bidirectional" if directions == 2 else "forward",
        **attributes,
    )
    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int32): TensorProto.INT32}
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info(n, types[v.dtype], v.shape) for n, v in run_feeds.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, [None] * (4 if n == "Y" else 3)) for n in outputs],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return feeds | dict(zip(outputs, session.run(outputs, run_feeds)))


def write_onnx(path: str) -> None:
    random = np.random.default_rng(0)
    cases, tensors = [], {}
    for operator, attributes, peepholes in [
        ("RNN", {}, False),
        ("LSTM", {}, False),
        ("LSTM", {}, True),
        ("GRU", {"linear_before_reset": 0}, False),
        ("GRU", {"linear_before_reset": 1}, False),
    ]:
        for directions in (1, 2):
            for lengths in (None, LENGTHS):
                name = str(len(cases))
                cases.append(
                    dict(name=name, operator=operator, peepholes=peepholes, directions=directions, lengths=lengths, **attributes)
                )
                found = onnx_case(operator, directions, attributes, peepholes, lengths, random)
                for quantity, value in found.items():
                    tensors[f"{name}.{quantity}"] = value
    save_file(tensors, path, {"cases": json.dumps(cases)})


def write_keras(path: str) -> None:
    import keras

    random = np.random.default_rng(1)
    cases, tensors = [], {}
    for kind, layer in [
        ("lstm", keras.layers.LSTM(HIDDEN, return_sequences=True)),
        ("gru", keras.layers.GRU(HIDDEN, return_sequences=True, reset_after=True)),
        ("gru-before", keras.layers.GRU(HIDDEN, return_sequences=True, reset_after=False)),
        ("tanh", keras.layers.SimpleRNN(HIDDEN, return_sequences=True)),
    ]:
        x = random.uniform(-1, 1, (BATCH, STEPS, INPUT)).astype(np.float32)
        layer.build(x.shape)
        weights = [random.uniform(-0.6, 0.6, w.shape).astype(np.float32) for w in layer.get_weights()]
        layer.set_weights(weights)
        output = np.asarray(keras.ops.convert_to_numpy(layer(x)))
        cases.append(dict(name=kind))
        values = dict(zip(["kernel", "recurrentKernel", "bias"], weights), x=x, output=output)
        tensors |= {f"{kind}.{name}": np.ascontiguousarray(value) for name, value in values.items()}
    save_file(tensors, path, {"cases": json.dumps(cases), "keras": keras.__version__})


if __name__ == "__main__":
    {"onnx": write_onnx, "keras": write_keras}[sys.argv[1]](sys.argv[2])
