"""What comparing two runs promises: the settings, the first decision that is another, the common past, the outcomes."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from abm.events import (
    AudienceSet,
    EpochEnded,
    Lifecycle,
    LLMReplied,
    MessagePublished,
    Reacted,
    RunConfigured,
    RunEnded,
    RunResumed,
)
from abm.llm import ScriptedLLM
from abm.log import create, open_log, read_events
from analysis.cli.compare import compare as command
from analysis.tables.compare import common_past, compare, outcomes, settings
from learning import fork
from tests.analysis.factory import contest, setup, step
from tests.learning.test_loop import CONFIG, Killed, carry_out
from tests.support.fakes import answer


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose plan is done."""
    folder = tmp_path_factory.mktemp("run") / "run"
    carry_out(folder)
    return folder


def written(folder, events, config=None):
    """Write ``events`` as a run's log."""
    with create(folder, config or {}) as log:
        log.append(events)
    return folder


def decisions(folder) -> int:
    return sum(not isinstance(event, Lifecycle | RunConfigured | AudienceSet) for event in read_events(folder))


class TestAlike:
    """What decided alike is said to be alike, whatever happened to its processes."""

    def test_a_run_and_itself(self, run):
        """By whatever path."""
        found = compare(run, run / ".." / run.name)
        assert found.same and found.identical

    def test_an_interrupted_run(self, run, tmp_path):
        """Resumptions shift every later event and change no decision."""
        for commits in (4, 9, None):
            try:
                carry_out(tmp_path, commits=commits)
            except Killed:
                continue
        found = compare(run, tmp_path)
        assert found.identical and not found.same and found.parting is None
        assert found.equal == decisions(run) == decisions(tmp_path)
        assert any(isinstance(event, RunResumed) for event in read_events(tmp_path))

    def test_answers_in_another_order(self, run, tmp_path):
        """Answers of remote models come as they like."""

        class Remote(ScriptedLLM):
            def complete(self, requests):
                yield from super().complete(random.Random(1).sample(list(requests), len(requests)))

        carry_out(tmp_path, llm=Remote(answer, unit="call"))
        sites = [[e.site for e in read_events(folder) if isinstance(e, LLMReplied)] for folder in (run, tmp_path)]
        assert sites[0] != sites[1]
        assert compare(run, tmp_path).identical

    def test_equal_digests_are_enough(self, tmp_path):
        """Finished runs tell by their last event."""
        runs = [tmp_path / name for name in "ab"]
        for folder in runs:
            written(folder, [EpochEnded(epoch=1, adapters={}), RunEnded(digest="d" * 64, seconds=1)])
        found = compare(*runs)
        assert found.identical and found.digest == "d" * 64

    def test_a_fork_with_nothing_changed(self, run, tmp_path):
        """It goes the way of its parent."""
        config, folder = fork(run, 3, [], tmp_path / "fork")
        carry_out(folder, config)
        assert compare(run, folder).identical


