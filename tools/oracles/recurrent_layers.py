"""Writes recurrent-torch.safetensors: outputs, states and gradients of PyTorch's recurrent layers.

    python recurrent_layers.py OUTPUT

Inputs and weights are not stored: `fill` makes them, here and in the test. Results are computed in
float64 and rounded once. The loss takes outputs and both last states together. Names are
`case.quantity`; the metadata entry `cases` describes each case in JSON.
"""

import itertools
import json
import sys

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

STEPS, BATCH, INPUT, HIDDEN, PROJECTION = 7, 6, 3, 5, 2
LENGTHS = [7, 5, 5, 2, 1, 1]


def fill(shape: tuple, seed: int, scale: float = 0.5) -> torch.Tensor:
    """Returns values between ±scale that a 32-bit mixing function gives; exact in float32."""
    count = 1
    for size in shape:
        count *= size
    values = []
    for index in range(count):
        x = (index * 2654435761 + seed * 40503 + 12345) & 0xFFFFFFFF
        x = ((x ^ (x >> 15)) * 2246822519) & 0xFFFFFFFF
        x ^= x >> 13
        values.append(((x >> 8) / 2**24 * 2 - 1) * scale)
    return torch.tensor(values, dtype=torch.float64).float().double().reshape(shape)


def build(kind: str, layers: int, bias: bool, bidirectional: bool, dropout: float) -> nn.Module:
    """Returns the layer with filled weights, in float64 and training mode."""
    settings = dict(
        num_layers=layers, bias=bias, bidirectional=bidirectional, dropout=dropout
    )
    if kind in ("tanh", "relu"):
        layer = nn.RNN(INPUT, HIDDEN, nonlinearity=kind, **settings)
    elif kind == "gru":
        layer = nn.GRU(INPUT, HIDDEN, **settings)
    else:
        size = PROJECTION if kind == "lstm-projection" else 0
        layer = nn.LSTM(INPUT, HIDDEN, proj_size=size, **settings)
    layer = layer.double().train()
    with torch.no_grad():
        for index, parameter in enumerate(layer.parameters()):
            parameter.copy_(fill(tuple(parameter.shape), 100 + index))
    return layer


def run(layer: nn.Module, x, h0, c0, lengths, batch_first: bool):
    """Returns the padded output and the last states."""
    layer.batch_first = batch_first
    state = h0 if c0 is None else (h0, c0)
    if lengths is None:
        output, last = layer(x, state)
    else:
        packed = pack_padded_sequence(x, lengths, batch_first=batch_first)
        output, last = layer(packed, state)
        output, _ = pad_packed_sequence(output, batch_first=batch_first, total_length=STEPS)
    return (output, last, None) if c0 is None else (output, *last)


def case(kind: str, layers: int, bias: bool, bidirectional: bool, dropout: float, lengths):
    """Returns every result of one setting."""
    layer = build(kind, layers, bias, bidirectional, dropout)
    count = layers * (2 if bidirectional else 1)
    width = PROJECTION if kind == "lstm-projection" else HIDDEN
    x = fill((STEPS, BATCH, INPUT), 1, 1.0).requires_grad_()
    h0 = fill((count, BATCH, width), 2).requires_grad_()
    c0 = fill((count, BATCH, HIDDEN), 3).requires_grad_() if kind.startswith("lstm") else None
    output, hidden, cell = run(layer, x, h0, c0, lengths, False)
    loss = (output * fill(tuple(output.shape), 4)).sum() + (hidden * fill(tuple(hidden.shape), 5)).sum()
    if cell is not None:
        loss = loss + (cell * fill(tuple(cell.shape), 6)).sum()
    loss.backward()
    results = {"output": output, "hidden": hidden, "d_input": x.grad, "d_hidden": h0.grad}
    if cell is not None:
        results |= {"cell": cell, "d_cell": c0.grad}
    for name, parameter in layer.named_parameters():
        results[f"d_{name}"] = parameter.grad
    with torch.no_grad():  # batch-first is the same computation with two dimensions exchanged
        other = run(layer, x.transpose(0, 1), h0, c0, lengths, True)
        torch.testing.assert_close(other[0].transpose(0, 1), output)
        torch.testing.assert_close(other[1], hidden)
    return results


def main(path: str) -> None:
    cases, tensors = [], {}
    kinds = ["tanh", "relu", "lstm", "gru", "lstm-projection"]
    grid = itertools.product(kinds, [1, 2, 3], [True, False], [False, True], [0.0, 1.0], [None, LENGTHS])
    for kind, layers, bias, bidirectional, dropout, lengths in grid:
        if dropout and layers == 1:
            continue
        name = str(len(cases))
        cases.append(
            dict(name=name, kind=kind, layers=layers, bias=bias, bidirectional=bidirectional, dropout=dropout, lengths=lengths)
        )
        for quantity, value in case(kind, layers, bias, bidirectional, dropout, lengths).items():
            tensors[f"{name}.{quantity}"] = value.detach().float().contiguous()
    sizes = dict(steps=STEPS, batch=BATCH, input=INPUT, hidden=HIDDEN, projection=PROJECTION)
    metadata = {"cases": json.dumps(cases), "sizes": json.dumps(sizes), "torch": torch.__version__}
    save_file(tensors, path, metadata)


if __name__ == "__main__":
    torch.manual_seed(0)
    main(sys.argv[1])
