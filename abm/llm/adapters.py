"""Adapters on disk: PEFT's LoRA in safetensors, named by what they hold, and read only if they are what their name says.

``<folder>/<id>/adapter_model.safetensors`` and ``adapter_config.json``. The id covers the tensors and the settings that
scale them. Every other setting that could change what the adapter adds has to be unset, and its targets have to be the
tensors' own: so that nothing in a folder can change what its id means. Knows files; needs no torch, runs nothing that a
folder holds, and reaches nothing that it names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from moloch.content import canonical
from moloch.errors import CorruptLog, InputError

if TYPE_CHECKING:
    import torch

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
MEANING = ("peft_type", "r", "lora_alpha", "use_rslora")
"""Settings that an id covers."""
BASE_DIGEST = "base_model_digest"
"""Setting that names the base model by content (:func:`abm.llm.weights.model_digest`); PEFT does not read it."""
MOST_BYTES = 1 << 20
"""Of a configuration; PEFT's have about a thousand."""
RESTORE = (
    "Put the folder back from a copy of the run; without one, run the same settings with another --out: "
    "they learn the adapter again."
)
_FREE = {
    *("base_model_name_or_path", BASE_DIGEST, "inference_mode", "init_lora_weights", "lora_dropout", "megatron_core"),
    *("peft_version", "qalora_group_size", "revision", "target_modules", "task_type"),
}
"""Settings that change nothing of what a finished adapter adds, or are looked at one by one."""
_RESIDUAL_INITS = ("pissa", "olora", "corda", "loftq")
"""Starts that change the base weights too, so that the tensors alone do not say what the adapter adds."""
_DTYPES = {"F64": "torch.float64", "F32": "torch.float32", "F16": "torch.float16", "BF16": "torch.bfloat16"}
DOWN, UP = ".lora_A.weight", ".lora_B.weight"
"""Endings of the names of a layer's two factors, which add ``scale * up @ down`` to its weight."""


class Stored(NamedTuple):
    """A tensor as a file holds it: its type as torch calls it, and its bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytearray


class Adapter(NamedTuple):
    """An adapter as its files state it.

    Attributes:
        id: content id, 16 hex characters: of the tensors, and of the settings that scale them.
        config: PEFT's settings.
        stored: tensors by name.
    """

    id: str
    config: dict[str, Any]
    stored: dict[str, Stored]

    @property
    def base(self) -> str:
        """Digest of the base model that it was learnt on; empty where its settings do not say."""
        return str(self.config.get(BASE_DIGEST) or "")

    @property
    def scale(self) -> float:
        """Factor of what the tensors add."""
        rank = self.config["r"]
        return self.config["lora_alpha"] / (rank**0.5 if self.config.get("use_rslora") else rank)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return name -> tensor, on the CPU."""
        import torch

        types = {each.dtype: getattr(torch, each.dtype.removeprefix("torch.")) for each in self.stored.values()}
        return {
            name: torch.frombuffer(each.data, dtype=types[each.dtype]).reshape(each.shape)
            for name, each in self.stored.items()
        }


def adapter_of(weights: bytes, config: dict[str, Any]) -> Adapter:
    """Return the adapter of a file's bytes and PEFT's settings.

    Its id is not that of the files' bytes: PEFT writes lists of names in no fixed order, and safetensors are laid out in
    more ways than one.

    Args:
        weights: of a safetensors file.

    Raises:
        ValueError: they are none, or tensors are of a type that adapters do not have.
    """
    stored, sha = _stored(weights), sha256()
    for name, (dtype, shape, data) in sorted(stored.items()):
        sha.update(f"{name}\0{dtype}\0{shape}\0".encode())
        sha.update(data)
    sha.update(canonical({key: config.get(key) for key in MEANING}))
    return Adapter(sha.hexdigest()[:16], config, stored)


def read_adapter(folder: Path, name: str, *, base: str = "") -> Adapter:
    """Return the adapter ``name`` from a folder of adapters, its content compared with its name.

    Args:
        base: digest of the model that it is to be used with; empty for any.

    Raises:
        CorruptLog: its files cannot be read, or hold another adapter.
        InputError: an adapter of a kind that is not plain LoRA, or of another base model.
    """
    place = folder / name
    try:
        if Path(name).name != name:
            raise ValueError("an adapter's name holds no path")
        adapter = adapter_of(_file(place / WEIGHTS), _config(place / CONFIG))
    except (OSError, ValueError) as error:
        raise CorruptLog("cannot read the adapter", where=str(place), why=_line(error), fix=RESTORE) from error
    compare(adapter, name, str(place))
    check_plain(adapter, str(place))
    if base and adapter.base and adapter.base != base:
        raise InputError(
            "the adapter does not fit the model",
            where=str(place / CONFIG),
            why=f"it was learnt on the model {adapter.base[:12]}, this one is {base[:12]}",
            fix="Use the model that the run began with.",
        )
    return adapter


def adapter_at(place: Path) -> Adapter:
    """Return the adapter of a folder that may have any name.

    Raises:
        InputError: its files cannot be read, or it is not plain LoRA.
    """
    try:
        adapter = adapter_of(_file(place / WEIGHTS), _config(place / CONFIG))
    except (OSError, ValueError) as error:
        raise InputError("cannot read the adapter", where=str(place), why=_line(error)) from error
    check_plain(adapter, str(place))
    return adapter


