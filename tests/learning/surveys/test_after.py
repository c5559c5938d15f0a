"""Questions after a run: kept beside it, never paid for twice, and the run's head never changes."""

from __future__ import annotations

import errno
import os
import shutil
import stat

import pytest

from abm.events import LLMReplied, QuestionAnswered, SurveyOpened
from abm.llm import ScriptedLLM
from abm.log import open_log, read_events, verify
from abm.surveys import load_questionnaire
from analysis.readings.answers import answer_frame, read_answers
from learning.surveys import ANSWERS, Whom, attributes_of, plan_after
from moloch.errors import InputError
from tests.learning.test_loop import SMALL, Killed, carry_out
from tests.support.questionnaires import media, respond

CONFIG = SMALL.model_copy(update={"audience": "llm", "arms": ("rft", "placebo")})
MODEL = ("scripted", ScriptedLLM(respond).digest)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run whose personas a model played."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    carry_out(folder, CONFIG, llm=ScriptedLLM(respond))
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """A copy of it."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def questionnaire(tmp_path):
    return load_questionnaire(media(tmp_path))


def files(folder):
    """Return every file of a run but what is kept beside it, with its bytes."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).parts[0] != ANSWERS
    }


def rows_of(run, folder=None):
    return {
        (row.moment, row.arm, row.persona, row.question): (row.answer, row.valid, row.shown, row.raw)
        for row in read_answers(run, folder).result()
    }


class TestTheRun:
    """It is read, never changed."""

    def test_not_a_byte_of_it_changes(self, run, questionnaire):
        """Head and files are as they were; the answers name the head."""
        before, head = files(run), verify(run)
        plan_after(run, questionnaire, MODEL, at=("before", "after")).carry_out(lambda: ScriptedLLM(respond))
        assert files(run) == before and verify(run) == head
        opened = [event for event in read_events(run / ANSWERS) if isinstance(event, SurveyOpened)]
        assert {(event.events, event.head) for event in opened} == {tuple(head)}
        assert not any(event.played for event in opened)

    def test_one_that_takes_no_writes(self, run, questionnaire, tmp_path):
        """The error comes before anything is asked, and another folder takes the answers."""
        run.chmod(stat.S_IRUSR | stat.S_IXUSR)
        plan = plan_after(run, questionnaire, MODEL)
        try:
            if os.access(run, os.W_OK):
                pytest.skip("this user may write everywhere")
            with pytest.raises(InputError, match="--log FOLDER"):
                plan.carry_out(lambda: pytest.fail("a model was opened"))
            elsewhere = plan_after(run, questionnaire, MODEL, out=tmp_path / "answers")
            assert elsewhere.carry_out(lambda: ScriptedLLM(respond)).answers == 18
        finally:
            run.chmod(stat.S_IRWXU)

    def test_a_disk_that_takes_no_writes(self, run, questionnaire, monkeypatch):
        """The same, for a user who may write everywhere."""
        plan = plan_after(run, questionnaire, MODEL)
        monkeypatch.setattr(
            os, "open", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EROFS, "Read-only file system"))
        )
        with pytest.raises(InputError, match=r"Read-only file system. .* --log FOLDER"):
            plan.carry_out(lambda: pytest.fail("a model was opened"))

    def test_a_folder_that_cannot_be_made(self, run, questionnaire, tmp_path):
        """A file stands in its way."""
        (tmp_path / "file").write_text("")
        plan = plan_after(run, questionnaire, MODEL, out=tmp_path / "file" / "answers")
        with pytest.raises(InputError, match="--log FOLDER"):
            plan.carry_out(lambda: pytest.fail("a model was opened"))

    def test_a_folder_with_something_else(self, run, questionnaire):
        """A run's own log is never taken for one of answers."""
        with pytest.raises(InputError, match="holds no surveys"):
            plan_after(run, questionnaire, MODEL, out=run)

    def test_one_that_went_on_since(self, tmp_path, questionnaire):
        """It is reported, and those who remember more are asked anew."""
        run = tmp_path / "run"
        with pytest.raises(Killed):
            carry_out(run, CONFIG, llm=ScriptedLLM(respond), commits=30)
        whom = Whom(phase="train")
        first = plan_after(run, questionnaire, MODEL, whom=whom)
        assert not first.told
        asked = first.carry_out(lambda: ScriptedLLM(respond))
        carry_out(run, CONFIG, llm=ScriptedLLM(respond))
        later = plan_after(run, questionnaire, MODEL, whom=whom)
        assert len(later.told) == 1 and "the run went on since" in later.told[0]
        assert later.carry_out(lambda: ScriptedLLM(respond)).surveys != asked.surveys


