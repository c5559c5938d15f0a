"""Calibration: how far a run's personas answer and vote as people do.

``read_human`` reads what people answered from tables; ``calibrate`` compares; ``calibration_frame`` returns the rows as a frame.
"""

from analysis.calibration._calibrate import Calibrated, calibrate
from analysis.calibration._human import Human, HumanAnswer, HumanVote, read_human
from analysis.calibration._rows import MEASURES, CalibrationRow, answer_rows, calibration_frame, vote_rows

__all__ = [
    "MEASURES",
    "Calibrated",
    "CalibrationRow",
    "Human",
    "HumanAnswer",
    "HumanVote",
    "answer_rows",
    "calibrate",
    "calibration_frame",
    "read_human",
    "vote_rows",
]


def __dir__() -> list[str]:
    return sorted(__all__)
