"""A persona's page lists what it answered to questionnaires: in the run, and after it."""

from __future__ import annotations

import shutil

import pytest

from abm.llm import ScriptedLLM
from abm.surveys import load_questionnaire
from analysis.readings.answers import read_answers
from analysis.ui import lookups
from analysis.ui.library import Library
from learning.surveys import ANSWERS, Whom, plan_after
from tests.learning.test_loop import carry_out
from tests.learning.test_run_surveys import settings
from tests.support.questionnaires import media, respond

MODEL = ScriptedLLM(respond)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A finished run with questionnaires of its own."""
    folder = tmp_path_factory.mktemp("asked")
    carry_out(folder / "run", settings(folder), llm=MODEL)
    return folder / "run"


@pytest.fixture
def followed(asked, tmp_path):
    """A copy of it, and who follows it, as far as its log goes."""
    run = shutil.copytree(asked, tmp_path / "run")
    library = Library([run])
    follower = library.follower("run")
    leave = follower.look()
    assert follower.ready.wait(60)
    leave()
    yield run, follower
    library.close()


def test_what_was_answered_in_the_run(followed):
    """Every answer of this persona and of nobody else, with the question in its words; what is no answer says why."""
    run, follower = followed
    rows = [row for row in read_answers(run).result() if row.persona == 4]
    shown = lookups.answers(follower, 4)
    assert rows and [each["said"]["pieces"][0][0] for each in shown] == [
        row.label if row.valid else row.raw for row in rows
    ]
    assert {each["question"] for each in shown} >= {"How far do you trust what sellers say?"}
    assert [bool(each["invalid"]) for each in shown] == [not row.valid for row in rows]
    assert any("remembering evaluate epoch" in each["when"] for each in shown)


def test_what_was_answered_after_it(followed, tmp_path):
    """Beside the others, once it is there; a log of answers that is damaged hides nothing else."""
    run, follower = followed
    before = lookups.answers(follower, 4)
    plan = plan_after(
        run, load_questionnaire(media(tmp_path)), ("scripted", MODEL.digest), whom=Whom(personas=("4",), arms=("rft",))
    )
    plan.carry_out(lambda: MODEL)
    later = lookups.answers(follower, 4)
    assert later[: len(before)] == before and len(later) == len(before) + 3
    assert all(each["when"].startswith("after the run, as at its end, remembering") for each in later[len(before) :])
    (run / ANSWERS / "run.json").write_text("{")
    assert lookups.answers(follower, 4) == before


def test_a_run_that_asked_nobody_is_not_read_for_it(followed, monkeypatch):
    """Its log is not gone through once more."""
    _, follower = followed
    follower.read(lambda book: book.config.pop("surveys"))
    monkeypatch.setattr(follower, "fold", lambda *given: pytest.fail("read"))
    assert lookups.answers(follower, 4) == []
