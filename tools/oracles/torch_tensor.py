"""Writes torch-tensor.safetensors: operations, gradients and training, as PyTorch computes them.

    python torch_tensor.py OUTPUT

`operations`: for each case `name.input.I` (float32, or int32 for indexes), `name.output.I`, the
`name.weight.I` by which the outputs are summed to a loss, and `name.gradient.I` of that loss.
Computed in float64 and rounded once.

`optimizers`: from `optimizer.start` and the gradients `optimizer.gradient` [50, 6] of 50 steps, the
parameters after each step, `optimizer.NAME` [50, 6].

`mlp`: a perceptron on the handwritten digits of scikit-learn (see digits.py): weights at the start,
and the losses of its first 20 steps.
"""

import sys

import torch
from safetensors.torch import save_file
from torch.nn import functional as f

STEPS = 50

tensors: dict[str, torch.Tensor] = {}


def rand(*shape: int, low: float = -2.0, high: float = 2.0) -> torch.Tensor:
    """Returns float32 values, held in float64."""
    return (torch.rand(shape) * (high - low) + low).double()


def ints(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)


def case(name: str, run, *inputs: torch.Tensor) -> None:
    """Stores inputs, outputs and gradients of one call."""
    leaves = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    outputs = run(*leaves)
    outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
    loss = torch.zeros((), dtype=torch.float64)
    for index, x in enumerate(inputs):
        tensors[f"{name}.input.{index}"] = x.float() if x.is_floating_point() else x.int()
    for index, y in enumerate(outputs):
        is_float = y.is_floating_point()
        tensors[f"{name}.output.{index}"] = y.detach().float() if is_float else y.int()
        if is_float and y.requires_grad:
            weight = rand(*y.shape, low=-1, high=1)
            tensors[f"{name}.weight.{index}"] = weight.float()
            loss = loss + (y * weight).sum()
    if not loss.requires_grad:
        return
    loss.backward()
    for index, x in enumerate(leaves):
        if x.grad is not None:
            tensors[f"{name}.gradient.{index}"] = x.grad.float()


def unary_cases() -> None:
    x = rand(3, 5, low=-3, high=3)
    positive = rand(3, 5, low=0.1, high=4)
    for name, run in {
        "neg": torch.neg,
        "abs": torch.abs,
        "sign": torch.sign,
        "exp": torch.exp,
        "expm1": torch.expm1,
        "square": torch.square,
        "sin": torch.sin,
        "cos": torch.cos,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "erf": torch.erf,
        "relu": torch.relu,
        "gelu": f.gelu,
        "geluTanh": lambda v: f.gelu(v, approximate="tanh"),
        "silu": f.silu,
        "elu": lambda v: f.elu(v, alpha=0.7),
        "softplus": f.softplus,
        "floor": torch.floor,
        "ceil": torch.ceil,
        "clip": lambda v: v.clamp(-1, 1.5),
    }.items():
        case(name, run, x)
    case("round", torch.round, torch.tensor([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, -2.6]).double())
    for name, run in {
        "log": torch.log,
        "log1p": torch.log1p,
        "sqrt": torch.sqrt,
        "rsqrt": torch.rsqrt,
        "reciprocal": torch.reciprocal,
    }.items():
        case(name, run, positive)


def binary_cases() -> None:
    a, b = rand(3, 1, 4), rand(2, 4, low=0.5, high=3)
    for name, run in {
        "add": torch.add,
        "sub": torch.sub,
        "mul": torch.mul,
        "div": torch.div,
        "mod": torch.remainder,
        "minimum": torch.minimum,
        "maximum": torch.maximum,
        "equal": torch.eq,
        "notEqual": torch.ne,
        "less": torch.lt,
        "lessEqual": torch.le,
        "greater": torch.gt,
        "greaterEqual": torch.ge,
        "logicalAnd": torch.logical_and,
        "logicalOr": torch.logical_or,
        "logicalXor": torch.logical_xor,
    }.items():
        case(name, run, a, b)
    case("pow", torch.pow, rand(3, 1, 4, low=0.2, high=2), rand(2, 4))
    ties = torch.tensor([1.0, 2.0, 2.0, -1.0]).double()
    case("maximumTies", torch.maximum, ties, ties.flip(0))
    case("minimumTies", torch.minimum, ties, ties.flip(0))
    case("logicalNot", torch.logical_not, torch.tensor([0.0, -0.0, 2.0]).double())
    case("where", lambda x, y: torch.where(x > 0, x, y), rand(3, 4), rand(4))