def compare(adapter: Adapter, name: str, where: str) -> None:
    """Refuse an adapter that is not the one of that name.

    Raises:
        CorruptLog: says both.
    """
    if adapter.id != name:
        said = ", ".join(f"{key} {_shown(adapter.config.get(key))}" for key in MEANING[:3])
        raise CorruptLog(
            "the adapter is not the one that was learnt",
            where=where,
            why=f"the log and the folder's name say {name}; the tensors and settings there ({said}) make {adapter.id}",
            fix=RESTORE,
        )


def check_plain(adapter: Adapter, where: str) -> None:
    """Refuse an adapter that adds something else than its tensors and its scale say.

    Raises:
        InputError: names the first setting or tensor that is not of plain LoRA on linear layers.
    """
    if why := _odd_setting(adapter.config) or _odd_tensor(adapter):
        raise InputError("not a plain LoRA adapter", where=where, why=why, fix=RESTORE)


def is_here(folder: Path, name: str) -> bool:
    """Return whether a folder of adapters holds anything of the adapter ``name``."""
    return any((folder / name / file).exists() or (folder / name / file).is_symlink() for file in (WEIGHTS, CONFIG))


def _odd_setting(config: Mapping[str, Any]) -> str:
    """Return what a configuration sets that no plain adapter has; empty for nothing."""
    rank, alpha, init = config.get("r"), config.get("lora_alpha"), config.get("init_lora_weights")
    if config.get("peft_type") != "LORA":
        return f"peft_type is {_shown(config.get('peft_type'))}"
    if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
        return f"r is {_shown(rank)}"
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or not math.isfinite(alpha):
        return f"lora_alpha is {_shown(alpha)}"
    if config.get("use_rslora") not in (None, False, True):
        return f"use_rslora is {_shown(config['use_rslora'])}"
    if config.get("task_type") not in (None, "CAUSAL_LM"):
        return f"task_type is {_shown(config['task_type'])}"
    if isinstance(init, str) and init.lower().startswith(_RESIDUAL_INITS):
        return f"init_lora_weights is {_shown(init)}"
    if config.get("bias") not in (None, "none"):
        return f"bias is {_shown(config['bias'])}"
    for name, value in config.items():
        if name not in {*_FREE, *MEANING, "bias"} and value not in (None, False, [], {}):
            return f"{name if name.isidentifier() else _shown(name)} is {_shown(value)}"
    return ""


def _odd_tensor(adapter: Adapter) -> str:
    """Return what is wrong with the tensors, or with what the settings say of them; empty for nothing."""
    tensors, rank, targets = adapter.stored, adapter.config["r"], adapter.config.get("target_modules")
    if not tensors:
        return "it holds no tensor"
    if not isinstance(targets, list) or not all(isinstance(target, str) and target for target in targets):
        return f"target_modules is {_shown(targets)}"
    for name, (_, shape, _) in sorted(tensors.items()):
        ending = next((ending for ending in (DOWN, UP) if name.endswith(ending)), "")
        module = name.removesuffix(ending)
        if not ending or module + DOWN not in tensors or module + UP not in tensors:
            return f"it holds {_shown(name)}"
        if len(shape) != 2 or 0 in shape or shape[0 if ending == DOWN else 1] != rank:
            return f"r is {rank}, and {_shown(name)} has the shape {shape}"
        if not any(module == target or module.endswith(f".{target}") for target in targets):
            return f"target_modules leaves out {_shown(name)}"
    return ""


def _shown(value: object) -> str:
    """Return a setting's value for a message of one line; whatever is no short one by its kind."""
    short = isinstance(value, str | float | bool | None) or (isinstance(value, int) and abs(value) < 1 << 63)
    return repr(value)[:80] if short else f"a {type(value).__name__}"


def _stored(weights: bytes) -> dict[str, Stored]:
    """Return the tensors in a safetensors file by name.

    Raises:
        ValueError: it is none, or says more than its tensors.
    """
    from safetensors import SafetensorError, deserialize

    try:
        rows = deserialize(weights)
        header = msgspec.json.decode(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    except (SafetensorError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{WEIGHTS}: {_line(error)}") from error
    if header.get("__metadata__", {"format": "pt"}) != {"format": "pt"}:
        raise ValueError(f"{WEIGHTS}: its header holds something other than tensors")
    if odd := next((name for name, row in rows if row["dtype"] not in _DTYPES), None):
        raise ValueError(f"{WEIGHTS}: the tensor {_shown(odd)} has a type that adapters do not have")
    return {name: Stored(_DTYPES[row["dtype"]], tuple(row["shape"]), row["data"]) for name, row in rows}


def _config(path: Path) -> dict[str, Any]:
    """Return PEFT's settings.

    Raises:
        OSError, ValueError: they cannot be read.
    """
    raw = _file(path, MOST_BYTES)
    try:
        config = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path.name}: {_line(error)}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path.name}: it holds no settings")
    if odd := next((key for key in MEANING if _shown(config.get(key)).startswith("a ")), None):
        raise ValueError(f"{path.name}: {odd} is {_shown(config[odd])}")
    return config


def _file(path: Path, most: int = 1 << 40) -> bytes:
    """Return the bytes of a file, if it is one: nothing waits for a pipe or reads a device.

    Raises:
        OSError, ValueError: it is not there, cannot be read, or is larger than ``most`` bytes.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path.name} is not a file")
    if path.is_file() and path.stat().st_size > most:
        raise ValueError(f"{path.name} is larger than {most:,} bytes")
    return path.read_bytes()


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{Path(str(error.filename)).name}: {error.strerror}"
    return next(iter(str(error).strip().splitlines()), "")[:200] or type(error).__name__
