"""What the sender of calls, the writer of their bytes and the budget say to one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from abm.llm.port import Reply, Request
from moloch.errors import MolochError
from moloch.exit_codes import ExitCode


class ServiceError(MolochError):
    """A server that cannot continue; the same command resumes."""

    exit_code = ExitCode.SERVER


class Address(NamedTuple):
    """Where a server is."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True)
class Limits:
    """How a server is treated.

    Attributes:
        concurrency: calls on their way at once, at most.
        timeout: seconds of one attempt.
        attempts: attempts of one call, those that were throttled not counted.
        patience: seconds without any success, after a first failure, until the server counts as gone.
        body: bytes of an answer, at most.
    """

    concurrency: int = 64
    timeout: float = 300.0
    attempts: int = 5
    patience: float = 120.0
    body: int = 4 * 2**20


@dataclass(frozen=True)
class Again:
    """Send the call again.

    Attributes:
        why: for the statistics.
        after: seconds that the server wants to be left alone; None where it does not say.
        throttled: whether it was too much rather than wrong; such an attempt does not count.
        wrong: whether the server is well, and the answer is not.
        stale: whether the answer belongs to an earlier call, so that its connection is out of step; such an attempt does
            not count, and the next one has a connection of its own.
        learnt: whether the next attempt is asked in another way; such an attempt does not count.
        said: the server's own words.
    """

    why: str
    after: float | None = None
    throttled: bool = False
    wrong: bool = False
    stale: bool = False
    learnt: bool = False
    said: str = ""


class Usage(NamedTuple):
    """Tokens that a call cost, read and written; None where nobody knows, and the worst case has to be assumed."""

    tokens_in: int | None = None
    tokens_out: int | None = None


NOTHING, UNKNOWN = Usage(0, 0), Usage()


class Landed(NamedTuple):
    """What an answer comes to.

    Attributes:
        outcome: the reply; that the call is to be made again; or why no call to this server can succeed as things are.
        usage: what it cost, whatever the outcome.
    """

    outcome: Reply | Again | MolochError
    usage: Usage


class Exchanger(Protocol):
    """Turns questions into bytes and bytes into answers."""

    def write(self, question: Request) -> bytes:
        """Return the whole HTTP request."""
        ...

    def read(self, question: Request, status: int, headers: dict[bytes, bytes], body: bytes, first: bool) -> Landed:
        """Return what an answer comes to.

        Args:
            first: whether it is the first one on its connection, and so cannot belong to an earlier call.
        """
        ...

    def give_up(self, question: Request, why: str) -> Reply:
        """Return the reply recorded for a call that failed too often while others succeed."""
        ...


class Gate(Protocol):
    """What calls cost."""

    def admit(self, question: Request) -> bool:
        """Reserve what a call may cost at most; return False, and reserve nothing, if that is too much now."""
        ...

    def release(self, question: Request) -> None:
        """Give back what was reserved for a call that was never sent."""
        ...

    def settle(self, question: Request, usage: Usage) -> None:
        """Book what a call cost that was sent, whatever came of it, in place of what was reserved."""
        ...

    def spent(self) -> MolochError:
        """Return why no further call is possible."""
        ...
