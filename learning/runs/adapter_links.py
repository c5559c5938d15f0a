"""Adapters of one run in the folder of another: the same bytes on disk. Knows files; what they hold is checked by those who read them."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection
from pathlib import Path


def link(source: Path, target: Path, names: Collection[str] = ()) -> None:
    """Give ``target`` the files of ``source``, whole or not at all: links, or copies where the file system has none.

    Args:
        names: of the files; by default all.

    Raises:
        OSError: they cannot be written.
    """
    if target.exists():
        return
    new = target.with_name(target.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for file in source.iterdir():
        if names and file.name not in names:
            continue
        try:
            os.link(file.resolve(), new / file.name)
        except OSError:
            shutil.copy2(file, new / file.name)
    with contextlib.suppress(FileExistsError):
        new.rename(target)
