"""Whether an answer belongs to an earlier call: a completion's id comes once. Knows ids; knows no connections.

An answer that a server or a proxy sends twice shifts every later answer on its connection by one call. Servers whose ids
repeat by themselves, because all are alike or drawn from few, show it on a connection that carried nothing before.
"""

from __future__ import annotations

from collections import OrderedDict

KEPT = 65_536
"""Ids that are remembered."""


class CompletionIds:
    """The ids that one server has given."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._tell = True

    def stale(self, name: str, *, first: bool) -> bool:
        """Return whether an answer called ``name`` came before; take note of it.

        Args:
            name: empty if the answer has none.
            first: whether it is the first on its connection: if it repeats all the same, ids tell nothing here.
        """
        if not name or not self._tell:
            return False
        if name in self._seen:
            self._tell = not first
            return not first
        self._seen[name] = None
        if len(self._seen) > KEPT:
            self._seen.popitem(last=False)
        return False
