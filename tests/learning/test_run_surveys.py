"""Questionnaires inside a run: events of its log at the moments that its plan names; it resumes, replays and forks as ever."""

from __future__ import annotations

import shutil
from collections import Counter
from typing import ClassVar

import pytest

from abm.events import LLMReplied, QuestionAnswered, SurveyClosed, SurveyOpened, SurveysSet
from abm.llm import ScriptedLLM
from abm.log import read_events
from analysis.readings.answers import read_answers
from analysis.ui.data.head import headline
from analysis.ui.data.runs import describe
from learning.plan.order import plan
from learning.plan.parts import Survey
from learning.runs.costs import planned
from learning.runs.fork import fork
from learning.runs.inputs import gather
from learning.runs.redecide import replay_recorded
from learning.runs.run import run as carry_out_run
from learning.settings.config import RunConfig
from moloch.errors import InputError, NondeterminismError
from tests.learning.test_loop import SMALL, carry_out
from tests.learning.test_society import SOCIETY
from tests.support.fakes import FakeTrainer
from tests.support.questionnaires import MEDIA, media, respond

AT = ["start", {"epoch": 1}, "end"]


def settings(folder, **changes) -> RunConfig:
    """Return a small run's settings with a questionnaire at three moments."""
    values = SMALL.model_dump() | {
        "audience": "llm", "arms": ("rft", "placebo"), "surveys": [{"questions": str(media(folder)), "at": AT}],
    }  # fmt: skip
    return RunConfig.model_validate(values | changes)


