"""Log-likelihood of a text by Hugging Face transformers, in float32, on dequantized weights.

    python perplexity.py MODEL.gguf TEXT FIXTURE.json

Writes the token ids of the text's first windows, and the sum of ln p(token | the tokens before it
in its window) over each, the window's first token left out.
"""

import json
import sys
from pathlib import Path

import gguf
import torch
import transformers

from gguf_model import load_model, load_tokenizer

WINDOW = 1000
WINDOWS = 4


def main(model_path: Path, text_path: Path, fixture: Path) -> None:
    reader = gguf.GGUFReader(model_path)
    ids = load_tokenizer(reader)(text_path.read_text("utf-8")).input_ids
    model = load_model(reader)
    windows = []
    for start in range(0, WINDOWS * WINDOW, WINDOW):
        tokens = torch.tensor(ids[start : start + WINDOW])
        with torch.no_grad():
            logits = model(tokens[None]).logits[0, :-1].double()
        likelihoods = logits.log_softmax(-1).gather(1, tokens[1:, None])
        entry = {"tokenIds": tokens.tolist(), "logLikelihood": likelihoods.sum().item()}
        windows.append(json.dumps(entry))
    versions = {"transformers": transformers.__version__, "torch": torch.__version__.split("+")[0]}
    fixture.write_text(
        '{\n"versions": %s,\n"windows": [\n%s\n]\n}\n'
        % (json.dumps(versions), ",\n".join(windows)),
        "utf-8",
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
