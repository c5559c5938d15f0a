"""New connections to a server, by whichever of its addresses takes them. Knows sockets and TLS; knows no calls."""

from __future__ import annotations

import asyncio
import socket
import ssl

from abm.llm.http._connection import Connection, Owner
from abm.llm.http._exchange import Address

PATIENCE = 15.0
"""Seconds for one address: one that swallows everything (IPv6 in many networks) must leave time for the others."""


class Dialer:
    """Opens connections.

    Args:
        limit: bytes of an answer, at most.
    """

    def __init__(self, address: Address, limit: int) -> None:
        self._address, self._limit = address, limit
        self._tls = ssl.create_default_context() if address.tls else None
        self._places: list[str] = []

    async def connect(self, owner: Owner) -> Connection:
        """Return a new connection to the first of the server's addresses that takes one.

        Raises:
            OSError: none does.
        """
        host, port, tls = self._address
        loop = asyncio.get_running_loop()
        if not self._places:  # once, not for each of thousands of connections
            addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self._places = list(dict.fromkeys(str(place[4][0]) for place in addresses))
        failed: OSError | None = None
        for place in list(self._places):
            try:
                async with asyncio.timeout(PATIENCE):
                    _, connection = await loop.create_connection(
                        lambda: Connection(owner, self._limit),
                        place,
                        port,
                        ssl=self._tls,
                        server_hostname=host if tls else None,
                    )
            except OSError as error:
                failed = failed or error
                continue
            self._places.sort(key=lambda known, good=place: known != good)
            return connection
        assert failed is not None
        raise failed


def reason(error: OSError) -> str:
    """Return why there is no connection, in few words."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return "connecting takes too long"
    return (error.strerror or str(error) or type(error).__name__).lower()