def scripted() -> ScriptedLLM:
    return ScriptedLLM(respond)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run, its settings, and the folders as they were before each commit."""
    folder = tmp_path_factory.mktemp("whole")
    config, left = settings(folder), []

    def keep(path):
        if any(isinstance(event, SurveyOpened) for event in list(read_events(path))[-4:]) or len(left) % 7 == 0:
            shutil.copytree(path, folder / str(len(left)))
        left.append(path)

    journal = carry_out(folder / "run", config, llm=scripted(), before_commit=keep)
    kept = sorted(each for each in folder.iterdir() if each.name.isdecimal())
    return folder / "run", config, journal.digest.hexdigest(), kept


class TestMoments:
    """Who is asked, and when."""

    @pytest.mark.system
    def test_everybody_at_each_moment_of_each_society(self, whole):
        """At the start once; then those who lived in a society, of what they remember of it."""
        counts = Counter(
            (row.moment, row.phase, row.epoch, row.arm, row.split) for row in read_answers(whole[0]).result()
        )
        assert counts == {
            ("start", "", 0, "", "train"): 9, ("start", "", 0, "", "evaluate"): 9,
            ("epoch 1", "train", 1, "shared", "train"): 9,
            ("end", "train", 2, "rft", "train"): 9, ("end", "train", 2, "placebo", "train"): 9,
            ("end", "evaluate", 2, "rft", "evaluate"): 9, ("end", "evaluate", 2, "placebo", "evaluate"): 9,
        }  # fmt: skip

    def test_nobody_remembers_anything_at_the_start(self, tmp_path):
        """Later they remember what they read, thought and chose, in their own order."""
        prompts = {}

        def say(request):
            if request.site.startswith("survey/"):
                prompts.setdefault(request.site, request.messages[0]["content"])
            return respond(request)

        carry_out(tmp_path / "run", settings(tmp_path), llm=ScriptedLLM(say))
        told = [text for text in prompts.values() if "remember" in text]
        assert 0 < len(told) < len(prompts)
        assert all("you read:\nOption A: " in text and "You thought: Hm." in text for text in told)
        assert any("You chose option B." in text for text in told)

    def test_a_share_is_drawn(self, tmp_path):
        """The same personas at each moment."""
        survey = {"questions": str(media(tmp_path)), "at": AT, "share": 0.4, "who": "evaluate"}
        config = settings(tmp_path, surveys=[survey | {"at": ["start", "end"]}])
        carry_out(tmp_path / "run", config, llm=scripted())
        rows = read_answers(tmp_path / "run").result()
        assert len({row.persona for row in rows}) == 1 and {row.moment for row in rows} == {"start", "end"}

    def test_the_plan_is_what_happens(self, whole):
        """Every sitting of the plan is in the log, in its order; a page counts them as done."""
        folder, config, _, _ = whole
        asked = [part.id for part in plan(config, gather(config)) if isinstance(part, Survey)]
        assert asked == [event.survey for event in read_events(folder) if isinstance(event, SurveyClosed)]
        book = read_book(folder)
        assert ["plan", "18 of 18", ""] in headline(describe("run", folder), book)["facts"]

    def test_only_personas_of_a_crowd_are_asked(self, tmp_path):
        """Members of a crowd have no biography to answer from."""
        config = settings(tmp_path, crowd={"size": 5})
        carry_out(tmp_path / "run", config, llm=scripted())
        assert {row.persona for row in read_answers(tmp_path / "run").result()} == {0, 1, 2, 8, 9, 10}


def read_book(folder):
    from analysis.readings.book import Book
    from analysis.readings.reading import result_of

    return result_of(read_events(folder), Book())


class TestRemembering:
    """Asking changes no memory, unless that is declared."""

    @pytest.mark.parametrize("remember", [False, True])
    def test_a_second_questionnaire_finds_the_first(self, remember, tmp_path):
        """Only where the first is to be remembered."""
        prompts = []
        second = tmp_path / "second.yaml"
        second.write_text("name: second\nquestions: [{id: q, kind: open, text: Anything else}]\n", "utf-8")
        surveys = [
            {"questions": str(media(tmp_path)), "at": ["start"], "remember": remember},
            {"questions": str(second), "at": ["start", "end"]},
        ]

        def say(request):
            if request.site.startswith("survey/second"):
                prompts.append(request.messages[0]["content"])
            return respond(request)

        carry_out(tmp_path / "run", settings(tmp_path, surveys=surveys), llm=ScriptedLLM(say))
        assert prompts
        assert all(("You were asked: " in text) == remember for text in prompts)


class TestALog:
    """What a run with questionnaires promises of its log."""

    @pytest.mark.system
    def test_dying_after_any_commit_ends_in_the_same_digest(self, whole):
        """Within a questionnaire, too; no answer that was durable is asked for again."""
        _, config, digest, kept = whole
        assert len(kept) > 15
        for folder in kept[1::2]:  # at the first nothing is there yet
            durable = {e.site for e in read_events(folder) if isinstance(e, LLMReplied)}
            asked = []
            llm = ScriptedLLM(lambda request, asked=asked: asked.append(request.site) or respond(request))
            assert carry_out(folder, config, llm=llm).digest.hexdigest() == digest, folder.name
            assert not durable & set(asked)

    def test_it_is_decided_again_from_its_answers(self, whole):
        """Prompts, orders and readings of answers are computed anew, and equal."""
        from analysis.probes import battery

        found = replay_recorded(whole[0], probes=battery)
        assert found.complete and found.divergence is None
        assert found.answers == sum(isinstance(event, LLMReplied) for event in read_events(whole[0]))

    def test_a_changed_questionnaire_is_noticed(self, whole, tmp_path):
        """A run that began with other questions does not go on."""
        kept = whole[3]
        folder = shutil.copytree(kept[-1], tmp_path / "run")
        other = settings(
            tmp_path, surveys=[{"questions": str(media(tmp_path, MEDIA.replace("last", "this"))), "at": AT}]
        )
        with pytest.raises(NondeterminismError):
            carry_out(folder, other, llm=scripted())

    def test_a_run_without_them_is_as_it_was(self):
        """No setting in its record."""
        assert "surveys" not in SMALL.model_dump(mode="json")

    @pytest.mark.system
    def test_a_fork_shares_what_was_asked_before_it(self, tmp_path):
        """And asks anew what comes after it; another moment before it is refused."""
        config = settings(tmp_path)
        carry_out_run(config, tmp_path / "run", reader=scripted(), llm=scripted(), trainer=FakeTrainer())
        values, folder = fork(tmp_path / "run", 2, ["reader.temperature=0.7"], tmp_path / "fork")
        asked = []
        llm = ScriptedLLM(lambda request: asked.append(request.site) or respond(request))
        carry_out_run(values, folder, reader=llm, llm=llm, trainer=FakeTrainer())
        opened = [event.survey for event in read_events(folder) if isinstance(event, SurveyOpened)]
        assert opened == [event.survey for event in read_events(tmp_path / "run") if isinstance(event, SurveyOpened)]
        assert sum(site.startswith("survey/") for site in asked) == 9 * 4  # after both trainings and evaluations
        assert replay_recorded(folder).divergence is None
        with pytest.raises(InputError, match="plan differs before step 2"):
            fork(tmp_path / "run", 2, ["surveys=[]"], tmp_path / "other")

    @pytest.mark.system
    def test_its_questionnaire_is_kept_with_it(self, tmp_path):
        """It can be decided again where the file is gone."""
        config = settings(tmp_path)
        carry_out_run(config, tmp_path / "run", reader=scripted(), llm=scripted(), trainer=FakeTrainer())
        (tmp_path / "media.yaml").unlink()
        assert replay_recorded(tmp_path / "run").divergence is None


class TestBeforeWork:
    """What is known before anything is asked."""

    def test_calls_are_counted(self, whole):
        """As many as there will be answers."""
        folder, config, _, _ = whole
        role = next(each for each in planned(config) if each.role == "surveys")
        assert role.calls == sum(isinstance(event, QuestionAnswered) for event in read_events(folder)) == 63
        assert role.tokens_in > 63 * 100 and 0 < role.tokens_out <= role.most_out

    @pytest.mark.system
    def test_a_choice_model_cannot_answer(self, tmp_path):
        """Somebody has to be named to play the personas; then answers say so."""
        with pytest.raises(ValueError, match="nobody can answer"):
            settings(tmp_path, audience="default")
        named = settings(tmp_path, audience="default", reader={"model": "scripted"})
        carry_out(tmp_path / "run", named, llm=scripted())
        events = list(read_events(tmp_path / "run"))
        assert all(event.played for event in events if isinstance(event, SurveyOpened))
        assert [event.model for event in events if isinstance(event, SurveysSet)] == ["scripted"]
        assert replay_recorded(tmp_path / "run").divergence is None

    MOMENTS: ClassVar = {
        "an epoch that does not come": ({"at": [{"epoch": 3}]}, "surveys.0.at.0 waits for epoch 3, and there are 2"),
        "the end twice": ({"at": ["end", {"epoch": 2}]}, "surveys.0.at.1 names a moment twice"),
        "nobody who read anything": ({"at": [{"epoch": 1}], "who": "evaluate"}, "surveys.0.at.0 does not ask anybody"),
    }

    @pytest.mark.parametrize("case", MOMENTS)
    def test_a_moment_that_does_not_come_is_refused(self, case, tmp_path):
        """Before the run begins."""
        changes, said = self.MOMENTS[case]
        with pytest.raises(InputError, match=said):
            gather(settings(tmp_path, surveys=[{"questions": str(media(tmp_path))} | changes]))


class TestASociety:
    """Personas of the networked world, which remember what they saw and did."""

    @pytest.mark.system
    @pytest.mark.parametrize("remember", [False, True])
    def test_what_is_to_be_remembered_stands_in_its_feeds(self, remember, tmp_path):
        """And only that: asked without remembering, personas read and act as if nobody had asked."""
        survey = {"questions": str(media(tmp_path)), "at": ["start", "end"], "remember": remember}
        config = RunConfig.model_validate(SOCIETY.model_dump() | {"surveys": [survey]})
        pages, asked = {}, {}

        def say(request):
            kind = request.site.partition("/")[0]
            if kind in ("read", "survey"):
                (pages if kind == "read" else asked)[request.site] = "\n".join(m["content"] for m in request.messages)
            return respond(request)

        carry_out(tmp_path / "run", config, llm=ScriptedLLM(say))
        unasked = {}

        def watch(request):
            if request.site.startswith("read/"):
                unasked[request.site] = "\n".join(m["content"] for m in request.messages)
            return respond(request)

        carry_out(tmp_path / "unasked", SOCIETY, llm=ScriptedLLM(watch))
        told = [text for text in pages.values() if "You were asked: " in text]
        assert bool(told) == remember and (pages == unasked) != remember
        later = [text for text in asked.values() if "So far you saw" in text]
        assert later and (remember or not any("You were asked: " in text for text in later))  # bounded memories forget
        assert all(text.count('Did you buy anything last week?" You answered') <= 1 for text in later)
        assert replay_recorded(tmp_path / "run").divergence is None
