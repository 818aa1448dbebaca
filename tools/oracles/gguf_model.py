"""Reads a llama-architecture GGUF file into Hugging Face objects, all in float32.

The weights are dequantized with gguf-py, the format's own reference implementation, so that
a model run from here is the exact function that the quantized file stands for, free of the
rounding of activations that a quantized runtime adds.
"""

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


def metadata(reader: gguf.GGUFReader, key: str):
    """Returns the plain Python value of one metadata key."""
    return reader.fields[key].contents()


def half_split_rows(weight: np.ndarray, heads: int) -> np.ndarray:
    """Reorders the rows of a query or key weight from interleaved to half-split rotary pairs.

    GGUF llama files store each head's rotary pair (i, i + D/2) at rows (2i, 2i + 1).
    """
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def load_model(reader: gguf.GGUFReader) -> LlamaForCausalLM:
    """Builds a float32 LlamaForCausalLM that holds the file's dequantized weights."""
    heads = metadata(reader, "llama.attention.head_count")
    kv_heads = metadata(reader, "llama.attention.head_count_kv")
    weights = {
        tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors
    }
    config = LlamaConfig(
        vocab_size=metadata(reader, "llama.vocab_size"),
        hidden_size=metadata(reader, "llama.embedding_length"),
        intermediate_size=metadata(reader, "llama.feed_forward_length"),
        num_hidden_layers=metadata(reader, "llama.block_count"),
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=metadata(reader, "llama.context_length"),
        rms_norm_eps=metadata(reader, "llama.attention.layer_norm_rms_epsilon"),
        rope_parameters={
            "rope_type": "default",
            "rope_theta": metadata(reader, "llama.rope.freq_base"),
        },
        tie_word_embeddings="output.weight" not in weights,
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


def load_tokenizer(reader: gguf.GGUFReader) -> PreTrainedTokenizerFast:
    """Builds the byte-level BPE tokenizer from the file's vocabulary, merges and chat template.

    SmolLM's pre-tokenizer (`tokenizer.ggml.pre` = "smollm") cuts out every single digit before
    the GPT-2 pattern applies; transformers' own GGUF loading leaves that step out.
    """
    assert metadata(reader, "tokenizer.ggml.pre") == "smollm", "only this pre-tokenizer is built"
    tokens = metadata(reader, "tokenizer.ggml.tokens")
    types = metadata(reader, "tokenizer.ggml.token_type")
    merges = [tuple(merge.split(" ")) for merge in metadata(reader, "tokenizer.ggml.merges")]
    backend = Tokenizer(models.BPE({token: id for id, token in enumerate(tokens)}, merges))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token, type in zip(tokens, types)
            if type == CONTROL_TOKEN
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=tokens[metadata(reader, "tokenizer.ggml.bos_token_id")],
        eos_token=tokens[metadata(reader, "tokenizer.ggml.eos_token_id")],
        chat_template=metadata(reader, "tokenizer.chat_template"),
        clean_up_tokenization_spaces=False,
    )


def encode_prompt(tokenizer: PreTrainedTokenizerFast, prompt: dict) -> list[int]:
    """Returns the token ids of an entry of prompts.json: a chat's end with an open answer."""
    if "messages" in prompt:
        return tokenizer.apply_chat_template(
            prompt["messages"], add_generation_prompt=True, return_dict=False
        )
    return tokenizer(prompt["text"]).input_ids
