"""Labels by people: messages of a study drawn at random, labelled blindly, and what they say of a probe's or a judge's errors.

``draw`` returns a sample, ``write_batch`` puts it into a folder with a sheet for each labeller, ``import_labels`` keeps what they said in a log
beside each run, and ``score`` returns errors, corrected rates and differences, ``labelled_messages`` the messages themselves. :mod:`analysis.labels.page` shows a sheet as a page to label on.
"""

from analysis.labels._batch import BatchKey, read_key, sheets, write_batch
from analysis.labels._draw import LABELLER, Draw, LabelSampling, draw
from analysis.labels._drawn import LabelledMessage, labelled_messages
from analysis.labels._given import Imported, import_labels
from analysis.labels._population import LabelledRun
from analysis.labels._sample import LabelCounts, Unsure
from analysis.labels._score import CorrectedRow, LabelScore, RaterErrors, score

__all__ = [
    "LABELLER",
    "BatchKey",
    "CorrectedRow",
    "Draw",
    "Imported",
    "LabelCounts",
    "LabelSampling",
    "LabelScore",
    "LabelledMessage",
    "LabelledRun",
    "RaterErrors",
    "Unsure",
    "draw",
    "import_labels",
    "labelled_messages",
    "read_key",
    "score",
    "sheets",
    "write_batch",
]


def __dir__() -> list[str]:
    return sorted(__all__)
