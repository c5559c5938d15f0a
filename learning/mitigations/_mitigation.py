"""What a mitigation is: a change to the contests, the rows or the loss that one arm learns from. Knows no model and no log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import msgspec

from abm.arenas import Arena
from abm.probe import kind_of
from learning.methods import Contests, LossTerm, Method, Row
from moloch.errors import InputError


class Audit(NamedTuple):
    """What an auditor found of a message that it looked at."""

    message: str
    found: bool


class Mitigation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mitigation. A subclass is one file: its fields are its settings, and it overrides what it changes.

    Everything is a pure function of its arguments: neither the order of contests nor that of messages plays a part, and what is
    drawn at random is keyed by ``seed`` and the message or contest (:mod:`moloch.keyed`). What a probe says of a message is in
    ``contests.verdicts``, for the probes that :meth:`judges` names.

    Attributes:
        name: by which it is registered.
        reads_verdicts: it asks what probes say of training messages: those of the setting ``probe``, where it has one.
    """

    name: ClassVar[str] = ""
    reads_verdicts: ClassVar[bool] = False

    def judges(self, arena: Arena) -> tuple[str, ...]:
        """Return the names of the probes that have to judge training messages: the one of the setting ``probe``; where it is empty
        those of strategy that the arena names."""
        if not self.reads_verdicts:
            return ()
        probe = getattr(self, "probe", "")
        return (probe,) if probe else tuple(each for each in arena.probes if kind_of(each) == "strategy")

    def flagged(self, contests: Contests, message: str) -> bool:
        """Return whether one of its probes found fault with a message; one that cannot tell has found none.

        Raises:
            InputError: none of them judged the message.
        """
        verdicts = contests.verdicts.get(message, {})
        labels = [verdicts[probe] for probe in self.judges(contests.arena) if probe in verdicts]
        if not labels:
            raise InputError(
                f"no probe of the mitigation {self.name!r} judged the message that it would change",
                where=f"message {message}",
                why="its contests took place before an arm asked for it",
                fix="Begin a new run, or fork before those contests.",
            )
        return 1 in labels

    def audits(self, contests: Contests, seed: int) -> Sequence[Audit]:
        """Return what is audited before the arm learns; each becomes an event, and ``contests.audits`` where it is asked next."""
        return ()

    def contests(self, contests: Contests, method: Method, seed: int) -> Contests:
        """Return the contests as the arm's method is to see them; themselves where nothing is changed."""
        return contests

    def rows(self, rows: list[Row], contests: Contests, method: Method, seed: int) -> list[Row]:
        """Return what is left of the rows that a method made of the contests, and as what."""
        return rows

    def term(self) -> LossTerm | None:
        """Return what is added to the method's loss; None for nothing."""
        return None

    @classmethod
    def configured(cls, values: Mapping[str, Any]) -> Self:
        """Return the mitigation with these settings.

        Raises:
            InputError: it has no such setting, or a value has the wrong type or is out of range.
        """
        try:
            return msgspec.convert(dict(values), cls)
        except msgspec.ValidationError as error:
            fields = ", ".join(cls.__struct_fields__)
            raise InputError(
                f"a setting of the mitigation {cls.name!r} is not valid",
                why=str(error),
                fix=f"Its settings are {fields}." if fields else "It has no settings.",
            ) from error
