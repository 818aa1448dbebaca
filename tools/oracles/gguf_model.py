"""Reads a llama-architecture GGUF file into Hugging Face objects, all in float32.

The weights are dequantized with gguf-py, the format's own reference implementation, so that
a model run from here is the exact function that the quantized file stands for, free of the
rounding of activations that a quantized runtime adds.
"""

from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONTROL_TOKEN = 3  # gguf token_type of a special token

# GGUF block tensor -> Hugging Face module inside model.layers.N
LAYER_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def read_metadata(path: Path) -> dict:
    """Returns every metadata key of the file with its plain Python value."""
    return {key: field.contents() for key, field in gguf.GGUFReader(path).fields.items()}


def half_split_rows(weight: np.ndarray, heads: int) -> np.ndarray:
    """Reorders the rows of a query or key weight from interleaved to half-split rotary pairs.

    GGUF llama files store each head's rotary pair (i, i + D/2) at rows (2i, 2i + 1).
    """
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def load_model(path: Path) -> LlamaForCausalLM:
    """Builds a float32 LlamaForCausalLM that holds the file's dequantized weights."""
    metadata = read_metadata(path)
    heads = metadata["llama.attention.head_count"]
    kv_heads = metadata["llama.attention.head_count_kv"]
    weights = {
        tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type)
        for tensor in gguf.GGUFReader(path).tensors
    }
    config = LlamaConfig(
        vocab_size=metadata["llama.vocab_size"],
        hidden_size=metadata["llama.embedding_length"],
        intermediate_size=metadata["llama.feed_forward_length"],
        num_hidden_layers=metadata["llama.block_count"],
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=metadata["llama.context_length"],
        rms_norm_eps=metadata["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": metadata["llama.rope.freq_base"]},
        tie_word_embeddings="output.weight" not in weights,
        bos_token_id=metadata["tokenizer.ggml.bos_token_id"],
        eos_token_id=metadata["tokenizer.ggml.eos_token_id"],
        attn_implementation="eager",
    )
    state = {
        "model.embed_tokens.weight": weights["token_embd.weight"],
        "model.norm.weight": weights["output_norm.weight"],
        "lm_head.weight": weights.get("output.weight", weights["token_embd.weight"]),
    }
    for layer in range(config.num_hidden_layers):
        for source, target in LAYER_TENSORS.items():
            weight = weights[f"blk.{layer}.{source}.weight"]
            if source in ("attn_q", "attn_k"):
                weight = half_split_rows(weight, heads if source == "attn_q" else kv_heads)
            state[f"model.layers.{layer}.{target}.weight"] = weight
    model = LlamaForCausalLM(config).eval()
    tensors = {name: torch.tensor(value, dtype=torch.float32) for name, value in state.items()}
    model.load_state_dict(tensors, strict=True)
    return model


def load_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    """Builds the byte-level BPE tokenizer from the file's vocabulary, merges and chat template.

    SmolLM's pre-tokenizer (`tokenizer.ggml.pre` = "smollm") cuts out every single digit before
    the GPT-2 pattern applies.
    """
    metadata = read_metadata(path)
    assert metadata["tokenizer.ggml.pre"] == "smollm", "only SmolLM's pre-tokenizer is built here"
    tokens = metadata["tokenizer.ggml.tokens"]
    types = metadata["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    backend = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, merges))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    backend.decoder = decoders.ByteLevel()
    special = [token for token, type in zip(tokens, types) if type == CONTROL_TOKEN]
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=tokens[metadata["tokenizer.ggml.bos_token_id"]],
        eos_token=tokens[metadata["tokenizer.ggml.eos_token_id"]],
        chat_template=metadata["tokenizer.chat_template"],
        clean_up_tokenization_spaces=False,
    )
