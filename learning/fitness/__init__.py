"""Whether a model is fit to write, to read or to judge: limits, counts, what a log tells, and a check before a run."""

from learning.fitness.limits import Fitness, Point, Share
from learning.fitness.observation import Observation, ObservedModels, observed
from learning.fitness.preflight import ReaderSettings, check_reader, check_writer

__all__ = [
    "Fitness",
    "Observation",
    "ObservedModels",
    "Point",
    "ReaderSettings",
    "Share",
    "check_reader",
    "check_writer",
    "observed",
]


def __dir__() -> list[str]:
    return sorted(__all__)
