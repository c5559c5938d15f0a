"""A GGUF file as an ordinary folder of safetensors. transformers reads its settings and tensors; the rest is read here.

transformers can read a whole GGUF model too, and then takes the start token for the end token, splits text by the rule of
the architecture rather than the file's, and cannot save what it read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moloch.errors import InputError
from moloch.extras import how_to_get

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig

_TOKENIZER = "tokenizer.ggml."
_ENDS = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>")
"""Tokens that end a turn; a file names one end token, which need not be the one that its chat template writes."""


def convert(file: Path, folder: Path, precision: str = "float32") -> None:
    """Write the model in ``file`` into ``folder``, which exists: config.json, model.safetensors, tokenizer, chat template.

    Args:
        precision: of the weights on the disk, ``float32`` (exactly what the file's blocks say) or ``bfloat16``
            (half the size).

    Raises:
        InputError: not a GGUF file, one of an unknown architecture or tokenizer, or one without a chat template.
    """
    try:
        from gguf import GGUFReader
    except ModuleNotFoundError as error:
        raise InputError("GGUF files need the learn extra", why=str(error), fix=how_to_get("learn")) from error
    with _readable(file):
        opened = GGUFReader(file)
        fields = {name: field.contents() for name, field in opened.fields.items()}
        _refuse_stretched(fields, {tensor.name for tensor in opened.tensors}, file)
        template = fields.get("tokenizer.chat_template")
        if not template:
            raise InputError(
                "a model without a chat template cannot take part",
                where=str(file),
                why="it was not trained to answer",
                fix="Add the model's instruction-tuned variant.",
            )
        ends = _save_tokenizer(fields, str(template), file, folder)
        config, tensors = _weights(fields, file, precision)
    _save_model(config, tensors, ends, folder)


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Turn what the libraries raise on a broken file into one error."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, NotImplementedError) as error:
        # a damaged file makes the reader index, decode and map whatever it meets
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError("cannot read the GGUF file", where=str(file), why=why) from error


def _save_tokenizer(fields: dict[str, Any], template: str, file: Path, folder: Path) -> list[int]:
    """Write the tokenizer's files; return the tokens that end an answer."""
    from transformers import PreTrainedTokenizerFast

    from abm.llm.models._tokenizer import tokenizer

    parts = {name.removeprefix(_TOKENIZER): value for name, value in fields.items() if name.startswith(_TOKENIZER)}
    tokens = parts["tokens"]
    named = {
        role: tokens[parts[f"{field}_token_id"]]
        for role, field in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding"))
        if f"{field}_token_id" in parts
    }
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer(parts, str(file)), **{f"{role}_token": token for role, token in named.items()}
    )
    fast.chat_template = template
    fast.save_pretrained(folder)
    ends = [parts["eos_token_id"], *([parts["eot_token_id"]] if "eot_token_id" in parts else [])]
    ends += [tokens.index(end) for end in _ENDS if end in template and end in tokens]
    return sorted(set(ends))


def _refuse_stretched(fields: dict[str, Any], tensors: set[str], file: Path) -> None:
    """Refuse positions that were stretched for long contexts: transformers' reader drops how, and the model would be another."""
    scaling = fields.get(f"{fields['general.architecture']}.rope.scaling.type", "none")
    if scaling != "none" or any(name.startswith("rope_f") for name in tensors):
        raise InputError(
            "a model with scaled positions is not read from a GGUF file",
            where=str(file),
            why="the scaling of its rotary embedding would be lost",
            fix="Add the model's original folder of safetensors instead: moloch model add FOLDER.",
        )


def _weights(fields: dict[str, Any], file: Path, precision: str) -> tuple[PretrainedConfig, dict[str, torch.Tensor]]:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers import modeling_gguf_pytorch_utils as reader

    dtype = getattr(torch, precision)
    settings = reader.load_gguf_checkpoint(str(file), return_tensors=False)["config"]
    settings.pop("_model_name_or_path", None)  # the file's title
    if (size := fields.get(f"{fields['general.architecture']}.attention.key_length")) is not None:
        settings["head_dim"] = size  # which transformers takes from the file for some architectures only
    config = AutoConfig.for_model(**settings)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    with _silent(reader):
        read = reader.load_gguf_checkpoint(str(file), return_tensors=True, model_to_load=model, torch_dtype=dtype)
    shapes = {name: tuple(weight.shape) for name, weight in model.named_parameters()}
    tensors = {name: tensor.to(dtype).contiguous() for name, tensor in read["tensors"].items()}
    held = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if odd := [name for name, shape in shapes.items() if held.get(name) != shape]:
        raise InputError(
            "the GGUF file does not hold the weights of its model",
            where=str(file),
            why=f"{odd[0]} of {config.model_type} has shape {shapes[odd[0]]}, in the file {held.get(odd[0], 'it is missing')}",
        )
    config.architectures, config.dtype = [type(model).__name__], dtype
    return config, {name: tensors[name] for name in shapes}


@contextmanager
def _silent(reader: Any) -> Iterator[None]:
    """Keep the progress bar of transformers' reader off the terminal."""
    bar = reader.tqdm
    reader.tqdm = lambda tensors, **_: tensors
    try:
        yield
    finally:
        reader.tqdm = bar


def _save_model(config: PretrainedConfig, tensors: dict[str, torch.Tensor], ends: list[int], folder: Path) -> None:
    from safetensors.torch import save_file
    from transformers import GenerationConfig

    config.eos_token_id = ends if len(ends) > 1 else ends[0]
    config.save_pretrained(folder)
    GenerationConfig(
        bos_token_id=config.bos_token_id, eos_token_id=config.eos_token_id, pad_token_id=config.pad_token_id
    ).save_pretrained(folder)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
