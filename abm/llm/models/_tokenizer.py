"""The tokenizer of a GGUF file, as the ``tokenizers`` library has it: byte-level BPE with the file's vocabulary and merges.

A GGUF file names how text is split before merging and leaves the rule to the reader. The rules here are those of the
models that introduced the names; a file with another name is refused, since a wrong rule yields plausible wrong tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from moloch.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.pre_tokenizers import PreTokenizer

_CONTROL, _OWN = 3, 4
"""``tokenizer.ggml.token_type`` of special tokens, and of tokens that were added to the vocabulary for this model."""
_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}DIGITS| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_QWEN2, _LLAMA3 = _WORDS.replace("DIGITS", ""), _WORDS.replace("DIGITS", "{1,3}")
_RULES = ("gpt-2", "llama-bpe", "qwen2", "smollm")


def tokenizer(fields: Mapping[str, Any], where: str) -> Tokenizer:
    """Return the tokenizer that a GGUF file's ``tokenizer.ggml.*`` fields describe.

    Args:
        fields: field name without ``tokenizer.ggml.`` -> value.
        where: the file, for errors.

    Raises:
        InputError: the fields describe another kind of tokenizer, or do not fit together.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, normalizers, processors
    from tokenizers.models import BPE

    rule = str(fields.get("pre", "gpt-2"))
    if fields.get("model") != "gpt2" or rule not in _RULES:
        raise InputError(
            "the tokenizer of this GGUF file is not known here",
            where=where,
            why=f"kind {fields.get('model')!r} with rule {rule!r}; known is kind 'gpt2' with {', '.join(_RULES)}",
            fix="Add the model's original folder of safetensors instead: moloch model add FOLDER.",
        )
    tokens = cast("list[str]", fields["tokens"])
    merges = [cast("tuple[str, str]", tuple(merge.split(" ", 1))) for merge in fields["merges"]]
    made = Tokenizer(BPE({token: i for i, token in enumerate(tokens)}, merges, ignore_merges=rule == "llama-bpe"))
    made.pre_tokenizer = _splitter(rule)
    if rule == "qwen2":
        made.normalizer = normalizers.NFC()
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    if fields.get("add_bos_token"):
        start = tokens[fields["bos_token_id"]]
        made.post_processor = processors.TemplateProcessing(
            single=f"{start} $A", pair=f"{start} $A $B", special_tokens=[(start, fields["bos_token_id"])]
        )
    kinds = fields.get("token_type") or [1] * len(tokens)
    marked = [
        AddedToken(token, special=kind == _CONTROL, normalized=False)
        for token, kind in zip(tokens, kinds, strict=True)
        if kind in (_CONTROL, _OWN)
    ]
    made.add_tokens(marked)
    return made


def _splitter(rule: str) -> PreTokenizer:
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

    if rule == "gpt-2":
        return ByteLevel(add_prefix_space=False)
    if rule == "smollm":
        return Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False)])
    pattern = Regex(_QWEN2 if rule == "qwen2" else _LLAMA3)
    return Sequence([Split(pattern, "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)])
