"""Writes files in the safetensors format, as the reference implementation does, and its verdicts.

    python safetensors_files.py FOLDER

- torch-dtypes.{safetensors,json}: a tensor of every dtype that PyTorch stores, and the values.
- layout.safetensors: tensors in the order and with the padding of the reference.
- malformed.json: files with one defect each (hexadecimal), and what the reference says to them.
"""

import json
import math
import re
import struct
import sys
from pathlib import Path

import torch
from safetensors import SafetensorError, deserialize
from safetensors.torch import save

INFINITY = float("inf")
NAN = float("nan")


def torch_dtypes() -> dict:
    small = [[1.0, -2.5, 0.0], [-0.0, 65504.0, 0.000061035]]
    return {
        "float32": torch.tensor([[0.1, -0.0, 1e-45], [INFINITY, -INFINITY, NAN]]),
        "float16": torch.tensor(small, dtype=torch.float16),
        "bfloat16": torch.tensor([0.1, -3e38, INFINITY, NAN, 0.0], dtype=torch.bfloat16),
        "float64 exact": torch.tensor([0.5, -1024.25, INFINITY, NAN], dtype=torch.float64),
        "float64 inexact": torch.tensor([0.1, 1.0], dtype=torch.float64),
        "float8": torch.tensor([1.0, -2.0]).to(torch.float8_e4m3fn),
        "complex": torch.tensor([1 + 2j]),
        "int64": torch.tensor([-(2**31), 2**31 - 1, 0]),
        "int64 wide": torch.tensor([2**31, 1]),
        "int32": torch.tensor([-(2**31), 2**31 - 1, 7], dtype=torch.int32),
        "int16": torch.tensor([-32768, 32767], dtype=torch.int16),
        "int8": torch.tensor([[-128], [127]], dtype=torch.int8),
        "uint8": torch.tensor([0, 200, 255], dtype=torch.uint8),
        "uint16": torch.tensor([0, 65535], dtype=torch.uint16),
        "uint32": torch.tensor([0, 2**31 - 1], dtype=torch.uint32),
        "uint32 wide": torch.tensor([2**32 - 1], dtype=torch.uint32),
        "uint64": torch.tensor([3, 4], dtype=torch.uint64),
        "bool": torch.tensor([[True, False], [False, True]]),
        "scalar": torch.tensor(42.5),
        "empty": torch.zeros(0, 4),
        "größe 🙂": torch.tensor([1.0]),
    }


def as_json(value: complex | float) -> object:
    """JSON has no NaN and no infinities, and JavaScript no wide integers."""
    if isinstance(value, complex):
        return str(value)
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
        return str(value)
    return value


def values_of(tensor: torch.Tensor) -> list:
    if tensor.dtype == torch.float8_e4m3fn:
        tensor = tensor.float()
    return [as_json(value) for value in tensor.flatten().tolist()]


def layout() -> dict:
    """Names in an order other than the file's; an odd number of bytes before the wider ones."""
    return {
        "b.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 8,
        "a.ids": torch.tensor([3, -1, 2**31 - 1], dtype=torch.int32),
        "z.brain": torch.tensor([1.5, -3e38], dtype=torch.bfloat16),
        "mask": torch.tensor([True, False, True]),
        "z.half": torch.tensor([1.5, -0.25, 65504.0], dtype=torch.float16),
        "a.weight": torch.tensor([1.0]),
        'quote " backslash \\ tab \t': torch.tensor(2.0),
        "é": torch.tensor([3.0]),
        "ﬁ": torch.tensor([4.0]),  # sorts before the next by code point, after it by UTF-16
        "🙂": torch.tensor([5.0]),
        "empty": torch.zeros(3, 0),
    }


def file(header: str | bytes, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: str = "F32", shape: str = "[1]", offsets: str = "[0,4]") -> str:
    return f'{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}'