class TestAskingAgain:
    """What was answered is not paid for again."""

    def test_the_same_costs_nothing(self, run, questionnaire):
        """No model is opened, no byte is written, and the answers are the same."""
        plan = plan_after(run, questionnaire, MODEL)
        first = plan.carry_out(lambda: ScriptedLLM(respond))
        size = {path: path.stat().st_mtime_ns for path in (run / ANSWERS).rglob("*")}
        again = plan_after(run, questionnaire, MODEL)
        assert again.answered == again.calls == 18
        second = again.carry_out(lambda: pytest.fail("a model was opened"))
        assert (second.head, second.answers, second.calls) == (first.head, first.answers, 0)
        assert size == {path: path.stat().st_mtime_ns for path in (run / ANSWERS).rglob("*")}

    def test_a_kill_after_any_answer(self, run, questionnaire, tmp_path):
        """What was durable is not asked for again; the answers are those of one that was never killed."""
        plan_after(run, questionnaire, MODEL, out=tmp_path / "whole").carry_out(lambda: ScriptedLLM(respond))
        whole = rows_of(run, tmp_path / "whole")
        for after in range(1, 18, 4):
            folder, asked = tmp_path / f"killed {after}", []

            def dying(request, asked=asked, after=after):
                if len(asked) == after:
                    raise Killed
                asked.append(request.site)
                return respond(request)

            plan = plan_after(run, questionnaire, MODEL, out=folder)
            with pytest.raises(Killed):
                plan.carry_out(lambda dying=dying: ScriptedLLM(dying, unit="call"))
            durable = {event.site for event in read_events(folder) if isinstance(event, LLMReplied)}
            again = []
            plan.carry_out(lambda again=again: ScriptedLLM(lambda r: again.append(r.site) or respond(r), unit="call"))
            assert len(durable) == after and not durable & set(again)
            assert rows_of(run, folder) == whole

    def test_more_personas_cost_only_what_is_new(self, run, questionnaire):
        """A larger share holds everybody of a smaller one."""
        some = plan_after(run, questionnaire, MODEL, whom=Whom(share=0.4, arms=("rft",)))
        assert some.carry_out(lambda: ScriptedLLM(respond)).calls == 3
        everybody = plan_after(run, questionnaire, MODEL, whom=Whom(arms=("rft",))).carry_out(
            lambda: ScriptedLLM(respond)
        )
        assert (everybody.answers, everybody.calls) == (9, 6)
        assert len(rows_of(run)) == 9

    def test_another_model_is_asked_anew(self, run, questionnaire):
        """Both stand in the frame."""
        for name in ("scripted", "other"):
            llm = ScriptedLLM(respond, name)
            plan_after(run, questionnaire, (name, llm.digest)).carry_out(lambda llm=llm: llm)
        assert read_answers(run).frame()["model"].value_counts().sort("model").rows() == [
            ("other", 18),
            ("scripted", 18),
        ]


