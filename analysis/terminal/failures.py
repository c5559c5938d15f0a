"""What to do about cells that failed, by whose fault it was. Knows origins and mappings; knows nothing of logs."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

AGAIN = "then the same command resumes"
RETRY = "then moloch study retry {study}"
WHAT_TO_DO = {
    "settings": "change the page, and give another --out: finished cells are found, and not repeated",
    "data": f"fix the file, {RETRY}",
    "backend": f"check that the server answers, {AGAIN}",
    "budget": "raise the bound on the page, then the same command resumes",
    "memory": f"give it less to do at a time: --jobs 1, or a smaller batch; {AGAIN}",
    "node": f"its process or its machine was ended from outside; {AGAIN}",
    "disk": f"make room, or check that the disk can be written; {AGAIN}",
    "bug": f"fix what its traceback names, an extension or moloch itself, {RETRY}",
    "interrupted": "the same command resumes",
}
"""Origin -> what to do, with ``{study}`` for the study's folder."""


def what_to_do(origins: Iterable[str], study: str) -> Iterator[str]:
    """Yield a line per origin with what to do about it."""
    once = [origin for origin in dict.fromkeys(origins) if origin in WHAT_TO_DO]
    width = max(map(len, once), default=0)
    for origin in once:
        yield f"{origin:{width}}  {WHAT_TO_DO[origin].format(study=shlex.quote(study))}"
