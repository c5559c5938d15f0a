"""The open connections to one server. Knows connections and addresses; knows no calls and no schedule."""

from __future__ import annotations

from abm.llm.http._connection import Connection, Owner
from abm.llm.http._dial import Dialer
from abm.llm.http._exchange import Address

CONNECTS = 256
"""Connections opened at the same time: more overrun the queues of servers."""


class Pool:
    """Connections that are open, idle or being opened.

    Args:
        limit: bytes of an answer, at most.
    """

    def __init__(self, address: Address, limit: int) -> None:
        self._dialer = Dialer(address, limit)
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening = 0

    @property
    def ready(self) -> bool:
        """Whether a call can have a connection: an idle one, or one that may be opened now."""
        return bool(self._idle) or self._opening < CONNECTS

    def idle(self) -> Connection | None:
        """Take an idle connection that the server has not closed in the meantime; None if there is none."""
        while self._idle:
            if (connection := self._idle.pop()).reusable:
                return connection
            self._open.discard(connection)
        return None

    def reserve(self) -> None:
        """Count a connection that :meth:`open` is about to open."""
        self._opening += 1

    async def open(self, owner: Owner) -> Connection:
        """Return a new connection, reserved before.

        Raises:
            OSError: none of the server's addresses takes it.
        """
        try:
            connection = await self._dialer.connect(owner)
        finally:
            self._opening -= 1
        self._open.add(connection)
        return connection

    def rest(self, connection: Connection) -> None:
        """Take a connection back after an answer; one that cannot be used again is forgotten."""
        if connection.reusable:
            self._idle.append(connection)
        else:
            self._open.discard(connection)

    def forget(self, connection: Connection) -> None:
        """Let go of a connection that is closed."""
        self._open.discard(connection)

    def abort(self) -> None:
        """Close all at once."""
        for connection in self._open:
            connection.abort()
