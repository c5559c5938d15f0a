"""Head to head: arms meet on the same held-out anchors and people, with the messages that they wrote against base."""

from __future__ import annotations

from collections import Counter

import pytest

from abm.events import ContestDecided, LLMReplied, MessagePublished, Reacted, StepStarted, VerdictGiven
from abm.journal import run_digest
from abm.log import read_events
from analysis.tables.results import results
from learning import load_config, run
from learning.plan.counts import messages, total
from learning.plan.order import pairs, plan
from learning.plan.parts import Evaluate
from learning.plan.recorded import recorded_plan
from learning.runs.costs import planned
from learning.runs.redecide import replay_recorded
from moloch.errors import InputError
from tests.learning.test_loop import CONFIG, NETWORKED, Killed, carry_out
from tests.support.fakes import FakeTrainer, fake_llm

ARMS = ("rft", "tfb", "placebo")
MEETING = CONFIG.model_copy(update={"head_to_head": "all"})


class ByArm(FakeTrainer):
    """A trainer whose adapters differ between arms, as real ones do."""

    def train(self, data, *, parent, settings, seed, lineage):
        import msgspec

        done = super().train(data, parent=parent, settings=settings, seed=seed, lineage=lineage)
        return msgspec.structs.replace(done, adapter=f"{lineage['arm']}{done.adapter}")


def of(events, *kinds) -> list:
    return [event for event in events if isinstance(event, kinds)]


@pytest.fixture(scope="module")
def met(tmp_path_factory):
    """A run in which all arms met."""
    folder = tmp_path_factory.mktemp("met") / "run"
    carry_out(folder, MEETING, trainer=ByArm())
    return folder


class TestPlan:
    """Which arms meet is data."""

    def test_pairs(self):
        """None, all, or some in which arms occur about equally often."""
        assert pairs(ARMS, "none") == []
        assert sorted(pairs(ARMS, "all")) == [("rft", "placebo"), ("rft", "tfb"), ("tfb", "placebo")]
        six = tuple("abcdef")
        assert len(pairs(six, "all")) == len({frozenset(pair) for pair in pairs(six, "all")}) == 15
        for wanted in (6, 9, 12):
            times = Counter(name for pair in pairs(six, wanted) for name in pair)
            assert max(times.values()) - min(times.values()) <= 2
        assert len(pairs(six, 99)) == 15
        assert pairs(("rft",), "all") == []

    def test_parts(self):
        """They follow the evaluations against base, of the same anchors; contests cost, messages do not."""
        counts = type("Counts", (), {"train_anchors": 6, "held_out_anchors": 5, "elsewhere": {}, "answers": {}})()
        alone, together = plan(CONFIG, counts), plan(MEETING, counts)
        assert together[: len(alone)] == alone
        new = [part for part in together[len(alone) :] if isinstance(part, Evaluate)]
        assert [part.doing for part in new] == [
            "evaluating tfb against rft", "evaluating placebo against tfb", "evaluating placebo against rft"
        ]  # fmt: skip
        assert messages(together) == messages(alone)
        assert total(together) == total(alone) + 3 * 2

    def test_logs_say_it(self):
        """What a log records gives the same plan; the default leaves no trace."""
        assert recorded_plan(MEETING.model_dump(mode="json"), 12, 5)[-1].arm == "rft-vs-placebo"
        assert "head_to_head" not in CONFIG.model_dump(mode="json")
        assert load_config(None, {"head_to_head": 2}).head_to_head == 2
        with pytest.raises(InputError, match="head_to_head"):
            load_config(None, {"head_to_head": "some"})

    def test_readers_are_counted(self):
        """A language model that plays the personas reads every contest: a plan says so."""
        settings = {"audience": "llm", "reader": {"model": "pocket"}, "train_anchors": 6, "held_out_anchors": 5}
        alone = {role.role: role.calls for role in planned(load_config(None, settings))}
        both = {role.role: role.calls for role in planned(load_config(None, settings | {"head_to_head": "all"}))}
        assert both["writers"] == alone["writers"]
        held_out = 3 * 5  # three evaluations against base, and three head to head, of five anchors each
        people = (both["readers"] - alone["readers"]) / held_out
        assert people == 20


