"""Bulk columns inside events: little-endian arrays that JSON carries as base64. Knows nothing of events.

An event with a column per field holds a million reactions in one line; zstd takes most of base64's third back.
"""

from __future__ import annotations

from typing import Annotated, Any, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Int8s = Annotated[bytes, "<i1"]
Int16s = Annotated[bytes, "<i2"]
Int32s = Annotated[bytes, "<i4"]
Float32s = Annotated[bytes, "<f4"]


def pack(values: ArrayLike, kind: Any) -> bytes:
    """Return ``values`` as a column.

    Args:
        kind: :data:`Int8s`, :data:`Int16s`, :data:`Int32s` or :data:`Float32s`.

    Raises:
        ValueError: a whole number does not fit into the column.
    """
    array = np.asarray(values)
    column = array.astype(_dtype(kind))
    if column.dtype.kind == "i" and not np.array_equal(column, array):
        raise ValueError(f"values do not fit into a column of {column.dtype}")
    return column.tobytes()


def unpack(column: bytes, kind: Any) -> NDArray[Any]:
    """Return a column as a read-only array of shape (n,).

    Raises:
        ValueError: its length is not a whole number of values.
    """
    return np.frombuffer(column, dtype=_dtype(kind))


def _dtype(kind: Any) -> np.dtype:
    return np.dtype(get_args(kind)[1])
