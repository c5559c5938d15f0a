"""One event for the terminal: JSON, its causes, its hash. Knows :func:`analysis.tables.event.event_dict`'s mapping."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from analysis.formats import count, short

CAUSE = 100
"""Letters of a cause that are shown; --json has all."""


def event_lines(shown: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines: the event, what led to it, up to the event without a cause, and by which hash the log vouches for it."""
    yield json.dumps(shown["event"], indent=2, ensure_ascii=False)
    yield ""
    for i, cause in enumerate(shown["causes"]):
        said = {name: value for name, value in cause.items() if name not in ("type", "seq", "cause", "at", "step")}
        words = short(json.dumps(said, ensure_ascii=False), CAUSE)
        yield f"{'because of' if i == 0 else '':10}  event {cause['seq']}  {cause['type']}  {words}"
    if not shown["causes"]:
        yield "because of  no other event (it is a root)"
    commit = shown["commit"]
    last = commit["first"] + commit["events"] - 1
    yield f"{'sha256':10}  {shown['sha256']}  (of its line)"
    yield f"{'commit':10}  events {commit['first']} to {last} ({count(commit['events'], 'event')})"
    yield f"{'hash':10}  {commit['hash']}"
    yield f"{'from':10}  {commit['prev']}  (hash of the commit before it)"