class TestContests:
    """What happens in them."""

    @pytest.mark.system
    def test_no_message_is_written_twice(self, met, tmp_path):
        """Each arm's message about an anchor is the one that it wrote against base."""
        events = list(read_events(met))
        carry_out(tmp_path / "alone", CONFIG, trainer=ByArm())
        assert len(of(events, LLMReplied)) == len(of(read_events(tmp_path / "alone"), LLMReplied))
        wrote: dict[tuple, set[str]] = {}
        for event in of(events, MessagePublished):
            phase, epoch, _, anchor = event.contest.split("/")
            if phase == "evaluate":
                wrote.setdefault((epoch, event.competitor, anchor), set()).add(event.text)
        assert wrote and all(len(texts) == 1 for texts in wrote.values())
        contests = [c for c in of(events, ContestDecided) if "-vs-" in c.contest]
        assert len(contests) == 3 * 5

    def test_the_same_people_in_the_same_order(self, met):
        """Who is shown what first is common to all contests about an anchor."""
        orders: dict[tuple, set] = {}
        for event in of(read_events(met), Reacted):
            if event.contest.startswith("evaluate/") and len(event.order) == 2:
                orders.setdefault((event.contest.rsplit("/", 1)[1], event.persona), set()).add(tuple(event.order))
        assert orders and all(len(each) == 1 for each in orders.values())

    def test_messages_are_judged_once(self, met):
        """When each met base."""
        verdicts = of(read_events(met), VerdictGiven)
        assert verdicts and not [v for v in verdicts if "-vs-" in v.message]

    def test_it_is_decided_again(self, met):
        """Replay comes to the same contests."""
        found = replay_recorded(met)
        assert found.complete and found.divergence is None

    @pytest.mark.system
    def test_killed_anywhere_it_ends_the_same(self, met, tmp_path):
        """The digest is that of a run that nothing interrupted."""
        for _ in range(500):
            try:
                carry_out(tmp_path / "killed", MEETING, commits=5, trainer=ByArm())
                break
            except Killed:
                pass
        assert run_digest(read_events(tmp_path / "killed")) == run_digest(read_events(met))

    def test_a_judged_run_goes_on(self, tmp_path):
        """Contests without verdicts of their own do not look like a run that was not judged."""
        from analysis.probes import battery

        config = MEETING.model_copy(update={"epochs": 1})

        class Stop(Exception):
            pass

        def late(now):
            if now.doing == "evaluating placebo against rft":
                raise Stop

        with pytest.raises(Stop):
            run(config, tmp_path / "run", llm=fake_llm(), trainer=ByArm(), probes=battery, report=late)
        done = run(config, tmp_path / "run", llm=fake_llm(), trainer=ByArm(), probes=battery)
        assert of(read_events(done.path), StepStarted)[-1].arm == "rft-vs-placebo"

    def test_in_a_network(self, tmp_path):
        """The feed holds both arms' messages."""
        config = NETWORKED.model_copy(update={"arms": ("rft", "placebo"), "head_to_head": "all"})
        carry_out(tmp_path / "run", config, trainer=ByArm())
        assert {e.arm for e in of(read_events(tmp_path / "run"), StepStarted)} >= {"rft-vs-placebo"}
        assert replay_recorded(tmp_path / "run").complete


class TestTables:
    """What they come to."""

    @pytest.mark.system
    def test_strengths_and_pairs(self, met):
        """All writers, base at 0; what is said of each pair is what was counted."""
        found = results(read_events(met))["head_to_head"]
        assert [row["arm"] for row in found["strengths"]] == ["base", *ARMS]
        assert found["strengths"][0]["strength"]["value"] == 0
        assert [(row["arm"], row["other"]) for row in found["pairs"]] == [
            ("rft", "base"), ("tfb", "base"), ("placebo", "base"), ("rft", "tfb"), ("tfb", "placebo"), ("rft", "placebo")
        ]  # fmt: skip
        votes = Counter()
        for event in of(read_events(met), Reacted):
            phase, _, society, _ = event.contest.split("/")
            if phase == "evaluate" and event.choice >= 0 and len(event.order) == 2:
                pair = society.split("-vs-") if "-vs-" in society else ["base", society]
                votes[(pair[event.choice], pair[1 - event.choice])] += 1
        for row in found["pairs"]:
            mine, theirs = votes[(row["arm"], row["other"])], votes[(row["other"], row["arm"])]
            assert (row["votes"], row["share"]) == (mine + theirs, pytest.approx(mine / (mine + theirs), abs=1e-6))

    @pytest.mark.system
    def test_each_arm_against_base_as_before(self, met, tmp_path):
        """The tables of win rates and of misbehaviour are those of the run in which arms do not meet."""
        carry_out(tmp_path / "alone", CONFIG, trainer=ByArm())
        alone, together = results(read_events(tmp_path / "alone")), results(read_events(met))
        for name in ("arms", "probes", "win_rate_by_epoch", "position_bias", "writing", "panels"):
            assert together[name] == alone[name]
        assert alone["head_to_head"] == {}

    @pytest.mark.system
    def test_on_the_terminal(self, met):
        """Both tables and what they are about."""
        from io import StringIO

        from rich.console import Console

        from analysis.terminal.run import render

        console = Console(width=200, file=StringIO(), record=True)
        for part in render(results(read_events(met)), full=True):
            console.print(part)
        text = console.export_text()
        assert "strength in log-odds over base" in text and "who was chosen over whom" in text
        assert "bootstrap over 5 anchors" in text

    def test_no_message_is_judged_twice_by_models(self, met):
        """Those whom a language model judges later are the ones of the evaluation against base."""
        from analysis.judges._messages import Messages, Selection

        reading = Messages()
        for event in read_events(met):
            reading.take(event)
        assert not [m for m in reading.select(Selection()) if "-vs-" in m.arm]
