"""The answer in plain sentences: what a run or a study found, and how far that holds."""

from analysis.answers.answer import answer
from analysis.answers.sentence import RowKey, AnswerSentence, plain_sentences

__all__ = ["RowKey", "AnswerSentence", "answer", "plain_sentences"]


def __dir__() -> list[str]:
    return sorted(__all__)