class TestWhom:
    """Who is asked, and what they remember."""

    def test_before_they_remember_nothing(self, run, questionnaire):
        """Asked once; afterwards once for each arm's society, of what they read in it."""
        plan = plan_after(run, questionnaire, MODEL, at=("before", "after"))
        assert [(each.opened.moment, each.opened.arm) for each in plan.sittings] == [
            ("before", ""), ("after", "rft"), ("after", "placebo"),
        ]  # fmt: skip
        before, rft, placebo = ([who.remembered for who in each.respondents] for each in plan.sittings)
        assert not any(before) and all(" you read:" in text for text in (*rft, *placebo)) and rft != placebo

    def test_by_name_index_or_id(self, run, questionnaire):
        """One persona each; nobody, and somebody of the other split, are refused."""
        everybody = plan_after(run, questionnaire, MODEL).sittings[0].respondents
        who = everybody[1]
        for name in (str(who.persona), who.id):
            plan = plan_after(run, questionnaire, MODEL, whom=Whom(personas=(name,)))
            assert [each.persona for each in plan.sittings[0].respondents] == [who.persona]
        for name, said in (("Nobody", "no persona is called"), ("0", "another phase")):
            with pytest.raises(InputError, match=said):
                plan_after(run, questionnaire, MODEL, whom=Whom(personas=(name,)))

    def test_a_society_that_never_was(self, run, questionnaire):
        """Those that were are named."""
        for whom in (Whom(arms=("tfb",)), Whom(epoch=7), Whom(arms=("rft", "tfb"))):
            with pytest.raises(InputError, match="evaluate epoch 2 rft"):
                plan_after(run, questionnaire, MODEL, whom=whom)

    def test_what_is_to_be_remembered_is(self, run, questionnaire, tmp_path):
        """By the next questionnaire; asking the same again still costs nothing."""
        first = plan_after(run, questionnaire, MODEL, remember=True)
        first.carry_out(lambda: ScriptedLLM(respond))
        other = load_questionnaire(media(tmp_path, "name: other\nquestions: [{id: q, kind: open, text: Why}]\n"))
        told = [who.remembered for who in plan_after(run, other, MODEL).sittings[0].respondents]
        assert all("You were asked: " in text for text in told)
        again = plan_after(run, questionnaire, MODEL, remember=True)
        assert again.carry_out(lambda: pytest.fail("a model was opened")).calls == 0

    def test_what_is_not_to_be_remembered_is_not(self, run, questionnaire):
        """The same prompts as before."""
        before = plan_after(run, questionnaire, MODEL)
        before.carry_out(lambda: ScriptedLLM(respond))
        after = plan_after(run, questionnaire, MODEL, at=("after",), temperature=0.5)
        assert [each.respondents for each in after.sittings] == [each.respondents for each in before.sittings]


class TestTheFrame:
    """One tidy row per answer."""

    def test_it_has_who_what_when_and_what_of_it_counts(self, run, questionnaire):
        """With attributes and traits of the persona; an invalid answer has no value."""
        llm = ScriptedLLM(lambda request: "Both." if "/trust/" in request.site else respond(request))
        plan_after(run, questionnaire, MODEL, at=("before", "after")).carry_out(lambda: llm)
        reading = read_answers(run)
        frame = answer_frame(reading.result(), reading.traits(), attributes_of(run))
        assert frame.height == 27 and {"gender", "mbti", "trait_warmth"} <= set(frame.columns)
        invalid = frame.filter(~frame["valid"])
        assert invalid.height >= 9 and invalid["answer"].is_null().all() and set(invalid["label"]) == {""}
        closed = frame.filter(frame["valid"] & (frame["question"] == "bought"))
        labels = {1: "yes", 2: "no", 3: "I do not know"}
        assert closed.height and [labels[value] for value in closed["answer"]] == closed["label"].to_list()
        assert set(frame.filter(frame["question"] == "why")["label"]) <= {f"Reason {i}." for i in range(7)}

    def test_rows_lead_back_to_events(self, run, questionnaire):
        """By the log's ``seq``."""
        plan_after(run, questionnaire, MODEL).carry_out(lambda: ScriptedLLM(respond))
        events = {event.seq: event for event in open_log(run / ANSWERS, write=False).read()}
        for row in read_answers(run).result():
            event = events[row.seq]
            assert isinstance(event, QuestionAnswered) and (event.persona, event.question) == (
                row.persona,
                row.question,
            )
