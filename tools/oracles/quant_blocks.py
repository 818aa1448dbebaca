"""Writes quant-blocks.safetensors: quantized blocks and the float32 values that they stand for.

    python quant_blocks.py OUTPUT

For each type, `TYPE.blocks` is uint8 [64, bytes per block] and `TYPE.values` is float32
[64, values per block], computed by gguf-py's dequantizer. Three sorts of block:
quantized rows (types that gguf-py can quantize), random bytes under ordinary scales, and random
bytes under scales at the edges of float16.
"""

import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import save_file

BLOCKS = 64
EDGE_SCALES = [0.0, -0.0, 6e-8, -6e-8, 6.1e-5, 65504.0, -65504.0, -0.5, 1.0, 2.0**-14]

# type -> byte offsets of the block's float16 fields: its scale, and its minimum where it has one
SCALE_OFFSETS = {
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q8_0: [0],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
}
QUANTIZABLE = {Type.Q4_0, Type.Q4_1, Type.Q8_0}


def adversarial_rows(generator: np.random.Generator, size: int) -> np.ndarray:
    """Returns rows that stress a quantizer, one block each."""
    ramp = np.linspace(-1, 1, size)
    outlier = generator.normal(0, 1e-3, size)
    outlier[5] = 100
    return np.stack(
        [
            np.zeros(size),
            np.full(size, 0.75),
            np.full(size, -0.75),
            outlier,
            -outlier,
            ramp,
            -np.abs(ramp) - 1,
            np.abs(ramp) + 1,
            np.where(np.arange(size) % 2, 1.0, -1.0),
            generator.normal(0, 1e-7, size),  # denormal float16 scales
            generator.normal(0, 1e4, size),
            np.eye(1, size, size - 1)[0],
        ]
    ).astype(np.float32)


def make_blocks(generator: np.random.Generator, type: Type) -> np.ndarray:
    """Returns uint8 [64, bytes per block] of one type."""
    size, byte_length = gguf.GGML_QUANT_SIZES[type]
    blocks = generator.integers(0, 256, (BLOCKS, byte_length), dtype=np.uint8)
    for column, offset in enumerate(SCALE_OFFSETS[type]):
        scales = generator.normal(0, 0.02, BLOCKS)
        # Reversed for the minimum, so that the edges of the two meet in different pairs.
        scales[: 2 * len(EDGE_SCALES)] = np.tile(EDGE_SCALES, 2)[:: 1 if column == 0 else -1]
        halves = scales.astype(np.float16).view(np.uint8).reshape(BLOCKS, 2)
        blocks[:, offset : offset + 2] = halves
    if type in QUANTIZABLE:
        rows = adversarial_rows(generator, size)
        rows = np.concatenate([rows, generator.normal(0, 0.1, (20, size)).astype(np.float32)])
        blocks[-len(rows) :] = gguf.quantize(rows, type).reshape(len(rows), byte_length)
    return blocks


def main(output: str) -> None:
    generator = np.random.default_rng(20)
    tensors = {}
    for type in SCALE_OFFSETS:
        blocks = make_blocks(generator, type)
        values = gguf.dequantize(blocks, type)
        assert np.isfinite(values).all(), type
        tensors[f"{type.name}.blocks"] = blocks
        tensors[f"{type.name}.values"] = values.astype(np.float32)
    save_file(tensors, output)


if __name__ == "__main__":
    main(sys.argv[1])
