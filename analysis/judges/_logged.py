"""How judges agree whose verdicts are logged: a function of a run's log and of that of its verdicts; makes no calls."""

from __future__ import annotations

from pathlib import Path

from abm.events import RunConfigured
from abm.log import read_events
from analysis.judges._battery import Battery, Question
from analysis.judges._calls import VERDICTS, logged
from analysis.judges._messages import Messages
from analysis.judges._trust import AgreementRow, AlphaRow, agreement
from analysis.judges._verdicts import read_verdicts
from analysis.readings.reading import result_of
from moloch.errors import InputError


def read_agreement(run: Path | str, folder: Path | str | None = None) -> tuple[list[AgreementRow], list[AlphaRow]]:
    """Return how the judges of a run's messages agree, in pairs and all together, by probe; nothing where nobody judged.

    A question that was worded anew counts with its last wording, and verdicts that it does not know are left out.

    Args:
        folder: the log of verdicts; by default that in the run's folder.

    Raises:
        LogError: no such run, or one of the logs cannot be read.
    """
    folder = Path(folder) if folder is not None else Path(run) / VERDICTS
    if not (folder / "run.json").is_file():
        return [], []
    messages = result_of(read_events(run), Messages())
    questions: dict[str, Question] = {}
    for event in logged(folder):
        if isinstance(event, RunConfigured):
            questions |= {question.name: question for question in _asked(event, messages.arena)}
    rows = [
        row for row in read_verdicts(run, folder)
        if row.probe in questions and not row.version and (row.label < 0 or row.verdict in questions[row.probe].verdicts)
    ]  # fmt: skip
    texts = {message.message: message.text for message in messages.published}
    return agreement(rows, list(questions.values()), texts, messages.rules)


def _asked(inquiry: RunConfigured, arena: str) -> tuple[Question, ...]:
    try:
        return Battery.model_validate(inquiry.config["battery"]).asked_in(arena)
    except InputError:  # the log of verdicts is shared with runs in other arenas
        return ()
