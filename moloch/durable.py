"""What makes files and their names durable. Knows the operating system; knows no logs."""

from __future__ import annotations

import os
from pathlib import Path


def sync(*paths: Path) -> None:
    """Make the bytes of files, and the names in folders, durable.

    Raises:
        OSError: one cannot be opened, or the disk does not take it.
    """
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
