"""A run that stopped says why, and its own settings resume it."""

from __future__ import annotations

import pytest

from abm.events import RunConfigured
from abm.llm import ScriptedLLM
from abm.log import create
from learning import load_config, run
from learning.runs.last_words import last_words, leaving_last_words
from tests.learning.test_loop import SMALLER
from tests.support.fakes import FakeTrainer, answer


class Enough(Exception):
    """What ends a run here."""


def test_why_it_stopped_and_what_resumes_it(tmp_path):
    """An error of any kind is kept in words; ``run.json`` is a settings file that goes on with the run, and the words are gone."""
    asked = []

    def failing(request):
        asked.append(request)
        if len(asked) == 9:
            raise Enough("no more")
        return answer(request)

    folder = tmp_path / "run"
    with pytest.raises(Enough):
        run(SMALLER, folder, llm=ScriptedLLM(failing), trainer=FakeTrainer())
    left = last_words(folder)
    assert left is not None and left.why == "Enough: no more" and left.at > 0
    again = load_config(folder / "run.json", {})
    done = run(again, folder, llm=ScriptedLLM(answer), trainer=FakeTrainer())
    whole = run(SMALLER, tmp_path / "whole", llm=ScriptedLLM(answer), trainer=FakeTrainer())
    assert done.digest == whole.digest and last_words(folder) is None


def test_nothing_is_left_where_nothing_happened(tmp_path):
    """A file beside an empty log would look like a log that was lost; an interrupt between two steps is said."""
    with create(tmp_path / "empty", {}) as log, pytest.raises(Enough), leaving_last_words(log):
        raise Enough
    assert last_words(tmp_path / "empty") is None
    with create(tmp_path / "begun", {}) as log:
        log.append([RunConfigured(config={})])
        with pytest.raises(KeyboardInterrupt), leaving_last_words(log):
            raise KeyboardInterrupt
    left = last_words(tmp_path / "begun")
    assert left is not None and "Ctrl-C" in left.why