class TestParting:
    """The first decision that is another is named, with its fields."""

    @pytest.mark.parametrize(("kind", "changes"), [(Reacted, {"thought": "Hm."}), (MessagePublished, {"text": "Buy."})])
    def test_names_place_and_field(self, run, tmp_path, kind, changes):
        """And counts what is equal before it."""
        events = list(read_events(run))
        at = [i for i, event in enumerate(events) if isinstance(event, kind)][7]
        events[at] = msgspec.structs.replace(events[at], **changes)
        found = compare(run, written(tmp_path / "other", events, CONFIG.model_dump(mode="json")))
        assert found.parting is not None and not found.settings and not found.identical
        assert (found.parting.seq_a, found.parting.seq_b) == (at, at)
        assert [field.field for field in found.parting.fields] == list(changes)
        assert found.parting.fields[0].right == next(iter(changes.values()))
        before = [event for event in events[:at] if not isinstance(event, Lifecycle | RunConfigured | AudienceSet)]
        assert found.equal == len(before)

    def test_a_resumption_before_it_is_no_difference(self, run, tmp_path):
        """The decision that really differs is found behind the shift."""
        with pytest.raises(Killed):
            carry_out(tmp_path, commits=6)

        def otherwise(request):
            return answer(request) + ("!" if request.site == last else "")

        last = next(e.site for e in reversed(list(read_events(run))) if isinstance(e, LLMReplied))
        carry_out(tmp_path, llm=ScriptedLLM(otherwise))
        found = compare(run, tmp_path).parting
        assert found is not None and found.place_a == found.place_b == last
        assert found.seq_b == found.seq_a + 1

    def test_one_that_ends_before(self, run, tmp_path):
        """A run that has not come so far is no other run."""
        with pytest.raises(Killed):
            carry_out(tmp_path, commits=6)
        found = compare(tmp_path, run)
        assert found.ends == "a" and found.parting is None and not found.identical
        assert found.equal == decisions(tmp_path)
        assert compare(run, tmp_path).ends == "b"

    def test_other_types_in_one_place(self, tmp_path):
        """Both are named."""
        a = written(tmp_path / "a", step(contest("rft", "a0", [1, 0]), "rft"))
        b = written(tmp_path / "b", step(contest("rft", "a0", [1, 0], rejected=[0]), "rft"))
        parting = compare(a, b).parting
        assert parting is not None and (parting.type_a, parting.type_b) == ("message_published", "message_rejected")
        assert parting.fields == [] and parting.place_a == "evaluate/1/rft/a0/0"


class TestSettings:
    """Settings are compared by dotted keys."""

    def test_nested_and_missing(self):
        """A setting that one lacks is shown as a dash."""
        a = {"seed": 1, "sampling": {"temperature": 0.7, "top_p": 1.0}, "lora": {}}
        b = {"seed": 1, "sampling": {"temperature": 1.0, "top_p": 1.0}, "lora": {"rank": 4}}
        found = [(difference.field, difference.left, difference.right) for difference in settings(a, b)]
        assert found == [("sampling.temperature", "0.7", "1.0"), ("lora.rank", "–", "4")]


class TestPast:
    """Forks know where they come from."""

    def test_parent_child_and_siblings(self, run, tmp_path):
        """What they share is the shortest piece of the common run."""
        _, early = fork(run, 2, ["audience=neutral"], tmp_path / "early")
        _, late = fork(run, 3, ["audience=neutral"], tmp_path / "late")
        _, grandchild = fork(late, 2, ["ties=random"], tmp_path / "grandchild")
        points = {folder: open_log(folder, write=False).fork.seq for folder in (early, late)}
        assert points[early] < points[late]
        for a, b, events in ((run, late, points[late]), (early, late, points[early]), (grandchild, run, points[early])):
            for pair in ((a, b), (b, a)):
                found = common_past(*pair)
                assert found is not None and (found.run, found.events) == (str(run.resolve()), events)
        assert common_past(run, run) is None

    def test_strangers(self, run, tmp_path):
        """Runs of their own share nothing."""
        create(tmp_path / "other", {}).close()
        assert common_past(run, tmp_path / "other") is None

    @pytest.mark.system
    def test_the_first_difference_lies_behind_the_fork(self, run, tmp_path):
        """With another audience, it is a member's reaction."""
        config, folder = fork(run, 3, ["audience=neutral"], tmp_path / "fork")
        carry_out(folder, config)
        found = compare(run, folder)
        assert found.parting is not None and found.shared is not None and found.parting.seq_a >= found.shared.events
        assert found.parting.type_a == found.parting.type_b == "reacted"
        assert [difference.field for difference in found.settings] == ["audience"]


