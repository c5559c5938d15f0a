"""Ways of learning: which rows of a log each learns from, with which loss and settings.

A method of your own is one file::

    @METHODS.register("longest")
    class Longest(Method, frozen=True):
        def rows(self, contests: Contests, seed: int) -> list[Row]:
            return [
                contests.trajectory(contest, max(contest.slots, key=lambda slot: len(contest.messages[slot].text)))
                for contest in contests.learnable
            ]
"""

from learning.methods._contests import Contests, DecidedContest, Owned, collect
from learning.methods._instructions import InstructionMethod, Retrospect, Trial
from learning.methods._method import Method
from learning.methods._registry import METHODS, check_options, learn_weights
from learning.methods._rows import LossTerm, Row, RowKind, RowsOf, TrainingSet
from learning.methods.sets import training_set

__all__ = [
    "METHODS",
    "Contests",
    "DecidedContest",
    "InstructionMethod",
    "LossTerm",
    "Method",
    "Owned",
    "Retrospect",
    "Row",
    "RowKind",
    "RowsOf",
    "TrainingSet",
    "Trial",
    "check_options",
    "collect",
    "learn_weights",
    "training_set",
]


def __dir__() -> list[str]:
    return sorted(__all__)
