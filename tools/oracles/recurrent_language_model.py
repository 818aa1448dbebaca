"""Trains the language model of `npm run demo -- train` in PyTorch, with the same data order.

    python recurrent_language_model.py START.safetensors [STEPS]

START comes from export_language_model.mjs. Prints the validation loss every 100 steps, to be held
against what the command prints.
"""

import math
import sys

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

BATCH, WINDOW, PEAK, CLIP, VALIDATION = 16, 64, 4e-3, 1.0, 0.02


def windows(tokens: torch.Tensor):
    """Returns a function that gives inputs and targets [T, B] of a window, and their number."""
    lane = (len(tokens) - 1) // BATCH
    count = lane // WINDOW
    starts = torch.arange(BATCH) * lane

    def window(index: int):
        first = (index % count) * WINDOW
        at = starts[None, :] + first + torch.arange(WINDOW)[:, None]
        return tokens[at], tokens[at + 1]

    return window, count


class Model(nn.Module):
    """Embedding, LSTM, linear head."""

    def __init__(self, start: dict) -> None:
        super().__init__()
        vocabulary, embedding = start["embedding.weight"].shape
        hidden = start["head.weight"].shape[1]
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = nn.LSTM(embedding, hidden)
        self.head = nn.Linear(hidden, vocabulary)
        self.load_state_dict({name: one for name, one in start.items() if name != "tokens"})

    def forward(self, inputs, targets, state):
        output, state = self.rnn(self.embedding(inputs), state)
        logits = self.head(output)
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten()), state


def rate(step: int, total: int) -> float:
    """Returns the learning rate of a step: linear warm-up, then half a cosine."""
    warmup = min(100, total // 10)
    if step < warmup:
        return PEAK * (step + 1) / warmup
    return PEAK * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def evaluate(model: Model, tokens: torch.Tensor) -> float:
    """Returns the mean loss over a text read in order."""
    window, count = windows(tokens)
    state, total = None, 0.0
    with torch.no_grad():
        for index in range(count):
            loss, state = model(*window(index), state)
            total += loss.item()
    return total / count


def main(path: str, steps: int) -> None:
    torch.set_num_threads(1)
    start = load_file(path)
    tokens = start["tokens"].long()
    split = math.floor(len(tokens) * (1 - VALIDATION))
    training, validation = tokens[:split], tokens[split:]
    model = Model(start)
    optimizer = torch.optim.Adam(model.parameters(), lr=PEAK)
    window, count = windows(training)
    state = None
    for step in range(steps):
        if step % count == 0:
            state = None
        elif state is not None:
            state = tuple(one.detach() for one in state)
        optimizer.param_groups[0]["lr"] = rate(step, steps)
        loss, state = model(*window(step), state)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}: validation {evaluate(model, validation):.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1800)
