"""Readings: what is made of a run's events, taken one by one, so that no log has to be held in memory.

A reading says which types of events it looks at (``TAKES``), takes them in the order of the log (:meth:`Reading.take`)
and says at any time what they amount to so far (:meth:`Reading.result`). :func:`read` hands every event of a log once to
all readings that look at its type. Knows nothing of what a reading makes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from abm.events import Event
from analysis.readings._contradiction import contradicted
from moloch.errors import CorruptLog, MolochError

if TYPE_CHECKING:
    import polars as pl

MISFITS = (LookupError, ValueError, TypeError, ArithmeticError)
"""What a result ends in whose events contradict each other."""
EDITED = "The log was edited, or written by another version; use the version that wrote it."
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reading(Protocol[T_co]):
    """A fold of a log's events."""

    TAKES: ClassVar[frozenset[type[Event]]]
    """Types of events that it looks at; it need not know of others. A base class stands for all types of its kind."""

    def take(self, event: Event) -> None:
        """Take the next event; one of another type than those of ``TAKES`` changes nothing."""
        ...

    def result(self) -> T_co:
        """Return what the events so far amount to."""
        ...


class Framed(Reading[T_co], Protocol[T_co]):
    """A reading whose result has rows."""

    def frame(self) -> pl.DataFrame:
        """Return the result as a Polars frame; the class says what a row is."""
        ...


def dispatch(*readings: Reading[Any]) -> Callable[[Event], None]:
    """Return what hands an event to those readings that look at its type, in the order in which they are named.

    It raises :class:`~moloch.errors.ContradictoryLog` for an event that one of them cannot take.
    """
    takers: dict[type[Event], list[Callable[[Event], None]]] = {}

    def hand(event: Event) -> None:
        kind = type(event)
        if kind not in takers:
            takers[kind] = [reading.take for reading in readings if issubclass(kind, tuple(reading.TAKES))]
        try:
            for take in takers[kind]:
                take(event)
        except MolochError:
            raise
        except Exception as error:
            raise contradicted(event, error) from error

    return hand


def read(events: Iterable[Event], *readings: Reading[Any]) -> None:
    """Hand each event once to the readings that look at its type, in the order in which they are named.

    Raises:
        ContradictoryLog: an event cannot be so after those before it.
    """
    hand = dispatch(*readings)
    for event in events:
        hand(event)


def amounting(reading: Reading[T]) -> T:
    """Return a reading's result.

    Raises:
        CorruptLog: its events contradict each other.
    """
    try:
        return reading.result()
    except MolochError:
        raise
    except MISFITS as error:
        raise CorruptLog("events do not fit together", why=f"{type(error).__name__}: {error}", fix=EDITED) from error


def result_of(events: Iterable[Event], reading: Reading[T]) -> T:
    """Return what a reading makes of ``events``.

    Raises:
        CorruptLog: they contradict each other.
    """
    read(events, reading)
    return amounting(reading)


def frame_of(rows: Iterable[Collection[Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows as a Polars frame.

    Args:
        schema: column -> its type: ``str``, ``int``, ``float`` or ``bool``; rows are in its order.
    """
    import polars as pl

    types = {str: pl.String(), int: pl.Int64(), float: pl.Float64(), bool: pl.Boolean()}
    return pl.DataFrame(list(rows), schema={name: types[kind] for name, kind in schema.items()}, orient="row")
