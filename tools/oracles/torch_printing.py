"""Writes torch-printing.json: tensors as PyTorch prints them.

    python torch_printing.py OUTPUT

Each case has the elements, the options and the text. Texts in which PyTorch itself does not align
the columns (whole floats beside infinities or -0) are left out, and so are halves in the last digit
(0.78125 in bfloat16), which Python rounds to even and JavaScript up.
"""

import json
import math
import sys

import torch

INFINITY = float("inf")
NAN = float("nan")

torch.manual_seed(7)


def cases() -> list:
    normal = torch.randn(4, 5)
    long = torch.arange(1200, dtype=torch.int32)
    return [
        ("a scalar", torch.tensor(2.5), {}),
        ("a whole scalar", torch.tensor(-3.0), {}),
        ("a vector", torch.tensor([1.5, -2.25, 1000.125]), {}),
        ("whole numbers", torch.tensor([[1.0, 20.0], [-300.0, 0.0]]), {}),
        ("zeros", torch.zeros(2, 3), {}),
        ("negative zeros", torch.tensor([-0.0, -1.0]), {}),
        ("a matrix", normal, {}),
        ("a matrix of more digits", normal, {"precision": 7}),
        ("a matrix without digits", normal * 10, {"precision": 0}),
        ("a matrix with exponents asked for", normal, {"sci_mode": True}),
        ("a wide range without exponents", torch.tensor([1e-6, 1.5, 3e4]), {"sci_mode": False}),
        ("a wide range", torch.tensor([0.5, 1e-7, -3e10]), {}),
        ("a subnormal number", torch.tensor([1e-40, 1.5]), {}),
        ("a range just too wide", torch.tensor([1.5, 1500.5]), {}),
        ("a range just not too wide", torch.tensor([1.5, 1499.5]), {}),
        ("numbers just too large", torch.tensor([2e8, 3e8]), {}),
        ("numbers just not too large", torch.tensor([1e8, 5e7]), {}),
        ("large whole numbers", torch.tensor([1.0, 123456.0]), {}),
        ("small numbers", torch.tensor([0.00002, 0.00003]), {}),
        ("not finite", torch.tensor([[0.5, NAN], [INFINITY, -INFINITY]]), {}),
        ("not finite alone", torch.tensor([NAN]), {}),
        ("not finite, with exponents", torch.tensor([1e-7, NAN, -INFINITY, 1e7]), {}),
        ("integers", torch.tensor([[1, -20], [3000, 2**31 - 1]], dtype=torch.int32), {}),
        ("truth values", torch.tensor([[True, False], [False, False]]), {}),
        ("no elements", torch.zeros(0), {}),
        ("no rows", torch.zeros(0, 3), {}),
        ("rank 3", torch.arange(12.0).reshape(2, 3, 2), {}),
        ("rank 4", torch.arange(16, dtype=torch.int32).reshape(2, 2, 2, 2), {}),
        ("rank 5", torch.arange(4.0).reshape(1, 2, 1, 2, 1), {}),
        ("a long vector", torch.arange(40.0), {}),
        ("a long row", torch.randn(2, 20), {}),
        ("narrow lines", torch.arange(12.0), {"linewidth": 20}),
        ("lines narrower than an element", torch.arange(3.0), {"linewidth": 2}),
        ("too many elements", long, {}),
        ("too many rows", long.reshape(400, 3), {}),
        ("too many columns", long.reshape(3, 400), {}),
        ("too many of both", long.reshape(30, 40), {}),
        ("too many columns in few rows", long.reshape(6, 200), {}),
        ("too many in rank 3", long.reshape(10, 12, 10), {}),
        ("all the same", long[:100], {"threshold": 100}),
        ("more than allowed", long[:100], {"threshold": 99}),
        ("one at the edges", long.reshape(30, 40), {"edgeitems": 1}),
        ("float16", normal.half(), {}),
        ("bfloat16", torch.tensor([[0.1, -3.3], [INFINITY, 2.75]]).bfloat16(), {}),
        (
            "float16 that is subnormal or not finite",
            torch.tensor([6e-8, 1.5, NAN, -INFINITY]).half(),
            {},
        ),
    ]


def as_json(value: float) -> object:
    """JSON has no NaN and no infinities."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def main() -> None:
    result = []
    for name, tensor, options in cases():
        torch.set_printoptions(profile="default")
        torch.set_printoptions(**options)
        stored = tensor.view(torch.uint16) if tensor.dtype.itemsize == 2 else tensor
        result.append(
            {
                "name": name,
                "dtype": str(tensor.dtype).removeprefix("torch."),
                "shape": list(tensor.shape),
                "values": [as_json(value) for value in stored.flatten().tolist()],
                "options": options,
                "text": str(tensor),
            }
        )
    with open(sys.argv[1], "w") as file:
        json.dump(result, file)
        file.write("\n")


main()