def reduction_cases() -> None:
    x = rand(2, 3, 4)
    for name, run in {
        "sum": lambda v: v.sum((0, 2)),
        "mean": lambda v: v.mean(1),
        "variance": lambda v: v.var((0, 1)),
        "prod": lambda v: v.prod(1),
        "max": lambda v: v.amax((1, 2)),
        "min": lambda v: v.amin(0),
        "argmax": lambda v: v.argmax(1),
        "argmin": lambda v: v.argmin(-1),
        "logsumexp": lambda v: v.logsumexp((0, 2)),
        "norm": lambda v: torch.linalg.vector_norm(v, dim=(1, 2)),
        "norm1": lambda v: torch.linalg.vector_norm(v, ord=1, dim=1),
        "cumsum": lambda v: v.cumsum(1),
        "softmax": lambda v: v.softmax(1),
        "logSoftmax": lambda v: v.log_softmax(-1),
    }.items():
        case(name, run, x)
    zero = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0], [1.0, 2.0, 3.0]]).double()
    case("prodZeros", lambda v: v.prod(1), zero)
    case("maxTies", lambda v: v.amax(1), torch.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]).double())
    case("normZero", lambda v: torch.linalg.vector_norm(v, dim=1), torch.zeros(2, 3).double())
    case("any", lambda v: v.any(1), zero)
    case("all", lambda v: v.all(1), zero)


def shape_cases() -> None:
    x = rand(2, 3, 4)
    for name, run in {
        "reshape": lambda v: v.permute(2, 0, 1).reshape(6, 4),
        "permute": lambda v: v.permute(2, 0, 1),
        "transpose": lambda v: v.transpose(-2, -1),
        "expandDims": lambda v: v.unsqueeze(1),
        "slice": lambda v: v[:, 0:3:2, 1:3],
        "flip": lambda v: v.flip(0, 2),
        "diagonal": lambda v: v.diagonal(dim1=-2, dim2=-1),
        "split": lambda v: v.split([1, 3], dim=2),
        "tril": lambda v: v.tril(-1),
        "triu": lambda v: v.triu(1),
        "pad": lambda v: f.pad(v, (1, 2, 0, 1), value=0.5),
        "contiguous": lambda v: v.transpose(0, 2).contiguous(),
        "clone": lambda v: v.clone(),
    }.items():
        case(name, run, x)
    case("squeeze", lambda v: v.squeeze(1), rand(2, 1, 3))
    case("broadcastTo", lambda v: v.broadcast_to(2, 3, 4), rand(3, 1))
    case("concat", lambda a, b: torch.cat([a, b, a], 1), rand(2, 3), rand(2, 1))
    case("stack", lambda a, b: torch.stack([a, b], 1), rand(2, 3), rand(2, 3))


def indexing_cases() -> None:
    x, index = rand(3, 4), torch.tensor([[0, 3, 3], [1, 1, 0]])
    case("gather", lambda v, i: v.gather(1, i), x, index)
    case("take", lambda v, i: v.index_select(1, i), x, ints(3, 0, 3))
    case("scatterAdd", lambda v, i, s: v.scatter_add(1, i, s), x, index, rand(2, 3))
    case("embedding", lambda v, i: f.embedding(i, v), rand(5, 3), torch.tensor([[0, 4], [4, 2]]))
    case("sort", lambda v: v.sort(dim=0, stable=True), x)
    case("sortDescending", lambda v: v.sort(dim=-1, stable=True, descending=True), x)
    case("argsort", lambda v: v.argsort(dim=1), x)
    case("topK", lambda v: v.topk(2), x)
    case("oneHot", lambda i: f.one_hot(i, 5), index)