def malformed() -> dict:
    one = f'{{"a":{entry()}}}'
    four = b"\0" * 4
    eight = b"\0" * 8
    return {
        "empty file": b"",
        "seven bytes": b"\2\0\0\0\0\0\0",
        "header length of zero": file("", b"", 0),
        "header longer than the file": file("{}", b"", 3),
        "header of 100 MB and a byte": file("{}", b"", 100_000_001),
        "header length of 2^63": file("{}", b"", 2**63),
        "header length of 2^64 - 1": file("{}", b"", 2**64 - 1),
        "header that is not UTF-8": file(b'{"\xff\xfe":' + entry().encode() + b"}", four),
        "header that starts with a space": file(" " + one, four),
        "header that is a list": file("[]"),
        "header that is cut": file(one[:-1], four),
        "header with text behind": file(one + "x", four),
        "header with a NUL behind": file(one + "\0", four),
        "trailing comma": file(f'{{"a":{entry()},}}', four),
        "data missing": file(one, b"\0" * 3),
        "data left over": file(one, b"\0" * 5),
        "no tensor, but data": file("{}", b"\0"),
        "offsets reversed": file(f'{{"a":{entry(shape="[0]", offsets="[4,0]")}}}', four),
        "offset negative": file(f'{{"a":{entry(offsets="[-4,0]")}}}', four),
        "offset fractional": file(f'{{"a":{entry(offsets="[0,4.5]")}}}', four),
        "offset a string": file('{"a":' + entry(offsets='[0,"4"]') + "}", four),
        "offset of 2^64": file(f'{{"a":{entry(offsets="[0,18446744073709551616]")}}}', four),
        "offset of 2^53 + 1": file(f'{{"a":{entry(offsets="[0,9007199254740993]")}}}', four),
        "three offsets": file(f'{{"a":{entry(offsets="[0,4,4]")}}}', four),
        "one offset": file(f'{{"a":{entry(offsets="[0]")}}}', four),
        "hole before the first": file(f'{{"a":{entry(offsets="[4,8]")}}}', eight),
        "hole between two": file(
            f'{{"a":{entry()},"b":{entry(offsets="[8,12]")}}}', b"\0" * 12
        ),
        "overlap": file(
            f'{{"a":{entry(shape="[2]", offsets="[0,8]")},"b":{entry(offsets="[4,8]")}}}', eight
        ),
        "same bytes twice": file(f'{{"a":{entry()},"b":{entry()}}}', four),
        "shape too large for the bytes": file(f'{{"a":{entry(shape="[2]")}}}', four),
        "shape too small for the bytes": file(f'{{"a":{entry(offsets="[0,8]")}}}', eight),
        "shape negative": file(f'{{"a":{entry(shape="[-1]")}}}', four),
        "shape fractional": file(f'{{"a":{entry(shape="[1.5]")}}}', four),
        "shape that overflows": file(
            f'{{"a":{entry(shape="[4294967296,4294967296,4]", offsets="[0,0]")}}}'
        ),
        "shape that overflows to its size": file(
            f'{{"a":{entry(shape="[4611686018427387905]", offsets="[0,4]")}}}', four
        ),
        "dtype unknown": file(f'{{"a":{entry(dtype="F33")}}}', four),
        "dtype of another size": file(f'{{"a":{entry(dtype="F64")}}}', four),
        "dtype missing": file('{"a":{"shape":[1],"data_offsets":[0,4]}}', four),
        "shape missing": file('{"a":{"dtype":"F32","data_offsets":[0,4]}}', four),
        "offsets missing": file('{"a":{"dtype":"F32","shape":[1]}}', four),
        "field twice": file(
            '{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', four
        ),
        "name twice": file(f'{{"a":{entry()},"a":{entry()}}}', four),
        "entry null": file('{"a":null}'),
        "metadata a number": file('{"__metadata__":{"a":1}}'),
        "metadata a list": file('{"__metadata__":["a"]}'),
        "metadata twice": file('{"__metadata__":{},"__metadata__":{}}'),
        "nested a thousand deep": file('{"a":' + "[" * 1000 + "]" * 1000 + "}"),
        # These are well formed.
        "no tensor": file("{}"),
        "padding of spaces": file("{}      "),
        "padding of white space": file("{}\n\t \r"),
        "white space within": file(f'{{ "a" :\n{entry()} }}', four),
        "escapes in names": file(f'{{"\\u0061\\n\\ud83d\\ude42":{entry()}}}', four),
        "entries out of order": file(
            f'{{"b":{entry(offsets="[4,8]")},"a":{entry()}}}', eight
        ),
    }


def verdict(content: bytes) -> str:
    """Names are left out: which of two tensors at odds is named changes from run to run."""
    try:
        deserialize(content)
        return "accepted"
    except SafetensorError as error:
        return re.sub("`[^`]*`", "…", str(error))


def main() -> None:
    folder = Path(sys.argv[1])
    tensors = torch_dtypes()
    (folder / "torch-dtypes.safetensors").write_bytes(save(tensors, {"format": "pt"}))
    values = {
        name: {"shape": list(tensor.shape), "values": values_of(tensor)}
        for name, tensor in tensors.items()
    }
    text = json.dumps(values, ensure_ascii=False, indent=1)
    (folder / "torch-dtypes.json").write_text(text + "\n")
    (folder / "layout.safetensors").write_bytes(save(layout(), {"made by": 'the "reference"'}))
    cases = [
        {"name": name, "bytes": content.hex(), "reference": verdict(content)}
        for name, content in malformed().items()
    ]
    text = json.dumps(cases, ensure_ascii=False, indent=1)
    (folder / "malformed.json").write_text(text + "\n")


main()
