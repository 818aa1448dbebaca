"""Writes torch-ops.safetensors: inputs and results of single operations, as PyTorch computes them.

    python torch_ops.py OUTPUT

Inputs are float32; results are computed in float64 and rounded once, so a test may compare at
the precision of its own arithmetic. Tensors are named `case.input` and `case.output`; scalar
arguments are in the JSON of the metadata entry `parameters` under the same scheme.
"""

import json
import sys

import torch
from safetensors.torch import save_file
from torch.nn import functional
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

ROTARY_THETA = 100_000.0
RMS_EPSILON = 1e-5
INFINITY = float("inf")


def random(*shape: int, scale: float = 1.0) -> torch.Tensor:
    """Returns float32 normal values, which the float64 computation then starts from."""
    return (torch.randn(shape) * scale).double()


def rms_norm_cases() -> dict:
    x, weight = random(5, 48), random(48)
    tiny = torch.full((2, 48), 1e-4).double()
    return {
        "rms_norm.x": x,
        "rms_norm.weight": weight,
        "rms_norm.output": functional.rms_norm(x, (48,), weight, RMS_EPSILON),
        "rms_norm_tiny.x": tiny,  # the epsilon outweighs the mean square
        "rms_norm_tiny.weight": weight,
        "rms_norm_tiny.output": functional.rms_norm(tiny, (48,), weight, RMS_EPSILON),
    }


def rotary_cases() -> dict:
    """x is [T, H, D]; `half` turns pairs (i, i + D/2), `interleaved` turns pairs (2i, 2i + 1)."""
    tokens, heads, size = 6, 3, 16
    x = random(tokens, heads, size)
    positions = torch.tensor([0, 1, 2, 7, 63, 2047])
    config = LlamaConfig(
        hidden_size=heads * size,
        num_attention_heads=heads,
        max_position_embeddings=4096,
        rope_parameters={"rope_type": "default", "rope_theta": ROTARY_THETA},
    )
    rotary = LlamaRotaryEmbedding(config)
    frequencies = 1.0 / ROTARY_THETA ** (torch.arange(0, size, 2).double() / size)
    torch.testing.assert_close(rotary.inv_freq.double(), frequencies, rtol=1e-6, atol=0)
    angles = positions.double()[:, None] * frequencies
    full = torch.cat([angles, angles], dim=-1)[None]
    query = x.transpose(0, 1)[None]  # [1, H, T, D]
    half, _ = apply_rotary_pos_emb(query, query, full.cos(), full.sin())
    turns = torch.polar(torch.ones_like(angles), angles)[:, None, :]
    pairs = torch.view_as_complex(x.reshape(tokens, heads, size // 2, 2))
    return {
        "rotary.x": x,
        "rotary.positions": positions.int(),
        "rotary.half": half[0].transpose(0, 1),
        "rotary.interleaved": torch.view_as_real(pairs * turns).reshape(tokens, heads, size),
    }


def softmax_cases() -> dict:
    inputs = {
        "softmax": random(4, 33, scale=3),
        "softmax_large": torch.tensor([[1e4, 1e4 - 1, -1e4], [88.8, 89.5, 90.0], [3e38, 1.0, 0.0]]),
        "softmax_masked": torch.tensor([[0.5, -INFINITY, 1.5], [-INFINITY, -INFINITY, -7.0]]),
        "softmax_equal": torch.full((2, 7), -3.25),
    }
    cases = {}
    for name, x in inputs.items():
        cases[f"{name}.x"] = x
        cases[f"{name}.output"] = torch.softmax(x.float().double(), dim=-1)
    return cases


def attention_cases() -> dict:
    """Grouped-query attention: q [T, H, D], k and v [S, Hkv, D]; query t sees keys up to S-T+t."""
    tokens, keys, heads, kv_heads, size = 5, 9, 6, 2, 8
    q = random(tokens, heads, size)
    k, v = random(keys, kv_heads, size), random(keys, kv_heads, size)
    mask = torch.ones(tokens, keys, dtype=torch.bool).tril(keys - tokens)
    output = functional.scaled_dot_product_attention(
        *(x.transpose(0, 1)[None] for x in (q, k, v)), attn_mask=mask, enable_gqa=True
    )
    return {
        "attention.q": q,
        "attention.k": k,
        "attention.v": v,
        "attention.output": output[0].transpose(0, 1),
    }


def other_cases() -> dict:
    a, b = random(7, 20), random(20, 11)
    batch_a, batch_b = random(2, 3, 8), random(2, 8, 5)
    x, extreme = random(4, 30, scale=4), torch.tensor([-100.0, -1e-8, 0.0, 1e-8, 100.0])
    table, ids = random(12, 6), torch.tensor([0, 11, 3, 3, 7])
    scores = random(3, 50)
    values, indices = torch.topk(scores, 8)
    ties = torch.tensor([[1.0, 3.0, 3.0, 2.0], [-1.0, -1.0, -1.0, -1.0], [0.0, -0.0, -2.0, 0.0]])
    return {
        "matmul.a": a,
        "matmul.b": b,
        "matmul.output": a @ b,
        "matmul_batched.a": batch_a,
        "matmul_batched.b": batch_b,
        "matmul_batched.output": batch_a @ batch_b,
        "silu.x": x,
        "silu.output": functional.silu(x),
        "silu_extreme.x": extreme,
        "silu_extreme.output": functional.silu(extreme.double()),
        "embedding.table": table,
        "embedding.ids": ids.int(),
        "embedding.output": functional.embedding(ids, table),
        "topk.x": scores,
        "topk.values": values,
        "topk.indices": indices.int(),
        "argmax_ties.x": ties,
        "argmax_ties.output": ties.argmax(dim=-1).int(),  # PyTorch documents the first maximum
    }


def main(output: str) -> None:
    torch.manual_seed(20)
    tensors = rms_norm_cases() | rotary_cases() | softmax_cases()
    tensors |= attention_cases() | other_cases()
    stored = {
        name: (x.float() if x.is_floating_point() else x).contiguous()
        for name, x in tensors.items()
    }
    parameters = {
        "rms_norm.epsilon": RMS_EPSILON,
        "rotary.theta": ROTARY_THETA,
        "torch": torch.__version__.split("+")[0],
    }
    save_file(stored, output, metadata={"parameters": json.dumps(parameters)})


if __name__ == "__main__":
    main(sys.argv[1])
