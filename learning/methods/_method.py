"""What a way of learning is: a function from decided contests to rows, a loss for them, and settings. Knows no model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import msgspec

from learning.methods._contests import Contests
from learning.methods._rows import LIKELIHOOD, Row
from moloch.errors import InputError

_ROUNDING = 1e-9


class Method(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way of learning. A subclass is one file: its fields are its own settings, :meth:`rows` is what it learns from.

    Attributes:
        loss: ``"module:function"`` of the loss that its rows are learnt with; see :class:`learning.training.step.TrainingStep`.
        defaults: settings of the trainer that it wants otherwise than the preset has them, such as ``{"lr": 1e-5}``;
            a run's own settings come before them. Those that decide the number of steps (``batch``, ``repeat``) are better left
            alone: methods are compared at equal steps.
        by_preset: preset -> such settings that it wants with that preset; they come before ``defaults``.
        apart: each row is learnt by itself, and counts as one of the ``batch`` rows of a step; else a contest's rows are.
        least_messages: of its own that it needs in a contest.
        draws: it learns from how probable its messages were, and so from messages that were drawn, at a temperature above 0.
        reads_thoughts: it learns from what voters thought.
        rewarded: the weights of its rows are rewards, of which only differences within a contest count.
    """

    loss: ClassVar[str] = LIKELIHOOD
    defaults: ClassVar[Mapping[str, Any]] = {}
    by_preset: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    apart: ClassVar[bool] = False
    least_messages: ClassVar[int] = 1
    draws: ClassVar[bool] = False
    reads_thoughts: ClassVar[bool] = False
    rewarded: ClassVar[bool] = False

    @abstractmethod
    def rows(self, contests: Contests, seed: int) -> Sequence[Row]:
        """Return the rows to learn, at least one trajectory for each contest that is learnt from.

        A pure function of its arguments: neither the order of contests nor that of personas may play a part, and what
        is drawn at random is keyed by ``seed`` and the contest (:mod:`moloch.keyed`).

        Args:
            contests: those that votes decided, and the texts that they refer to.
        """
        raise NotImplementedError

    def reinforced(self, rows: Sequence[Row]) -> list[Row]:
        """Return those of a contest's rows whose messages the loss makes more probable: trajectories, but for those that are
        unlearnt; of rewarded ones those above the mean.
        """
        learnt = [row for row in rows if row.kind == "trajectory"]
        least = sum(row.weight for row in learnt) / max(1, len(learnt)) if self.rewarded else 0.0
        return [row for row in learnt if row.weight > least + _ROUNDING]

    def loss_options(self, contests: Contests) -> dict[str, Any]:
        """Return what the loss gets: the settings, and whatever else it needs to know of how the contests were held."""
        return msgspec.to_builtins(self)

    @classmethod
    def trainer_defaults(cls, preset: str) -> dict[str, Any]:
        """Return the settings of the trainer that it wants otherwise than ``preset`` has them."""
        return {**cls.defaults, **cls.by_preset.get(preset, {})}

    @classmethod
    def configured(cls, values: Mapping[str, Any]) -> Self:
        """Return the method with its own of ``values``; settings that it does not have are left alone.

        Raises:
            InputError: a value has the wrong type or is out of range.
        """
        own = {name: values[name] for name in cls.__struct_fields__ if name in values}
        try:
            return msgspec.convert(own, cls)
        except msgspec.ValidationError as error:
            raise InputError(f"a setting of {cls.__name__} is not valid", why=str(error)) from error
