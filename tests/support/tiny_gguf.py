"""A GGUF file of a tiny model, written with the format's own library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

ARCHITECTURES = {"llama": "LLAMA", "qwen3": "QWEN3"}


def save_tiny_gguf(
    model: Path, file: Path, rule: str = "gpt-2", rope_scaling: str = "", **tokenizer_fields: Any
) -> Path:
    """Write the model in the folder ``model`` as a GGUF file of float32 tensors and return its path.

    Args:
        rule: how text is split, ``tokenizer.ggml.pre``.
        rope_scaling: kind of scaling of the rotary embedding that the file claims.
        tokenizer_fields: change or add ``tokenizer.ggml.*`` fields; None leaves one out.
    """
    import gguf
    from safetensors.torch import load_file

    config = json.loads((model / "config.json").read_text())
    kind = config["model_type"]
    writer = gguf.GGUFWriter(file, kind)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    if rope_scaling:
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope_scaling))
    writer.add_vocab_size(config["vocab_size"])
    writer.add_name("tiny")
    for name, value in (_tokenizer(model, rule) | tokenizer_fields).items():
        if value is not None:
            _add(writer, f"tokenizer.{name}" if name == "chat_template" else f"tokenizer.ggml.{name}", value)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[ARCHITECTURES[kind]], config["num_hidden_layers"])
    for name, tensor in load_file(model / "model.safetensors").items():
        array = tensor.float().numpy()
        if kind == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
            array = _permuted(array, config["num_attention_heads" if "q_proj" in name else "num_key_value_heads"])
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _tokenizer(model: Path, rule: str) -> dict[str, Any]:
    held = json.loads((model / "tokenizer.json").read_text())
    settings = json.loads((model / "tokenizer_config.json").read_text())
    special = {token["content"] for token in held["added_tokens"]}
    vocabulary = {token["content"]: token["id"] for token in held["added_tokens"]} | held["model"]["vocab"]
    tokens = sorted(vocabulary, key=lambda token: vocabulary[token])
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in held["model"]["merges"]]
    return {
        "model": "gpt2",
        "pre": rule,
        "tokens": tokens,
        "token_type": [3 if token in special else 1 for token in tokens],
        "merges": merges,
        "bos_token_id": vocabulary[settings["bos_token"]],
        "eos_token_id": vocabulary[settings["eos_token"]],
        "padding_token_id": vocabulary[settings["pad_token"]],
        "add_bos_token": True,
        "chat_template": (model / "chat_template.jinja").read_text(),
    }


def _add(writer: Any, name: str, value: Any) -> None:
    adders = {str: writer.add_string, bool: writer.add_bool, int: writer.add_uint32, list: writer.add_array}
    adders[type(value)](name, value)


def _permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Return rows in the order of llama.cpp, whose rotary embedding pairs neighbours and not halves."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)
