"""Personas against people: planted agreement is measured, groups are compared, and odd tables are told by line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from abm.events import ContestOpened, Reacted
from abm.llm import ScriptedLLM
from abm.log import read_events
from abm.surveys import load_questionnaire
from analysis.calibration import calibrate, calibration_frame
from learning.surveys import SurveyedRun, attributes_of, plan_after
from moloch.errors import InputError
from tests.learning.surveys.test_after import MODEL, finished  # noqa: F401
from tests.support.fakes import reply
from tests.support.questionnaires import MEDIA, media

DECLARED = MEDIA.replace("order: random", "order: declared")
LIKE = {"trust": "B", "bought": "A", "why": "So."}
"""What every persona says: a little, yes."""


@pytest.fixture
def asked(finished, tmp_path):  # noqa: F811
    """A run whose personas all gave the same answers, of one arm's society."""
    run = shutil.copytree(finished, tmp_path / "run")
    questionnaire = load_questionnaire(media(tmp_path, DECLARED))

    def say(request):
        return LIKE[request.site.split("/")[2]] if request.site.startswith("survey/") else reply(request)

    plan_after(run, questionnaire, MODEL, at=("before",)).carry_out(lambda: ScriptedLLM(say))
    return run


def table(folder: Path, text: str, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def found(run, path, measure="agreement", **changes):
    """Return (question, group) -> row of a measure."""
    rows = calibrate(run, [path], **changes).rows
    return {(row.question, row.group): row for row in rows if row.measure == measure}


class TestAnswers:
    """Shares of people and of personas."""

    def test_planted_agreement(self, asked, tmp_path):
        """People who answer alike, and people who answer otherwise, by wording or number, long or wide."""
        long = table(tmp_path, "question,answer,count\ntrust,a little,30\nbought,2,30\n")
        wide = table(tmp_path, "trust;bought\n" + "A little;no\n" * 30, "wide.csv")
        for path in (long, wide):
            rows = found(asked, path)
            trust, bought = rows["trust", ""], rows["bought", ""]
            assert (trust.estimate.value, bought.estimate.value) == (1, 0)
            assert (trust.people, trust.personas, trust.invalid) == (30, 3, 0)
            assert trust.ceiling == 1 and trust.chance < 0.9
            assert found(asked, path, "mean difference")["trust", ""].estimate.value == 0

    def test_a_difference_of_means_is_in_steps_of_the_scale(self, asked, tmp_path):
        """Personas less people, with an interval."""
        path = table(tmp_path, "question,answer,count\ntrust,1,10\ntrust,3,30\n")
        row = found(asked, path, "mean difference")["trust", ""]
        assert row.estimate.value == pytest.approx(2 - 2.5) and row.estimate.low < -0.5 < row.estimate.high < 0

    def test_groups(self, asked, tmp_path):
        """By an attribute that both have, whatever its case."""
        attributes = attributes_of(asked)
        genders = {str(attributes[who.id]["gender"]) for who in _held_out(asked)}
        lines = "".join(f"trust,{'a little' if g == min(genders) else 'completely'},{g.upper()}\n" for g in genders) * 9
        rows = found(asked, table(tmp_path, f"question,answer,gender\n{lines}"), by=["gender"])
        values = {group: row.estimate.value for (_, group), row in rows.items()}
        assert values[min(genders).upper()] == 1 and all(
            v == 0.5 for g, v in values.items() if g not in ("", min(genders).upper())
        )
        assert sum(row.personas for (_, group), row in rows.items() if group) == 3

    def test_people_who_stand_for_personas(self, asked, tmp_path):
        """The column ``persona`` names them; agreement is then counted person by person."""
        who = _held_out(asked)
        lines = "".join(f"{each.id},bought,{'yes' if i else 'no'}\n" for i, each in enumerate(who))
        row = found(asked, table(tmp_path, f"persona,question,answer\n{lines}"), "same answer")["bought", ""]
        assert row.estimate.value == pytest.approx(2 / 3) and row.people == 3

    def test_weights_count(self, asked, tmp_path):
        """Ten of weight 3 who say yes, and ten of weight 1 who say no."""
        path = table(tmp_path, "question,answer,count,weight\nbought,yes,10,3\nbought,no,10,1\n")
        assert found(asked, path)["bought", ""].estimate.value == pytest.approx(0.75)

    def test_declared_codes_are_missing(self, asked, tmp_path):
        """They are counted, and in nothing else."""
        path = table(tmp_path, "trust,bought\na little,-9\n-9,yes\na little,\n")
        done = calibrate(asked, [path], missing=["-9"])
        assert done.missing == 2 and {row.people for row in done.rows} == {1, 2}

    def test_a_frame_has_a_row_per_number(self, asked, tmp_path):
        """With its interval."""
        path = table(tmp_path, "question,answer,count\ntrust,a little,30\n")
        frame = calibration_frame(calibrate(asked, [path]).rows)
        assert frame["measure"].to_list() == ["agreement", "mean difference"] and {"low", "high", "people"} <= set(
            frame.columns
        )


def _held_out(run):
    subject = SurveyedRun.read(run)
    return subject.respondents(subject.ids("evaluate"))


class TestVotes:
    """Votes of people on the run's messages."""

    @staticmethod
    def _votes(run):
        contests = {
            e.contest: e.messages for e in read_events(run) if isinstance(e, ContestOpened) and len(e.messages) > 1
        }
        votes = [e for e in read_events(run) if isinstance(e, Reacted) and e.choice >= 0 and e.contest in contests]
        return contests, votes

    def test_the_same_votes_agree_in_everything(self, asked, tmp_path):
        """Vote by vote, or counted by message; persons who stand for personas vote as these did."""
        contests, votes = self._votes(asked)
        single = "".join(f"{vote.contest},{vote.choice},{vote.persona}\n" for vote in votes)
        counts = {message: 0 for messages in contests.values() for message in messages}
        for vote in votes:
            counts[f"{vote.contest}/{vote.choice}"] += 1
        counted = "".join(f"{message},{n}\n" for message, n in counts.items())
        for path in (
            table(tmp_path, f"contest,choice,persona\n{single}"),
            table(tmp_path, f"message,votes\n{counted}", "counted.csv"),
        ):
            rows = {row.measure: row for row in calibrate(asked, [path]).rows}
            assert {rows[name].estimate.value for name in ("same winner", "shares")} == {1}
            assert rows["correlation"].estimate.value == pytest.approx(1)
            assert rows["shares"].people == rows["shares"].personas == len(votes)
        assert found(asked, tmp_path / "people.csv", "same vote")["", ""].estimate.value == 1

    def test_opposite_votes_do_not(self, asked, tmp_path):
        """Whoever people chose, personas chose the other."""
        contests, votes = self._votes(asked)
        two = {contest for contest, messages in contests.items() if len(messages) == 2}
        lines = "".join(f"{vote.contest},{1 - vote.choice}\n" for vote in votes if vote.contest in two)
        rows = {row.measure: row for row in calibrate(asked, [table(tmp_path, f"contest,choice\n{lines}")]).rows}
        assert rows["same winner"].estimate.value == 0 and rows["correlation"].estimate.value == pytest.approx(-1)


MISTAKES = {
    "an answer that is none": ("question,answer\ntrust,a little\ntrust,a litle\n", ":3: no answer to trust: 'a litle'"),
    "a number beyond the scale": ("trust\n4\n", ":2: no answer to trust: '4'"),
    "a question that was not asked": ("question,answer\ntruth,1\n", ":2: no question 'truth'"),
    "an open question": ("question,answer\nwhy,So\n", ":2: no question 'why'"),
    "no data of people": ("name,age\nAda,3\n", ":2: no data of people"),
    "no number of people": ("question,answer,count\ntrust,1,many\n", ":2: count: not a number of people: 'many'"),
    "a weight that is none": ("question,answer,weight\ntrust,1,-1\n", ":2: weight: not a weight: '-1'"),
    "a contest that is none": ("contest,choice\ntrain/9/x/y,0\n", ":2: no contest 'train/9/x/y' in the run"),
    "a choice without one": ("contest,count\ntrain/9/x/y,1\n", ":2: no choice"),
    "an empty table": ("question,answer\n", ": no answers or votes of people"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_odd_table_is_told_by_line(mistake, asked, tmp_path):
    """What, where and how to fix it; nothing is guessed."""
    text, said = MISTAKES[mistake]
    path = table(tmp_path, text)
    with pytest.raises(InputError) as told:
        calibrate(asked, [path])
    assert str(told.value).startswith(f"{path}{said}")


def test_a_group_without_anything_in_common(asked, tmp_path):
    """Both sides are named."""
    path = table(tmp_path, "question,answer,gender\ntrust,1,f\n")
    with pytest.raises(InputError, match=r"no group by 'gender'.*people have f"):
        calibrate(asked, [path], by=["gender"])
