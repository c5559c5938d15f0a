"""What makes files and their names durable. Knows the operating system; knows no logs."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4


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


def make_once(path: Path, data: bytes) -> bool:
    """Make a file, its bytes durable, that is there whole or not at all; return False if there was one. Of many who try, one makes it.

    That holds wherever a hard link is exclusive, between machines too (NFS); locks of files are not trusted there.

    Raises:
        OSError: it cannot be made.
    """
    new = path.with_name(f".{uuid4().hex}.new")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(file)
        os.link(new, path)
    except OSError as error:  # over a network the answer can be lost though the link was made
        if new.stat().st_nlink < 2:
            if isinstance(error, FileExistsError):
                return False
            raise
    finally:
        new.unlink()
    return True
