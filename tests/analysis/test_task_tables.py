"""What arms answered to tasks, in tables and on the terminal; no findings where the model is not fit to be asked."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from rich.console import Console

from abm.events import TaskAnswered
from abm.llm import ScriptedLLM
from abm.llm.folders import POCKET
from abm.log import read_events
from analysis.readings.reading import read
from analysis.readings.tasks import TaskReading
from analysis.tables._tasks import tasks
from analysis.tables.results import results
from analysis.terminal.run import render
from learning.fitness.answers import answer_fitness
from learning.fitness.limits import Share
from tests.learning.test_head_to_head import ByArm, of
from tests.learning.test_loop import carry_out
from tests.learning.test_tasks import asked, respond


class Clever(ScriptedLLM):
    """A model with a name."""

    def __init__(self, answer) -> None:
        super().__init__(answer)
        self.name = "clever"


def answered(folder, answer=respond, **settings):
    carry_out(folder / "run", asked(folder, **settings), llm=Clever(answer), trainer=ByArm())
    return folder / "run"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run whose arms answered each task twice."""
    return answered(tmp_path_factory.mktemp("answered"))


def found_in(run):
    return results(read_events(run))["out_of_domain"]["tasks"]


def row_of(found, measure, arm="rft"):
    return next(row for row in found["rows"] if (row["measure"], row["arm"]) == (measure, arm))


def printed(table) -> str:
    console = Console(width=200, file=StringIO(), record=True)
    for part in render(table, full=True):
        console.print(part)
    return console.export_text()


class TestScores:
    """Of each answer, from the log alone."""

    @pytest.mark.system
    def test_rows(self, whole):
        """A row per answer, with what its kind is scored by and nothing else."""
        reading = TaskReading()
        read(read_events(whole), reading)
        frame = reading.frame()
        assert frame.height == len(of(read_events(whole), TaskAnswered)) == 24
        first = {(row["task"], row["competitor"]): row for row in reversed(frame.to_dicts())}
        cup, door, sea = (first[name, "rft"] for name in ("cup", "door_harmful", "sea"))
        assert (cup["items"], cup["copied"], cup["refused"], cup["about"]) == (2, 1, None, "")
        assert (door["items"], door["refused"], door["about"]) == (None, False, "door")
        assert (sea["found"], sea["about"]) == ("unsafe", "writing")
        assert first["door_harmful", "base"]["refused"] is True and first["sea", "base"]["found"] == ""


class TestTable:
    """Of each measure, each arm."""

    def test_measures(self, whole):
        """After, base, and the differences from base and from the comparator, are those of the answers."""
        found = found_in(whole)
        measures = ["copied", "refused", "over-refused", "populism", "unsafe"]
        assert [(row["measure"], row["arm"]) for row in found["rows"]] == [
            (measure, arm) for measure in measures for arm in ("rft", "placebo")
        ]
        values = {
            m: tuple(row_of(found, m)[k]["value"] for k in ("base", "after", "difference", "placebo")) for m in measures
        }
        assert values["copied"] == (1.0, 0.5, -0.5, -0.5)
        assert values["refused"] == (1.0, 0.0, -1.0, -1.0)
        assert values["unsafe"] == (0.0, 1.0, 1.0, 1.0)
        assert values["populism"] == (0.0, 0.0, 0.0, 0.0)
        assert row_of(found, "refused")["compared_with"] == "placebo"
        assert row_of(found, "refused", "placebo")["placebo"]["value"] is None

    def test_over_refusal_is_of_harmless_requests(self, whole):
        """And counts the answers in the log."""
        refusals = [
            e.text == "I won't help you."
            for e in of(read_events(whole), TaskAnswered)
            if (e.task, e.competitor) == ("door_harmless", "rft")
        ]
        assert row_of(found_in(whole), "over-refused")["after"]["value"] == sum(refusals) / len(refusals)

    def test_answers_to_one_task_are_no_two_tasks(self, tmp_path):
        """With one answer a task a rate has Wilson's interval; several answers are clustered on their task, of which there is one."""
        once = found_in(answered(tmp_path, answers=1))
        assert row_of(once, "refused")["after"]["high"] == pytest.approx(0.793451, abs=1e-5)
        assert row_of(once, "refused")["difference"]["low"] is not None

    def test_several_answers(self, whole):
        """No interval comes of one task, however often it is answered."""
        assert row_of(found_in(whole), "refused")["after"]["low"] is None
        assert row_of(found_in(whole), "refused")["difference"]["low"] is None

    @pytest.mark.system
    def test_the_last_epoch(self, tmp_path):
        """Where every epoch is evaluated, the last one counts; base answered once."""
        from learning import load_config

        config = load_config(None, asked(tmp_path, answers=1).model_dump(mode="json") | {"evaluate": "every"})
        carry_out(tmp_path / "every", config, llm=Clever(respond), trainer=ByArm())
        found = found_in(tmp_path / "every")
        assert found["epoch"] == 2 and row_of(found, "copied")["after"]["n"] == 1

    def test_nothing_without(self):
        """No answers, no table."""
        assert tasks([], {}, "clever") == {}


class TestFitness:
    """Figures of a model that is not fit to be asked are no findings."""

    def test_the_pocket_model(self):
        """Whatever it answers."""
        found = answer_fitness(POCKET, Share(40, 40), Share(40, 40))
        assert found.verdict == "unfit" and "answers no question" in found.why

    @pytest.mark.parametrize(
        ("copied", "given", "verdict"),
        [
            (Share(45, 50), Share(50, 50), "fit"),
            (Share(2, 50), Share(50, 50), "unfit"),
            (Share(22, 50), Share(50, 50), "doubtful"),
            (Share(0, 0), Share(3, 50), "unfit"),
            (Share(0, 0), Share(0, 0), "unknown"),
        ],
    )
    def test_others(self, copied, given, verdict):
        """By what the base model copied, and whether it answered at all."""
        assert answer_fitness("clever", copied, given).verdict == verdict

    @pytest.mark.system
    def test_nothing_is_printed_as_a_finding(self, tmp_path):
        """The reason stands in the table's place; in JSON the numbers are there, flagged."""

        def empty(request):
            return "Hm." if request.site.startswith("task/") else respond(request)

        run = answered(tmp_path, answer=empty, answers=12)
        text, found = printed(results(read_events(run))), found_in(run)
        assert "no findings of tasks. clever is not fit for them: it copied 0 of 24" in " ".join(text.split())
        assert "Out of domain: tasks" not in text and found["rows"] and found["withheld"]


class TestOnTheTerminal:
    """Under the heading of what is out of domain."""

    def test_table(self, whole):
        """Measures, what they mean, and by which rule."""
        text = printed(results(read_events(whole)))
        assert "Out of domain: tasks" in text and "over-refused" in text
        assert "by a rule on words" in text and "answers to broad questions in which the probe finds it" in text

    def test_as_json(self, whole, capsys):
        """The same rows."""
        from analysis.cli.results import print_tables

        print_tables(whole, as_json=True)
        told = json.loads(capsys.readouterr().out)["table"]["out_of_domain"]["tasks"]
        assert told == found_in(whole) and told["model"] == "clever"
