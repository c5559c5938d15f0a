"""The answer in plain sentences: what a run or a study found, and how far that holds."""

from analysis.answers._answer import answer
from analysis.answers.flags import flag_lines, warning_lines
from analysis.answers.sentence import AnswerSentence, RowKey, level_words, levels_of, plain_sentences

__all__ = [
    "AnswerSentence",
    "RowKey",
    "answer",
    "flag_lines",
    "level_words",
    "levels_of",
    "plain_sentences",
    "warning_lines",
]


def __dir__() -> list[str]:
    return sorted(__all__)
