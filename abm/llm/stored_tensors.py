"""Tensors as a safetensors file holds them: names, types, shapes and bytes, without the library that computes with them.

Importing torch takes seconds, and to know which model a file holds nothing has to be computed.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

TORCH = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32", "I32": "int32", "U64": "uint64",
    "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64", "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
}  # fmt: skip
"""Type of the file -> torch's name of it."""


class StoredTensor(NamedTuple):
    """A tensor of a file.

    Attributes:
        dtype: as torch writes it: ``torch.float32``.
        data: its bytes, row by row; valid while the file is open.
    """

    dtype: str
    shape: tuple[int, ...]
    data: memoryview


@contextmanager
def stored_tensors(path: Path) -> Iterator[dict[str, StoredTensor]]:
    """Yield the tensors of a file by name.

    Raises:
        safetensors.SafetensorError: the file is none, or damaged.
    """
    from safetensors import safe_open

    with safe_open(path, framework="np"):  # checks that header and bytes agree
        pass
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        start = 8 + int.from_bytes(held[:8], "little")
        header = json.loads(held[8:start])
        with memoryview(held) as data:
            tensors = {name: _stored(said, data[start:]) for name, said in header.items() if name != "__metadata__"}
            try:
                yield tensors
            finally:
                for tensor in tensors.values():
                    tensor.data.release()


def _stored(said: dict, data: memoryview) -> StoredTensor:
    first, after = said["data_offsets"]
    return StoredTensor(f"torch.{TORCH.get(said['dtype'], said['dtype'])}", tuple(said["shape"]), data[first:after])
