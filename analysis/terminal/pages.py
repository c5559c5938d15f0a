"""The last line of a command that reports on runs: what shows the same in a browser."""

from __future__ import annotations

import shlex
from pathlib import Path


def pages_line(*runs: Path) -> str:
    """Return the command that shows runs, or a study, in the browser.

    >>> pages_line(Path("runs/a b"))
    "pages   moloch ui 'runs/a b'"
    """
    return f"pages   moloch ui {' '.join(shlex.quote(str(run)) for run in runs)}"
