"""Writes flash-attention.safetensors: attention and its gradients, as PyTorch computes them.

    python flash_attention.py OUTPUT

Inputs are float32; results come from scaled_dot_product_attention in float64 and are rounded once.
Tensors are named `case.name` with operands in the layout [B, N, H, D]; the options of each case are
in the JSON of the metadata entry `cases`.
"""

import json
import sys

import torch
from safetensors.torch import save_file
from torch.nn import functional

torch.manual_seed(7)

CASES = {
    "plain": dict(batch=2, queries=17, keys=17, heads=2, kv_heads=2, size=32),
    "causal": dict(batch=1, queries=33, keys=33, heads=2, kv_heads=2, size=40, causal=True),
    "bottom_right": dict(batch=1, queries=9, keys=70, heads=2, kv_heads=1, size=64, causal=True),
    "grouped": dict(batch=2, queries=12, keys=20, heads=6, kv_heads=2, size=16),
    "bias": dict(batch=2, queries=10, keys=15, heads=2, kv_heads=2, size=8, bias=True),
    "scale": dict(batch=1, queries=5, keys=5, heads=1, kv_heads=1, size=59, scale=0.5),
}


def run(case: dict) -> dict:
    """Returns operands, output and gradients of one case."""
    batch, heads, kv_heads, size = (case[k] for k in ("batch", "heads", "kv_heads", "size"))
    shapes = {
        "queries": (batch, case["queries"], heads, size),
        "keys": (batch, case["keys"], kv_heads, size),
        "values": (batch, case["keys"], kv_heads, size),
    }
    leaves = {name: torch.randn(shape).double().requires_grad_() for name, shape in shapes.items()}
    mask = None
    if case.get("bias"):
        leaves["bias"] = torch.randn(1, heads, case["queries"], case["keys"]).double()
        leaves["bias"].requires_grad_()
        mask = leaves["bias"]
    if case.get("causal"):
        mask = torch.ones(case["queries"], case["keys"]).tril(case["keys"] - case["queries"]).bool()
    by_head = [leaves[name].transpose(1, 2) for name in ("queries", "keys", "values")]
    output = functional.scaled_dot_product_attention(
        *by_head, attn_mask=mask, scale=case.get("scale"), enable_gqa=True
    ).transpose(1, 2)
    gradient = torch.randn(output.shape).double()
    output.backward(gradient)
    results = {"output": output, "output_gradient": gradient}
    for name, leaf in leaves.items():
        results[name] = leaf
        results[f"{name}_gradient"] = leaf.grad
    return results


def main() -> None:
    """Writes every case to the file named on the command line."""
    tensors = {
        f"{name}.{key}": value.detach().float().contiguous()
        for name, case in CASES.items()
        for key, value in run(case).items()
    }
    save_file(tensors, sys.argv[1], metadata={"cases": json.dumps(CASES)})


if __name__ == "__main__":
    main()