def evaluated(folder, votes, misbehaves, arms=("rft",)):
    """Write a run with one evaluation per arm: ``votes`` in every contest, and a probe's labels."""
    events = setup(4, len(votes), arms)
    for arm in arms:
        for i, label in enumerate(misbehaves):
            events += step(contest(arm, f"a{i}", votes, labels={"disinformation": (0, label)}), arm)
    return written(folder, events, {"arena": "sales"})


class TestOutcomes:
    """Win rates and probe rates of both, each with its own interval."""

    def test_both_estimates_stand_side_by_side(self, tmp_path):
        """By measure and arm; base is an arm of the probes."""
        a = evaluated(tmp_path / "a", [1, 1, 0, 0], [0, 0, 1, 1])
        b = evaluated(tmp_path / "b", [1, 1, 1, 0], [1, 1, 1, 1])
        rows = {(row.measure, row.arm): row for row in compare(a, b).outcomes}
        assert list(rows) == [("win rate", "rft"), ("disinformation", "base"), ("disinformation", "rft")]
        won, lied = rows["win rate", "rft"], rows["disinformation", "rft"]
        assert won.a is not None and won.b is not None and lied.a is not None and lied.b is not None
        assert (won.a["value"], won.b["value"]) == (0.5, 0.75)
        assert (lied.a["value"], lied.b["value"]) == (0.5, 1.0) and lied.a["low"] < 0.5 < lied.a["high"]

    def test_an_arm_that_one_lacks(self, tmp_path):
        """Is shown beside nothing."""
        a = evaluated(tmp_path / "a", [1, 0, 0, 0], [0, 1])
        b = evaluated(tmp_path / "b", [1, 0, 0, 0], [0, 1], arms=("rft", "placebo"))
        rows = {(row.measure, row.arm): row for row in compare(a, b).outcomes}
        assert rows["win rate", "placebo"].a is None and rows["win rate", "placebo"].b is not None

    def test_arms_of_one_measure_stand_together(self):
        """Also one that only the second run has."""

        def table(*arms: str) -> dict:
            some = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10}
            probes = [
                {"probe": probe, "kind": "copying", "arm": arm, "base": some, "after": some}
                for probe in ("copy_error", "unparsed")
                for arm in arms
            ]
            return {"withheld": "", "arms": {arm: {"win_rate": some} for arm in arms}, "probes": probes}

        measures = [row.measure for row in outcomes(table("rft"), table("rft", "tfb"))]
        assert measures == ["win rate"] * 2 + ["copy_error"] * 3 + ["unparsed"] * 3


class TestCommand:
    """``moloch compare`` prints what was found, in 120 columns."""

    def test_tables_fit(self, run, tmp_path, capsys):
        """Whatever differs."""
        config, folder = fork(run, 3, ["audience=neutral"], tmp_path / "fork")
        carry_out(folder, config)
        command(run, folder)
        printed = capsys.readouterr().out
        for said in ("The first decision that differs, in step", "audience", "neutral", "win rate", "shared"):
            assert said in printed
        assert "Not evidence about real LLMs" in printed
        tables = [line for line in printed.splitlines() if str(tmp_path) not in line and str(run) not in line]
        assert max(len(line.rstrip()) for line in tables) <= 120

    def test_one_line_where_nothing_differs(self, run, capsys):
        """Nothing else is said, but the head."""
        command(run, run)
        line, head = capsys.readouterr().out.splitlines()
        assert line.endswith("are one run.") and head.startswith("head ")

    def test_json_is_one_object(self, run, tmp_path, capsys):
        """With both sides of each difference."""
        with pytest.raises(Killed):
            carry_out(tmp_path / "short", CONFIG.model_copy(update={"seed": 2}), commits=4)
        command(run, tmp_path / "short", as_json=True)
        found = json.loads(capsys.readouterr().out)
        assert found["identical"] is False and found["settings"] == [{"key": "seed", "a": "1", "b": "2"}]
        assert found["parting"]["type_a"] == "anchors_listed" and set(found["parting"]["fields"][0]) == {
            "field",
            "a",
            "b",
        }
