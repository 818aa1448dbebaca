"""Writes torch-digits.safetensors: a perceptron trained on handwritten digits by PyTorch.

    python torch_digits.py OUTPUT

`images` [1797, 64] (uint8, 0 to 16) and `labels` [1797] are scikit-learn's copy of the test set of
"Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, 1998, UCI Machine Learning
Repository, doi:10.24432/C50P49, licence CC BY 4.0). The first TRAINING rows train in batches of
BATCH, in order; the others test.

`weights.NAME` are the weights at the start, `losses` the loss of every step in float64, before its
update, and `accuracy` the share of test images that is right at the end.
"""

import gzip
import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional

TRAINING, BATCH, HIDDEN, STEPS = 1408, 64, 32, 110


def load_digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Reads the file that scikit-learn ships, without importing it: it would need SciPy."""
    package = importlib.util.find_spec("sklearn").submodule_search_locations[0]
    with gzip.open(Path(package) / "datasets/data/digits.csv.gz", "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    return torch.from_numpy(rows[:, :64].copy()), torch.from_numpy(rows[:, 64].copy())


def main(output: str) -> None:
    torch.manual_seed(11)
    images, labels = load_digits()
    x, y = images.double() / 16, labels.long()
    start = {
        "hiddenWeight": torch.randn(HIDDEN, 64) * (2 / 64) ** 0.5,
        "hiddenBias": torch.zeros(HIDDEN),
        "outputWeight": torch.randn(10, HIDDEN) * (1 / HIDDEN) ** 0.5,
        "outputBias": torch.zeros(10),
    }
    weights = {name: w.double().requires_grad_() for name, w in start.items()}

    def logits(batch: torch.Tensor) -> torch.Tensor:
        hidden = functional.linear(batch, weights["hiddenWeight"], weights["hiddenBias"]).relu()
        return functional.linear(hidden, weights["outputWeight"], weights["outputBias"])

    optimizer = torch.optim.Adam(weights.values(), lr=0.01)
    losses = []
    for step in range(STEPS):
        first = step * BATCH % TRAINING
        rows = slice(first, first + BATCH)
        optimizer.zero_grad()
        loss = functional.cross_entropy(logits(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    right = logits(x[TRAINING:]).argmax(-1) == y[TRAINING:]
    stored = {
        "images": images,
        "labels": labels,
        "losses": torch.tensor(losses),
        "accuracy": right.double().mean().float(),
    }
    stored |= {f"weights.{name}": w for name, w in start.items()}
    data = "Optical Recognition of Handwritten Digits, doi:10.24432/C50P49, CC BY 4.0"
    save_file(stored, output, metadata={"torch": torch.__version__.split("+")[0], "data": data})
    print(losses[:3], losses[-1], right.double().mean())


if __name__ == "__main__":
    main(sys.argv[1])
