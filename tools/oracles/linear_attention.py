"""Writes linear-attention.safetensors: linear attention and its family, with gradients, and LSH attention.

    python linear_attention.py OUTPUT

Results come from the reference functions of flash-linear-attention (`fla/ops/*/naive.py`, loaded file by
file, because the package itself needs Triton) and from `LSHAttention` of reformer-pytorch, in
float32. Tensors are named `case.name` in the layout [B, T, H, D]; the options of each case are in
the JSON of the metadata entry `cases`.
"""

import importlib.metadata
import importlib.util
import json
import sys

import torch
from reformer_pytorch.reformer_pytorch import LSHAttention
from safetensors.torch import save_file
from torch.nn import functional

torch.manual_seed(11)
SIZES = dict(batch=1, time=67, heads=2, key=12, value=8)


def reference(module: str):
    """Loads `fla/ops/MODULE/naive.py`."""
    wanted = f"fla/ops/{module}/naive.py"
    path = next(f for f in importlib.metadata.files("fla-core") if str(f) == wanted).locate()
    spec = importlib.util.spec_from_file_location(f"naive_{module}", path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def elu_plus_one(x: torch.Tensor) -> torch.Tensor:
    """The feature map of Katharopoulos et al."""
    return functional.elu(x) + 1


def linear(q, k, v):
    """Normalized, over all tokens before."""
    return reference("linear_attn").naive_recurrent_linear_attn(
        elu_plus_one(q), elu_plus_one(k), v, scale=1.0, normalize=True
    )[0]


def linear_unnormalized(q, k, v, initial_state):
    """With the state in and out."""
    return reference("linear_attn").naive_recurrent_linear_attn(
        elu_plus_one(q), elu_plus_one(k), v, 1.0, initial_state, True
    )


def taylor(q, k, v):
    """Based: the second-order expansion of the exponential, normalized."""
    heads_first = [x.transpose(1, 2) for x in (q, k, v)]
    return reference("based").naive_parallel_based(*heads_first).transpose(1, 2)


def retention(q, k, v):
    """RetNet with its own decays."""
    return reference("retention").naive_retention(
        *(x.transpose(1, 2) for x in (q, k, v))
    ).transpose(1, 2)


def gla(q, k, v, log_gates, initial_state):
    """A gate for each key element."""
    return reference("gla").naive_recurrent_gla(q, k, v, log_gates, initial_state, True)


def ssd(q, k, v, delta, a, initial_state):
    """Mamba-2: C, B, x, step sizes and rates."""
    return reference("simple_gla").naive_recurrent_simple_gla(
        q, k, v * delta[..., None], delta * a, 1.0, initial_state, True
    )


def delta(q, k, v, beta, initial_state):
    """Keys of any length."""
    output, state = reference("delta_rule").delta_rule_recurrence(
        *(x.transpose(1, 2) for x in (q, k, v, beta)), initial_state
    )
    return output.transpose(1, 2), state


def gated_delta(q, k, v, beta, log_gates, initial_state):
    """A gate for each head."""
    return reference("gated_delta_rule").naive_recurrent_gated_delta_rule(
        q, k, v, beta, log_gates, None, initial_state, True
    )


MEMBERS = {
    "linear": (linear, ()),
    "linear_unnormalized": (linear_unnormalized, ("initial_state",)),
    "taylor": (taylor, ()),
    "retention": (retention, ()),
    "gla": (gla, ("vector_gates", "initial_state")),
    "ssd": (ssd, ("delta", "a", "initial_state")),
    "delta": (delta, ("beta", "initial_state")),
    "gated_delta": (gated_delta, ("beta", "gates", "initial_state")),
}


def operands(extra: tuple) -> dict:
    """Random operands; keys at about unit length, as the delta rule needs them."""
    b, t, h, k, v = (SIZES[name] for name in ("batch", "time", "heads", "key", "value"))
    drawn = {
        "queries": torch.randn(b, t, h, k),
        "keys": torch.randn(b, t, h, k) * k**-0.5,
        "values": torch.randn(b, t, h, v),
    }
    makers = {
        "initial_state": lambda: torch.randn(b, h, k, v),
        "vector_gates": lambda: functional.logsigmoid(torch.randn(b, t, h, k) * 3),
        "gates": lambda: functional.logsigmoid(torch.randn(b, t, h) * 3),
        "beta": lambda: torch.rand(b, t, h),
        "delta": lambda: functional.softplus(torch.randn(b, t, h)),
        "a": lambda: -torch.exp(torch.randn(h)),
    }
    drawn.update({name: makers[name]() for name in extra})
    return {name: value.requires_grad_() for name, value in drawn.items()}


def run_member(member, extra: tuple) -> dict:
    """Operands, results and gradients of one member."""
    leaves = operands(extra)
    found = member(*leaves.values())
    results = dict(zip(("output", "state"), found if isinstance(found, tuple) else (found,)))
    weights = {name: torch.randn_like(value) for name, value in results.items()}
    sum((weights[name] * value).sum() for name, value in results.items()).backward()
    gathered = {name: value for name, value in results.items()}
    gathered.update({f"{name}_gradient": value for name, value in weights.items()})
    for name, leaf in leaves.items():
        gathered[name] = leaf
        gathered[f"{name}_gradient"] = leaf.grad
    return gathered


LSH_CASES = {
    "lsh_one_round": dict(rounds=1, causal=False, across=True),
    "lsh_causal": dict(rounds=1, causal=True, across=True),
    "lsh_within_buckets": dict(rounds=1, causal=True, across=False),
    "lsh_rounds": dict(rounds=4, causal=True, across=False),
    "lsh_rounds_duplicates": dict(rounds=4, causal=False, across=False, duplicates=True),
}


def run_lsh(case: dict) -> dict:
    """Shared queries [N, T, D], values, the buckets that were drawn, results and gradients."""
    rows, time, size, bucket_size = 2, 64, 8, 8
    layer = LSHAttention(
        bucket_size=bucket_size,
        n_hashes=case["rounds"],
        causal=case["causal"],
        attend_across_buckets=case["across"],
        allow_duplicate_attention=case.get("duplicates", False),
    )
    queries = (torch.randn(rows, time, size) * 2).requires_grad_()
    values = torch.randn(rows, time, size, requires_grad=True)
    output, _, buckets = layer(queries, values)
    weights = torch.randn_like(output)
    (output * weights).sum().backward()
    numbers = buckets.reshape(rows, case["rounds"], time) % (time // bucket_size)
    return {
        "queries": queries,
        "queries_gradient": queries.grad,
        "values": values,
        "values_gradient": values.grad,
        "buckets": numbers.int(),
        "output": output,
        "output_gradient": weights,
    }


def main() -> None:
    """Writes every case to the file named on the command line."""
    cases = {name: run_member(*member) for name, member in MEMBERS.items()}
    cases.update({name: run_lsh(case) for name, case in LSH_CASES.items()})
    tensors = {
        f"{case}.{name}": value.detach().contiguous()
        for case, values in cases.items()
        for name, value in values.items()
    }
    save_file(tensors, sys.argv[1], metadata={"cases": json.dumps(LSH_CASES)})


if __name__ == "__main__":
    main()
