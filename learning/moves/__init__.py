"""The moves model: a writer whose whole policy is a probability for each rhetorical move, and who learns in milliseconds.

It exists to calibrate the instrument: its law is known, so that what a study must find is known, and a whole study takes seconds.
It is no language model, and nothing that it does is evidence about one. ``extensions: [learning.moves]`` makes it known to a run,
``model: moves`` and ``serving: {llm: moves}`` have it write; nothing else imports this room.
"""

from abm.llm.backends import BACKENDS
from learning.moves.law import LAWS, Law
from learning.moves.trainer import MovesTrainer
from learning.moves.writer import MovesLLM
from learning.training.trainer import TRAINERS

BACKENDS.register("moves")(MovesLLM)
for _name in LAWS:
    TRAINERS.add(_name, MovesTrainer)

__all__ = ["LAWS", "Law", "MovesLLM", "MovesTrainer"]


def __dir__() -> list[str]:
    return sorted(__all__)
