"""The operating system, seen call by call; and a disk that forgets, when the power goes, what was not synced.

Knows what each call means for a disk. Knows nothing of commits.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from abm.log import disk

NAMES = ("open", "write", "pwrite", "ftruncate", "fsync", "mkdir", "replace", "unlink", "chmod")

Watch = Callable[[str, Path, tuple[Any, ...]], None]


def watch(monkeypatch: pytest.MonkeyPatch, root: Path, before: Watch, after: Watch = lambda *call: None) -> None:
    """Have ``before`` and ``after`` told of every call on what is in ``root``: its name, path and further arguments.

    What ``before`` raises, the caller gets in place of the call. Projecting is left out: it may fail.
    """
    opened: dict[int, Path] = {}

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(target: Any, *args: Any, **options: Any) -> Any:
            path = opened.get(target) if isinstance(target, int) else Path(target)
            ours = path is not None and path.is_relative_to(root)
            if not ours or threading.current_thread().name.startswith("projecting"):
                return real(target, *args, **options)
            assert path is not None
            if name == "close":
                del opened[target]
                return real(target)
            before(name, path, args)
            result = real(target, *args, **options)
            if name == "open":
                opened[result] = path
            after(name, path, args)
            return result

        return call

    for name in (*NAMES, "close"):
        monkeypatch.setattr(os, name, watched(name, getattr(os, name)))
    monkeypatch.setattr(disk, "sync_data", watched("fsync", disk.sync_data))


class _File:
    """A file's bytes as they were last synced; ``path`` is where its bytes are now."""

    def __init__(self, path: Path) -> None:
        self.path, self.durable = path, b""


class ForgetfulDisk:
    """Follows the calls in ``root``, and says what is left there if the power goes.

    Bytes are safe once their file was synced, a name once its folder was. What was not may be there, or not, or in
    part: :meth:`after_power_cut` gives each case.
    """

    CASES = ("only what was synced", "names too", "half of the bytes too", "everything")

    def __init__(self, root: Path) -> None:
        self.root = root
        self._live: dict[Path, _File | None] = {}  # None: a folder
        self._durable: dict[Path, _File | None] = {}

    def follow(self, name: str, path: Path, args: tuple[Any, ...]) -> None:
        """Take note of a call that was made."""
        match name:
            case "mkdir":
                self._live[path] = None
            case "open" if not path.is_dir() and path not in self._live:
                self._live[path] = _File(path)
            case "replace":
                file = self._live.pop(path)
                assert file is not None
                file.path = Path(args[0])
                self._live[file.path] = file
            case "fsync" if path.is_dir():
                kept = {p: f for p, f in self._durable.items() if p.parent != path}
                self._durable = kept | {p: f for p, f in self._live.items() if p.parent == path}
            case "fsync":
                file = self._live[path]
                assert file is not None
                file.durable = path.read_bytes()
            case "unlink":
                del self._live[path]

    def after_power_cut(self, case: str, to: Path) -> None:
        """Write to the folder ``to`` what would be in ``root`` now."""
        to.mkdir()
        names = self._durable if case == self.CASES[0] else self._live
        for path in sorted(names):
            if any(
                parent not in names
                for parent in path.parents
                if parent.is_relative_to(self.root) and parent != self.root
            ):
                continue  # its folder is not there
            there, file = to / path.relative_to(self.root), names[path]
            if file is None:
                there.mkdir()
                continue
            written = file.path.read_bytes()
            if case == "everything":
                there.write_bytes(written)
            elif case == "half of the bytes too" and written.startswith(file.durable):
                there.write_bytes(written[: (len(file.durable) + len(written) + 1) // 2])
            else:
                there.write_bytes(file.durable)
