"""One HTTP/1.1 connection that carries one exchange after another. Knows bytes; knows nothing of JSON, models or retries.

Parsing is httptools' (llhttp). An exchange ends in exactly one of ``answered`` and ``failed`` of the connection's owner.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import httptools


class Owner(Protocol):
    """Takes the outcome of each exchange."""

    def answered(self, connection: Connection, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        """A whole answer came; names of headers are in lower case. The connection is open exactly if ``reusable``."""
        ...

    def failed(self, connection: Connection, why: str) -> None:
        """No answer, or only part of one; the connection is closed."""
        ...


class Connection(asyncio.Protocol):
    """An open connection.

    Args:
        owner: takes the outcomes.
        limit: bytes beyond which an answer is not read to its end.

    Attributes:
        reusable: whether another exchange may follow; while none is on its way, whether the server left it open.
        answers: that it carried.
    """

    __slots__ = (
        "_body",
        "_busy",
        "_headers",
        "_limit",
        "_owner",
        "_parser",
        "_size",
        "_transport",
        "_until_eof",
        "_whole",
        "answers",
        "call",
        "reusable",
    )

    def __init__(self, owner: Owner, limit: int) -> None:
        self._owner, self._limit = owner, limit
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._busy = self._until_eof = False
        self._whole: tuple[int, dict[bytes, bytes], bytes] | None = None
        self.reusable, self.answers = True, 0
        self.call: object = None
        """What the owner wants to remember of the exchange on its way."""

    def send(self, data: bytes) -> None:
        """Begin an exchange."""
        self._busy, self._headers, self._body, self._size, self._until_eof = True, {}, [], 0, False
        self._whole = None
        assert self._transport is not None
        self._transport.write(data)

    def abort(self) -> None:
        """Close at once, without notifying the owner."""
        self._busy = self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio's callbacks -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._busy:
            self.abort()  # nobody asked
            return
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.reusable = False
        if (
            self._whole is not None
        ):  # only now: what follows an answer in the same bytes must not count for the next call
            self._answer(*self._whole)
        elif not self.reusable:
            self._fail("not HTTP")
        elif self._size > self._limit:
            self._fail("answer too large")

    def eof_received(self) -> None:
        self.reusable = False
        if self._busy and self._until_eof:
            self._answer(self._parser.get_status_code(), self._headers, b"".join(self._body))

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        if self._busy:
            self._fail("connection lost")

    # -- httptools' callbacks ------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._whole is not None:
            self.reusable = False  # an answer to nothing: the server is out of step

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        headers = self._headers
        self._until_eof = b"content-length" not in headers and b"transfer-encoding" not in headers

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._whole is None and status >= 200:  # 1xx only announce
            self.reusable = self.reusable and self._parser.should_keep_alive()
            self._whole = status, self._headers, self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._headers, self._body = {}, []

    # ------------------------------------------------------------------------------------------------------

    def _answer(self, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        self._busy = False
        self._body, self._whole = [], None
        self.answers += 1
        if not self.reusable and self._transport is not None:
            self._transport.abort()
        self._owner.answered(self, status, headers, body)

    def _fail(self, why: str) -> None:
        if self._busy:
            self.abort()
            self._body = []
            self._owner.failed(self, why)
