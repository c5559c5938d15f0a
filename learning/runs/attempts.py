"""Which calls of a run ask once more for what was asked before, by their site. Knows text alone."""

from __future__ import annotations

_SLASHES = {"write": 5, "try": 4}
"""Of the call site of a message's first attempt; a further one has its number behind them."""


def is_retry(site: str) -> bool:
    """Return whether a call asks again: for a reaction that named no option, or for a message whose first answer could not be read."""
    return site.endswith("/again") or site.count("/") > _SLASHES.get(site.partition("/")[0], site.count("/"))