def matrix_cases() -> None:
    case("matmul", torch.matmul, rand(2, 1, 3, 4), rand(3, 4, 2))
    case("matmulVector", torch.matmul, rand(2, 3, 4), rand(4))
    case("linear", f.linear, rand(2, 3, 4), rand(5, 4))
    case("einsum", lambda a, b: torch.einsum("bhqd,bkd->hqk", a, b), rand(2, 3, 2, 4), rand(2, 5, 4))
    case("einsumTrace", lambda a: torch.einsum("iij->j", a), rand(3, 3, 2))
    case("layerNorm", lambda x, w, b: f.layer_norm(x, (6,), w, b), rand(2, 3, 6), rand(6), rand(6))
    case("rmsNorm", lambda x, w: f.rms_norm(x, (6,), w, 1e-5), rand(2, 3, 6), rand(6))
    case(
        "causalConv1d",
        lambda x, w, b: f.conv1d(f.pad(x, (2, 0)), w[:, None], b, groups=3),
        rand(2, 3, 5),
        rand(3, 3),
        rand(3),
    )
    logits, targets = rand(4, 3), ints(0, 2, 1, 2)
    case("crossEntropy", lambda x, t: f.cross_entropy(x, t.long()), logits, targets)
    case(
        "crossEntropySmooth",
        lambda x, t: f.cross_entropy(x, t.long(), ignore_index=1, label_smoothing=0.1),
        logits,
        targets,
    )
    case(
        "crossEntropyNone",
        lambda x, t: f.cross_entropy(x, t.long(), reduction="none", label_smoothing=0.3),
        logits,
        targets,
    )


def optimizer_cases() -> None:
    start = rand(6)
    gradients = rand(STEPS, 6, low=-1, high=1)
    tensors["optimizer.start"], tensors["optimizer.gradient"] = start.float(), gradients.float()
    o = torch.optim
    for name, make in {
        "sgd": lambda p: o.SGD(p, lr=0.1),
        "sgdMomentum": lambda p: o.SGD(p, lr=0.1, momentum=0.9),
        "sgdDampening": lambda p: o.SGD(p, lr=0.1, momentum=0.9, dampening=0.3),
        "sgdNesterov": lambda p: o.SGD(p, lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.05),
        "rmsprop": lambda p: o.RMSprop(p, lr=0.01),
        "rmspropCentered": lambda p: o.RMSprop(
            p, lr=0.01, alpha=0.9, momentum=0.7, centered=True, weight_decay=0.02
        ),
        "adam": lambda p: o.Adam(p, lr=0.02),
        "adamDecay": lambda p: o.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
        "adamw": lambda p: o.AdamW(p, lr=0.02, weight_decay=0.1),
        "radam": lambda p: o.RAdam(p, lr=0.02, weight_decay=0.05),
        "radamSlow": lambda p: o.RAdam(p, lr=0.02, betas=(0.9, 0.9)),
    }.items():
        parameter = start.clone().requires_grad_()
        optimizer = make([parameter])
        rows = []
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimizer.step()
            rows.append(parameter.detach().clone())
        tensors[f"optimizer.{name}"] = torch.stack(rows).float()
    a, b = rand(3, 2), rand(4)
    tensors["clipping.input.0"], tensors["clipping.input.1"] = a.float(), b.float()
    leaves = [torch.nn.Parameter(x.clone()) for x in (a, b)]
    for leaf, gradient in zip(leaves, (a, b)):
        leaf.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_(leaves, 1.25)
    tensors["clipping.norm"] = norm.float()
    for index, leaf in enumerate(leaves):
        tensors[f"clipping.global.{index}"] = leaf.grad.float()


def main(output: str) -> None:
    torch.manual_seed(7)
    unary_cases()
    binary_cases()
    reduction_cases()
    shape_cases()
    indexing_cases()
    matrix_cases()
    optimizer_cases()
    stored = {name: x.detach().contiguous() for name, x in tensors.items()}
    version = torch.__version__.split("+")[0]
    save_file(stored, output, metadata={"torch": version, "license": "made by torch_tensor.py"})


if __name__ == "__main__":
    main(sys.argv[1])
