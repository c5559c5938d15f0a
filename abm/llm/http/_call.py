"""One call and how its attempts went. Knows no sockets and no schedule."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from abm.llm.http._connection import Connection
from abm.llm.port import Request


@dataclass(eq=False, slots=True)
class PendingCall:
    """A question on its way to an answer.

    Attributes:
        attempts: that failed and count; ``throttled``: that failed because they were too many, and do not.
        sent: when the last attempt began, and ``first``: when the first did, in seconds of the sender's clock.
        connection: that carries the attempt; ``task``: that opens one for it.
        wired: whether the last attempt was sent, and so may cost something.
        why: its last attempt came to nothing.
        alone: whether its next attempt needs a connection that carried nothing before.
    """

    question: Request
    attempts: int = 0
    throttled: int = 0
    sent: float = 0.0
    first: float = 0.0
    connection: Connection | None = None
    task: asyncio.Task | None = None
    wired: bool = False
    why: str = ""
    alone: bool = False
