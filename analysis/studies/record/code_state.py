"""The state of the code that runs, as a study's log records it."""

from __future__ import annotations

import subprocess
from pathlib import Path


def code_state() -> str:
    """Return the state of the code, where it is a working tree of git: the commit, with ``+`` where files differ from it."""
    here = Path(__file__).parents[3]
    if not (here / ".git").exists():
        return ""
    told = [_git(here, "rev-parse", "HEAD"), _git(here, "status", "--porcelain", "--untracked-files=no")]
    return f"{told[0]}{'+' if told[1] else ''}" if told[0] else ""


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
