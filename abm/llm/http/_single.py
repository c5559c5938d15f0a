"""One exchange with a server, whole and in time, on a connection of its own. Knows HTTP; knows no models and no keys."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

from abm.llm.http._exchange import Address

MOST = 16 * 2**20
"""Bytes of an answer that are read."""


def exchanged(address: Address, call: tuple[Any, ...], seconds: float) -> tuple[http.client.HTTPResponse, bytes]:
    """Return an answer and its body, of which no more than :data:`MOST` bytes are read.

    Args:
        call: verb, path, body and headers.
        seconds: until a connection is there, and then until all of the answer is.

    Raises:
        OSError, HTTPException: there is none; it takes too long, however steadily it trickles.
    """
    host, port, tls = address
    if tls:
        connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, port, timeout=seconds)
    late = threading.Event()
    try:
        connection.connect()
        with _cut_after(seconds, connection.sock, late):
            connection.request(*call)
            answer = connection.getresponse()
            body = answer.read(MOST)
    except (OSError, http.client.HTTPException) as error:
        if late.is_set():
            raise TimeoutError(f"no whole answer within {seconds:g} s") from error
        raise
    finally:
        connection.close()
    if late.is_set():  # a body without a length ends where the line does
        raise TimeoutError(f"no whole answer within {seconds:g} s")
    return answer, body


@contextlib.contextmanager
def _cut_after(seconds: float, line: socket.socket, late: threading.Event) -> Iterator[None]:
    """Cut the line if what is done within takes longer; its own timeout is one of each read."""

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(line, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
