"""``moloch ask``, ``interview`` and ``calibrate`` from end to end: a model behind a server, the pocket model, and mistakes."""

from __future__ import annotations

import json
import re
import shutil
from typing import ClassVar

import polars as pl
import pytest

from abm.llm import ScriptedLLM
from abm.log import verify
from analysis.readings.answers import read_answers
from tests.learning.surveys.test_after import finished  # noqa: F401
from tests.learning.test_loop import carry_out
from tests.learning.test_run_surveys import settings
from tests.support.command import command
from tests.support.questionnaires import media, respond
from tests.support.server import Call, completion, serving


@pytest.fixture
def run(finished, tmp_path):  # noqa: F811
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def moloch(monkeypatch, capsys):
    """Run the command in this process; return its exit code, stdout and stderr."""
    return command(monkeypatch, capsys, columns=160)


def people(call: Call) -> bytes:
    """Answer the first option, or in words."""
    question = call.fields["messages"][-1]["content"]
    return completion("A" if "with one letter" in question else "Because <b>I</b> say so.")


class TestAsk:
    """A questionnaire after a run."""

    def test_behind_a_server(self, run, moloch, tmp_path):
        """Tables, a frame, what it cost; the run stays as it was; a second time nothing is asked."""
        head, calls = verify(run), []
        with serving(lambda call: calls.append(call) or people(call)) as server:
            where = ("ask", run, "--questions", media(tmp_path), "--reader", f"{server.url}#m", "--arm", "rft")
            dry = json.loads(moloch(*where, "--dry-run", "--json").out)
            asked = [call for call in calls if "messages" in call.fields]
            assert (dry["calls"], dry["answered"], asked) == (9, 0, [])
            done = moloch(*where, "--out", tmp_path / "answers.csv")
            assert done.code == 0 and "9 calls now, 9 answers, 0 of them invalid" in done.out
            assert "Not evidence" not in done.out
            assert "the option shown first" in done.out and "100.0 %" in done.out
            again = json.loads(moloch(*where, "--json").out)
        assert (again["calls"], again["answers"]) == (0, 9) and [q["question"] for q in again["questions"]] == [
            "trust", "bought", "why",
        ]  # fmt: skip
        frame = pl.read_csv(tmp_path / "answers.csv")
        assert frame.height == 9 and set(frame["arm"]) == {"rft"} and "gender" in frame.columns
        traits = frame.select(pl.col("^trait_.*$"))
        assert traits.width == 8 and traits.equals(
            traits.select(pl.all().round(6))
        )  # as they were given, not as 32 bits hold them
        assert verify(run) == head

    def test_a_budget_holds_and_resumes(self, run, moloch, tmp_path):
        """Within a questionnaire; what was paid is not paid again."""
        with serving(people) as server:
            where = (
                "ask",
                run,
                "--questions",
                media(tmp_path),
                "--reader",
                f"{server.url}#m",
                "--arm",
                "rft",
                "--json",
            )
            stopped = moloch(*where, "--max-calls", 4)
            assert stopped.code == 5 and "the budget is spent" in stopped.err
            done = json.loads(moloch(*where).out)
        assert (done["answers"], done["calls"]) == (9, 5)

    @pytest.mark.system
    def test_the_pocket_model_is_flagged(self, run, moloch, tmp_path):
        """In words and in JSON: it is never evidence."""
        where = ("ask", run, "--questions", media(tmp_path), "--reader", "pocket", "--persona", "3", "--arm", "rft")
        assert "Not evidence" in moloch(*where).out
        assert any("Not evidence" in note for note in json.loads(moloch(*where, "--json").out)["notes"])

    MISTAKES: ClassVar = {
        "no reader that is here": ((), "no such model|nobody answers|unknown model|no model"),
        "a moment that is none": (("--reader", "pocket", "--at", "later"), "no moment 'later'"),
        "a share that is none": (("--reader", "pocket", "--share", "1.5"), "not a share: 1.5"),
        "a phase that is none": (("--reader", "pocket", "--phase", "test"), "no phase 'test'"),
        "a table that cannot be": (
            ("--reader", "pocket", "--out", "answers.txt"),
            "cannot write a table as 'answers.txt'",
        ),
    }

    @pytest.mark.parametrize("mistake", MISTAKES)
    def test_a_mistake_is_one_line(self, mistake, run, moloch, tmp_path):
        """And nothing is kept."""
        options, said = self.MISTAKES[mistake]
        done = moloch("ask", run, "--questions", media(tmp_path), *options)
        assert done.code == 2 and re.search(said, done.err) and "Traceback" not in done.err
        assert not (run / "surveys").exists()


