"""What this user's processes noted on this machine, outside of every run: a run that comes from elsewhere cannot fake it.

Notes may be deleted at any time, and where there is no folder for them nothing is noted; who asks for one must know what
to do without it. They lie under ``$XDG_STATE_HOME/moloch``, by default ``~/.local/state/moloch``. Knows nothing of runs.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path


def note(kind: str, name: str, text: str = "") -> None:
    """Note ``text`` under a name, in place of what was noted there; where that cannot be written, do nothing.

    Args:
        kind: what is noted, such as ``runs``; each has its own names.
        name: usable as a file's name, such as a digest.
    """
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: there is no home
        place = _place(kind, name)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = place.with_name(f"{name}.{os.getpid()}-{threading.get_ident()}.new")
        new.touch(mode=0o600)
        new.write_text(text, encoding="utf-8")
        new.replace(place)


def noted(kind: str, name: str) -> str | None:
    """Return what was noted under a name; None if nothing was, or it cannot be read."""
    try:
        return _place(kind, name).read_text("utf-8")
    except (OSError, RuntimeError, UnicodeDecodeError):
        return None


def _place(kind: str, name: str) -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "moloch" / kind / name
