"""Runs Hugging Face transformers, in float32, on the dequantized weights of a GGUF file.

    python hf_fixtures.py MODEL.gguf WORK_FOLDER FIXTURE_FOLDER

Writes to FIXTURE_FOLDER
    hf-logits.safetensors   next-token logits after each prompt, float32 [vocabulary]
    hf-logits.json          the prompts' token ids, by tensor name
    smollm2-chat.json       conversations rendered by the file's own chat template
and to WORK_FOLDER, for llama_cpp_fixtures.mjs,
    tokens.json             token ids of prompts.json and texts.json
    weights-f32.gguf        the same model with every tensor as float32
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from safetensors.numpy import save_file

from gguf_model import encode_prompt, load_model, load_tokenizer

HERE = Path(__file__).parent
SYSTEM = {"role": "system", "content": "You are a pirate. Answer in rhyme."}
LOGIT_PROMPTS = ["english-fact", "english-science", "code-javascript", "chat-system"]
LONG_PROMPT = "long-600"
LONG_LENGTHS = [64, 600]
ALL_F32 = 0  # general.file_type


def read_json(name: str):
    return json.loads((HERE / name).read_text("utf-8"))


def compact(value) -> str:
    return json.dumps(value, ensure_ascii=False)


def format_field(field: tuple) -> str:
    key, item = field
    if isinstance(item, list):
        return compact(key) + ": [\n" + ",\n".join(map(compact, item)) + "\n]"
    return compact(key) + ": " + compact(item)


def write_json(path: Path, value: dict) -> None:
    """Writes one list entry a line, so that a diff shows which of them changed."""
    path.write_text("{\n" + ",\n".join(map(format_field, value.items())) + "\n}\n", "utf-8")


def render_chats(tokenizer) -> list[dict]:
    """Renders each conversation without and with a system message and generation prompt."""
    renders = []
    for conversation in read_json("conversations.json"):
        for messages in (conversation, [SYSTEM, *conversation]):
            for add_generation_prompt in (False, True):
                text = tokenizer.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=add_generation_prompt
                )
                ids = tokenizer(text).input_ids
                renders.append(
                    {
                        "messages": messages,
                        "addGenerationPrompt": add_generation_prompt,
                        "text": text,
                        "tokenIds": ids,
                    }
                )
    return renders


def encode_texts(tokenizer) -> list[dict]:
    """Encodes each text with special tokens taken as such (`parsed`) and as text (`plain`)."""
    encoded = []
    for text in read_json("texts.json"):
        entry = {"text": text}
        for key, as_text in (("plain", True), ("parsed", False)):
            tokenizer.backend_tokenizer.encode_special_tokens = as_text
            entry[key] = tokenizer.backend_tokenizer.encode(text).ids
        encoded.append(entry)
    return encoded


def write_logits(model, prompts: list[dict], folder: Path) -> None:
    ids = {prompt["id"]: prompt["tokenIds"] for prompt in prompts}
    cases = {name: ids[name] for name in LOGIT_PROMPTS}
    cases |= {f"long-{length}": ids[LONG_PROMPT][:length] for length in LONG_LENGTHS}
    with torch.no_grad():
        logits = {
            name: model(torch.tensor([tokens]), logits_to_keep=1).logits[0, -1].numpy()
            for name, tokens in cases.items()
        }
    save_file(logits, folder / "hf-logits.safetensors")
    entries = [{"name": name, "promptTokenIds": tokens} for name, tokens in cases.items()]
    versions = {"transformers": transformers.__version__, "torch": torch.__version__.split("+")[0]}
    write_json(folder / "hf-logits.json", {"versions": versions, "prompts": entries})


def write_float32_gguf(reader: gguf.GGUFReader, path: Path) -> None:
    """Copies the file with every tensor dequantized, so that llama.cpp rounds no activation."""
    writer = gguf.GGUFWriter(path, "llama")
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        value = ALL_F32 if key == "general.file_type" else field.contents()
        is_array = field.types[0] == gguf.GGUFValueType.ARRAY
        writer.add_key_value(key, value, field.types[0], field.types[-1] if is_array else None)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, np.ascontiguousarray(values, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(model_path: Path, work: Path, fixtures: Path) -> None:
    reader = gguf.GGUFReader(model_path)
    tokenizer = load_tokenizer(reader)
    prompts = read_json("prompts.json")
    prompts = [prompt | {"tokenIds": encode_prompt(tokenizer, prompt)} for prompt in prompts]
    chats = {"transformers": transformers.__version__, "renders": render_chats(tokenizer)}
    write_json(fixtures / "smollm2-chat.json", chats)
    tokens = {"prompts": prompts, "texts": encode_texts(tokenizer)}
    write_json(work / "tokens.json", tokens)
    write_logits(load_model(reader), prompts, fixtures)
    write_float32_gguf(reader, work / "weights-f32.gguf")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