class TestAnswers:
    """Without a questionnaire nothing is asked: what was answered is shown."""

    def test_those_of_the_run_itself(self, moloch, tmp_path):
        """Collected by its setting ``surveys``: tables, JSON and the frame, which has every row of the log."""
        carry_out(tmp_path / "run", settings(tmp_path), llm=ScriptedLLM(respond))
        head, rows = verify(tmp_path / "run"), read_answers(tmp_path / "run").result()
        done = moloch("ask", tmp_path / "run", "--out", tmp_path / "answers.csv")
        assert (
            done.code == 0
            and f"{len(rows)} answers in the run, 0 after it" in done.out
            and "trust: How far" in done.out
        )
        frame = pl.read_csv(tmp_path / "answers.csv")
        assert frame.height == len(rows) and {"start", "end"} <= set(frame["moment"]) and "gender" in frame.columns
        told = json.loads(moloch("ask", tmp_path / "run", "--json").out)
        assert (told["in_run"], told["after"]) == (len(rows), 0) and {q["moment"] for q in told["questions"]} > {
            "start"
        }
        assert verify(tmp_path / "run") == head and not (tmp_path / "run" / "surveys").exists()

    def test_those_that_came_after_it(self, run, moloch, tmp_path):
        """Beside them; a run that nobody asked says how to ask."""
        assert "no questions were asked" in moloch("ask", run).err and "--questions" in moloch("ask", run).err
        assert "nothing to ask. Give --questions" in moloch("ask", run, "--reader", "pocket").err
        with serving(people) as server:
            moloch("ask", run, "--questions", media(tmp_path), "--reader", f"{server.url}#m", "--arm", "rft")
        assert "0 answers in the run, 9 after it" in moloch("ask", run).out


class TestInterview:
    """A conversation in the terminal."""

    def test_typed_questions(self, run, moloch):
        """Up to an empty line; kept, and shown later."""
        with serving(people) as server:
            done = moloch("interview", run, "3", "--reader", f"{server.url}#m", typed="Why?\nReally?\n\nNot asked.\n")
        assert done.code == 0 and done.out.count("Because <b>I</b> say so.") == 2
        shown = moloch("interview", run, "3", "--show").out
        assert shown.count("\n> ") == 2 and "Not asked" not in shown
        held = json.loads(moloch("interview", run, "3", "--show", "--json").out)["conversations"]
        assert [turn["question"] for turn in held[0]["said"]] == ["Why?", "Really?"]

    def test_nobody_of_that_name(self, run, moloch):
        """Some who are there are named."""
        done = moloch("interview", run, "Nobody", "--reader", "pocket")
        assert done.code == 2 and "Give an index, an id or a name" in done.err


class TestCalibrate:
    """People against personas."""

    def test_tables_and_a_frame(self, run, moloch, tmp_path):
        """In words, JSON and a file."""
        (tmp_path / "people.csv").write_text("question,answer,count\ntrust,a little,30\nbought,yes,30\n")
        with serving(people) as server:
            moloch("ask", run, "--questions", media(tmp_path), "--reader", f"{server.url}#m", "--arm", "rft")
        done = moloch("calibrate", run, "--human", tmp_path / "people.csv", "--out", tmp_path / "c.parquet")
        assert done.code == 0 and "ceiling" in done.out and "mean difference" in done.out
        rows = json.loads(moloch("calibrate", run, "--human", tmp_path / "people.csv", "--json").out)["rows"]
        assert len(rows) == pl.read_parquet(tmp_path / "c.parquet").height == 3
