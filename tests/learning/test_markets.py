"""What markets promise: learners that meet in the same contests, each with its own messages, and twins that differ in picks alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from abm.arenas import arena
from abm.events import AdapterTrained, CompetitorsJoined, EpochEnded, LLMReplied, MessagePublished, StepStarted
from abm.journal import replay
from abm.log import read_events
from abm.worlds.seats import account_seats, contest_seats
from learning import run as run_whole
from learning.arms.arm import Arm, arms_of, comparators
from learning.methods import METHODS, Owned, training_set
from learning.plan.counts import messages
from learning.plan.order import plan
from learning.plan.parts import Evaluate, Learn, Policy, Simulate, SocietyId
from learning.plan.recorded import recorded_plan
from learning.runs.costs import planned
from learning.runs.fork import fork
from learning.runs.inputs import gather
from learning.runs.owners import own_messages
from learning.runs.redecide import replay_recorded
from learning.settings.config import RunConfig
from learning.settings.sources import load_config
from moloch.errors import InputError
from tests.learning.test_loop import carry_out
from tests.support.fakes import fake_llm

DUEL = {"learners": {"a": {"method": "rft"}, "b": {"method": "tfb", "twin": "placebo"}}, "twins": ["own", "market"]}
SIEGE = {"learners": {"c": {"method": "rft"}}, "rivals": ["base"]}
SIZE = {"train_anchors": 16, "held_out_anchors": 4, "train_personas": 5, "held_out_personas": 3, "batch": 6}
MARKETS = SIZE | {
    "arms": {"rft": {"method": "rft"}, "placebo": {"method": "placebo"}},
    "markets": {"duel": DUEL, "siege": SIEGE},
}
CONFIG = load_config(None, MARKETS)
TWO = load_config(
    None, SIZE | {"markets": {"duel": {"learners": {"a": {"method": "rft"}, "b": {"method": "placebo"}}}}}
)
TWINS = ("a_own", "a_own_b", "b_own_a", "b_own", "a_market", "b_market")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run with a duel, its twins, a siege and two arms that compete with themselves; and its digest."""
    folder = tmp_path_factory.mktemp("market") / "run"
    return folder, carry_out(folder, CONFIG).digest.hexdigest()


def learnt(folder) -> dict[tuple[str, int], AdapterTrained]:
    return {(e.arm, e.epoch): e for e in read_events(folder) if isinstance(e, AdapterTrained)}


def rows_of(folder, config: RunConfig, arm: str, epoch: int):
    """Return what an arm learnt from in an epoch, read from its log."""
    inputs = gather(config)
    parts = plan(config, inputs)
    part = next(p for p in parts if isinstance(p, Learn) and (p.arm, p.epoch) == (arm, epoch))
    held = next(p for p in parts if isinstance(p, Simulate) and p.makes == part.source)
    about = [inputs.anchors.train[i] for i in held.anchors]
    return training_set(
        read_events(folder), METHODS.get(inputs.arms[arm].method).configured(inputs.lora[arm].for_methods), source_arm=part.source.arm, epoch=epoch, arena=arena("sales"), seed=config.seed,
        owned=own_messages(inputs.market_of(arm), arm, held, about, config.world, config.seed),
    )  # fmt: skip


class TestSeats:
    """No learner always has the same slot."""

    @pytest.mark.parametrize("writers", [2, 3, 8])
    def test_each_writer_has_each_slot_equally_often(self, writers):
        """In every block of as many contests as writers once, so nowhere in a society more than once more than another."""
        for seed in range(5):
            seats = contest_seats(writers, 10 * writers + 1, seed, "train", 2)
            for stop in range(1, len(seats) + 1):
                for slot in range(writers):
                    times = Counter(seats[:stop, slot].tolist())
                    most = max(times.values())
                    assert most - min(times[writer] for writer in range(writers)) <= (1 if stop % writers == 0 else 2)
            whole = seats[: 10 * writers]
            assert all(Counter(whole[:, slot].tolist()) == dict.fromkeys(range(writers), 10) for slot in range(writers))
            assert all(sorted(row) == list(range(writers)) for row in seats.tolist())

    def test_they_are_drawn(self):
        """By seed, phase and epoch, and not in one order throughout."""
        seats = contest_seats(2, 40, 1, "train", 2)
        assert (seats == contest_seats(2, 40, 1, "train", 2)).all()
        others = [(2, "train", 2), (1, "evaluate", 2), (1, "train", 3)]
        assert all((seats != contest_seats(2, 40, *other)).any() for other in others)
        assert len({tuple(pair) for pair in seats.reshape(20, 4).tolist()}) > 1
        assert (contest_seats(2, 7, 1, "train", 2) == seats[:7]).all(), "how many contests there are plays no part"

    def test_accounts_turn_from_epoch_to_epoch(self):
        """In as many epochs as there are writers each has had each account."""
        accounts = [account_seats(3, 1, "train", epoch).tolist() for epoch in range(1, 4)]
        assert all(sorted(column) == [0, 1, 2] for column in (*accounts, *zip(*accounts, strict=True)))

    @pytest.mark.system
    def test_the_log_has_them(self, run):
        """Who wrote a message is whom the rule seats there; over the society each learner has both slots as often."""
        wrote = [
            e for e in read_events(run[0]) if isinstance(e, MessagePublished) and e.contest.startswith("train/2/duel/")
        ]
        about = [gather(CONFIG).anchors.train[16 + i].id for i in range(16)]
        seats = contest_seats(2, 16, CONFIG.seed, "train", 2)
        for message in wrote:
            assert message.competitor == "ab"[seats[about.index(message.anchor), message.slot]]
        assert {(e.competitor, e.slot) for e in wrote} == {("a", 0), ("a", 1), ("b", 0), ("b", 1)}


class TestSetting:
    """Learners are arms."""

    def test_a_learner_is_an_arm(self):
        """It has its market, and is compared with its market's twin unless it says otherwise."""
        arms = CONFIG.all_arms
        assert list(arms) == ["placebo", "rft", "a", "b", *TWINS, "c"]
        assert arms["a"] == Arm("a", "rft", compared_with="a_market", market="duel")
        assert arms["c"] == Arm("c", "rft", market="siege") and arms["rft"] == Arm("rft", "rft")
        given = load_config(
            None,
            SIZE
            | {
                "markets": {
                    "duel": DUEL | {"learners": DUEL["learners"] | {"a": {"method": "rft", "compared_with": "b"}}}
                }
            },
        )
        assert given.all_arms["a"].compared_with == "b"

    def test_twins(self):
        """They learn random picks, as many as their learner, in markets of their own; who meets them learns as before."""
        arms = CONFIG.all_arms
        assert arms["a_own"] == Arm("a_own", "placebo", market="a_own", rows_of="a")
        assert arms["a_own_b"] == Arm("a_own_b", "tfb", market="a_own", evaluated=False)
        assert arms["b_market"] == Arm("b_market", "placebo", market="duel_market", rows_of="b")
        by_name = {market.name: market for market in CONFIG.all_markets}
        assert by_name["b_own"].learners == ("b_own_a", "b_own") and by_name["b_own"].twin_of == "duel", (
            "places are those of the duel"
        )
        assert [by_name[name].kind for name in ("rft", "siege", "duel")] == ["solo", "frozen", "co-trained"]

    def test_twins_train_as_their_learner(self):
        """With its settings of the trainer, but for those of its method, which they do not have."""
        own = {"lr": 0.01, "options": {"strength": 2}}
        learners = {"a": {"method": "mine", "twin": "placebo", "lora": own}, "b": {"method": "rft"}}
        arms = arms_of({"markets": {"duel": {"learners": learners, "twins": ["own", "market"]}}})
        assert arms["a"].lora == arms["b_own_a"].lora == own and arms["a_own"].lora == arms["a_market"].lora == {
            "lr": 0.01
        }

    def test_a_placebo_has_no_own_twin(self):
        """It is one."""
        learners = {"a": {"method": "rft"}, "b": {"method": "placebo"}}
        config = load_config(None, SIZE | {"markets": {"duel": {"learners": learners, "twins": ["own", "market"]}}})
        assert list(config.all_arms) == ["a", "b", "a_own", "a_own_b", "a_market", "b_market"]
        assert config.all_arms["b"].compared_with == ""

    def test_records(self):
        """They hold what was given, and say nothing where there is no market; both come back as they were."""
        record = CONFIG.model_dump(mode="json")
        assert record["markets"] == MARKETS["markets"] and load_config(None, record).model_dump(mode="json") == record
        assert arms_of(record) == CONFIG.all_arms and comparators(record, [])["b"] == "b_market"
        assert "markets" not in load_config(None, {}).model_dump(mode="json")
        assert TWO.arms == () and load_config(None, TWO.model_dump(mode="json")).id == TWO.id

    @pytest.mark.parametrize(
        "strange",
        [5, [], {"m": 5}, {"m": {"learners": []}}, {"m": {"learners": {"a": 1}}}, {"m": {"learners": {f"l{i}": {} for i in range(999)}}}],
    )  # fmt: skip
    def test_strange_records_have_no_markets(self, strange):
        """Of a log that means ill."""
        assert arms_of({"arms": ["rft"], "markets": strange}) == {"rft": Arm("rft", "rft")}

    def test_strange_numbers_of_messages(self):
        """Count as one."""
        for strange in (None, True, -1, 10**9, "2"):
            record = CONFIG.model_dump(mode="json") | {"markets": {"m": SIEGE | {"messages": strange}}}
            assert recorded_plan(record, 32, 4)


class TestPlan:
    """One society per market and epoch; who has rivals learns from the same contests."""

    PARTS = plan(CONFIG, gather(CONFIG))

    def test_societies(self):
        """All share the first, in which the base model writes; then each market has its own."""
        held = [part.makes for part in self.PARTS if isinstance(part, Simulate)]
        second = ("placebo", "rft", "duel", "a_own", "b_own", "duel_market", "siege")
        assert held == [SocietyId("train", 1, "shared"), *(SocietyId("train", 2, name) for name in second)]

    def test_writers(self):
        """Each learner with what it learnt, a rival that does not learn with the base model."""
        of = {part.arm: part for part in self.PARTS if isinstance(part, Simulate)}
        assert of["shared"].writers == (Policy("base"),) * 2 and not of["shared"].turns
        assert of["b_own"].writers == (Policy("b_own_a", 1), Policy("b_own", 1)) and of["b_own"].turns
        assert of["siege"].writers == (Policy("c", 1), Policy("base")) and of["siege"].turns
        assert of["rft"].writers == (Policy("rft", 1),) * 2 and not of["rft"].turns

    def test_who_learns_from_what(self):
        """Learners of one market from one society."""
        of = {(part.arm, part.epoch): part for part in self.PARTS if isinstance(part, Learn)}
        assert of["a", 2].source == of["b", 2].source == SocietyId("train", 2, "duel")
        assert of["a_market", 2].source == SocietyId("train", 2, "duel_market")
        assert {part.source.arm for part in of.values() if part.epoch == 1} == {"shared"}
        assert [arm for (arm, _), part in of.items() if part.ends_epoch] == ["c", "c"]

    def test_who_is_evaluated(self):
        """All but the rivals of own twins, of which nothing is asked."""
        arms = [part.arm for part in self.PARTS if isinstance(part, Evaluate)]
        assert arms == ["placebo", "rft", "a", "b", "a_own", "b_own", "a_market", "b_market", "c"]

    def test_markets_of_other_sizes(self):
        """Hold the first epoch's contests by themselves."""
        three = {"learners": {"a": {"method": "rft"}, "b": {"method": "rft"}}, "rivals": ["base"], "messages": 2}
        config = load_config(None, SIZE | {"arms": ["rft"], "markets": {"three": three}})
        first, own = (part for part in plan(config, gather(config)) if isinstance(part, Simulate) and part.epoch == 1)
        assert (first.arm, len(first.writers)) == ("shared", 2) and (own.arm, len(own.writers)) == ("three", 6)

    def test_after_those_whose_rows_they_count(self):
        """A market learns after the arms to whose number of rows its learners are brought."""
        names = [market.name for market in CONFIG.all_markets]
        assert names.index("duel") < names.index("a_own") and names.index("duel") < names.index("duel_market")

    def test_a_log_is_enough(self):
        """The plan follows from the record."""
        assert recorded_plan(CONFIG.model_dump(mode="json"), gather(CONFIG).train_anchors, 4) == self.PARTS

    def test_what_it_costs(self, run, tmp_path):
        """The plan knows the calls that the run makes."""
        calls = sum(isinstance(e, LLMReplied) for e in read_events(run[0]))
        assert messages(self.PARTS) == calls == planned(CONFIG)[0].calls


class TestLearning:
    """A learner learns from what it wrote."""

    @pytest.mark.parametrize("arm", ["a", "b", *TWINS, "c"])
    def test_from_its_own_messages_alone(self, run, arm):
        """In the second epoch those that name it; each is as the log says that it was learnt."""
        rows = rows_of(run[0], CONFIG, arm, 2)
        wrote = {e.message: e.competitor for e in read_events(run[0]) if isinstance(e, MessagePublished)}
        assert rows.trajectories and {wrote[row.message] for row in rows.trajectories} == {arm}
        assert (
            rows.digest == learnt(run[0])[arm, 2].data
            and rows_of(run[0], CONFIG, arm, 1).digest == learnt(run[0])[arm, 1].data
        )

    def test_in_the_first_epoch_messages_have_owners(self, run):
        """The base model wrote them all; each contest that was won is learnt by one of two rivals."""
        a, b = ({row.message for row in rows_of(run[0], CONFIG, arm, 1).trajectories} for arm in "ab")
        won = {row.message for row in rows_of(run[0], CONFIG, "rft", 1).trajectories}
        assert a and b and not a & b and a | b == won
        assert {message[-1] for message in a} == {"0", "1"}

    def test_a_random_pick_is_kept_if_it_is_ones_own(self, run):
        """The placebo's are those of the market's two twins, and nobody learns one twice."""
        a, b = (
            {row.message for row in rows_of(run[0], CONFIG, arm, 1).trajectories} for arm in ("a_market", "b_market")
        )
        drawn = {row.message for row in rows_of(run[0], CONFIG, "placebo", 1).trajectories}
        assert a and b and not a & b and a | b == drawn

    def test_thoughts_about_its_own_wins(self, run):
        """What voters thought is learnt where the message is."""
        rows = rows_of(run[0], CONFIG, "b", 2)
        thoughts = {row.contest for row in rows.rows if row.kind == "thought"}
        assert thoughts and thoughts <= {row.contest for row in rows.trajectories}

    def test_what_another_wrote_is_learnt_only_against_ones_own(self, run):
        """A method that picks as it likes gets no other message alone; a pair in which its own lost is whole."""
        both = [METHODS.get("loser")(), METHODS.get("rft")()]
        events = list(read_events(run[0]))

        class Pair(type(both[0]), frozen=True):
            def rows(self, contests, seed):
                rejected = [
                    contests.trajectory(c, next(s for s in c.slots if s != c.winner), kind="rejected")
                    for c in contests.learnable
                ]
                return [*both[1].rows(contests, seed), *rejected]

        def learn(method):
            return training_set(
                events, method, source_arm="duel", epoch=2, arena=arena("sales"), seed=1, owned=Owned("a")
            ).rows

        wrote = {e.message: e.competitor for e in events if isinstance(e, MessagePublished)}
        assert {wrote[row.message] for method in both for row in learn(method)} == {"a"}
        pairs = Counter(row.contest for row in learn(Pair()))
        assert set(pairs.values()) == {2} and len(pairs) > len(learn(both[1]))

    def test_rivals_do_not_matter_before_they_are_met(self, run, tmp_path):
        """What b learns in the first epoch does not depend on how a learns; what it learns in the second does."""
        learners = {"a": {"method": "placebo"}, "b": {"method": "tfb"}}
        other = load_config(None, SIZE | {"markets": {"duel": {"learners": learners}}})
        carry_out(tmp_path / "other", other)
        ours, theirs = learnt(run[0]), learnt(tmp_path / "other")
        assert ours["b", 1].adapter == theirs["b", 1].adapter and ours["a", 1].data != theirs["a", 1].data
        assert ours["b", 2].data != theirs["b", 2].data

    def test_an_own_twin_meets_rivals_that_learn(self, run):
        """They are what the learner met until they meet the twin."""
        trained = learnt(run[0])
        assert (
            trained["a_own_b", 1].adapter == trained["b", 1].adapter
            and trained["a_own_b", 2].adapter != trained["b", 2].adapter
        )
        assert trained["a_own", 1].adapter == trained["a_market", 1].adapter != trained["a", 1].adapter

    def test_a_learner_that_never_wins(self, tmp_path):
        """Ends the run, which says why."""
        tiny = load_config(None, SIZE | {"train_anchors": 1, "markets": {"duel": {"learners": DUEL["learners"]}}})
        with pytest.raises(InputError, match=r"its method picked none of its own messages in 1 contests"):
            carry_out(tmp_path / "run", tiny)


class TestRun:
    """A run with markets is a run."""

    def test_who_takes_part(self, run):
        """All learners are competitors, and have adapters when an epoch ends."""
        events = list(read_events(run[0]))
        joined = next(e for e in events if isinstance(e, CompetitorsJoined))
        assert joined.names == ["base", "placebo", "rft", "a", "b", *TWINS, "c"]
        ended = [e for e in events if isinstance(e, EpochEnded)]
        assert [set(e.adapters) for e in ended] == [set(joined.names) - {"base"}] * 2

    @pytest.mark.system
    def test_it_is_decided_again(self, run):
        """From its log alone."""
        again = replay_recorded(run[0])
        assert replay(run[0], verify=True).steps and (again.divergence, again.complete) == (None, True)

    @pytest.mark.system
    def test_killed_in_the_second_epochs_society_it_goes_on(self, tmp_path):
        """By SIGKILL, in the middle of a market's messages; nothing is asked twice, and the digest is that of a whole run."""
        whole = carry_out(tmp_path / "whole", TWO).digest.hexdigest()
        child = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path / "killed")],
            cwd=Path(__file__).parents[2],
            check=False,
            capture_output=True,
        )
        assert child.returncode == -9, child.stderr.decode()
        before = list(read_events(tmp_path / "killed"))
        last = [e for e in before if isinstance(e, StepStarted)][-1]
        assert (last.phase, last.epoch, last.arm) == ("train", 2, "duel")
        llm = fake_llm()
        assert carry_out(tmp_path / "killed", TWO, llm=llm).digest.hexdigest() == whole
        answers = [e for e in read_events(tmp_path / "killed") if isinstance(e, LLMReplied)]
        assert len({e.site for e in answers}) == len(answers)
        assert llm.calls == len(answers) - sum(isinstance(e, LLMReplied) for e in before) > 0

    @pytest.mark.system
    def test_a_fork_keeps_markets(self, run, tmp_path):
        """They decided the shared steps."""
        with pytest.raises(InputError, match="a fork cannot change markets"):
            fork(run[0], 3, ["markets.duel.messages=2"], tmp_path / "fork")
        config, folder = fork(run[0], 3, ["audience=neutral"], tmp_path / "fork")
        carry_out(folder, config)
        assert config.all_arms == CONFIG.all_arms and replay_recorded(folder).divergence is None

    @pytest.mark.system
    def test_in_a_network(self, tmp_path):
        """A learner is an account, which it keeps while the society lives."""
        small = SIZE | {"train_anchors": 6, "world": "networked", "network": {"rounds": 2}}
        config = load_config(
            None, small | {"markets": {"duel": {"learners": {"a": {"method": "placebo"}, "b": {"method": "placebo"}}}}}
        )
        folder = tmp_path / "run"
        carry_out(folder, config)
        wrote = [
            e for e in read_events(folder) if isinstance(e, MessagePublished) and e.contest.startswith("train/2/duel/")
        ]
        seats = account_seats(2, config.seed, "train", 2)
        assert {(e.slot, e.competitor) for e in wrote} == {(slot, "ab"[seats[slot]]) for slot in (0, 1)}
        owned = {row.message[-1] for row in rows_of(folder, config, "a", 1).rows}
        assert owned == {str(account_seats(2, config.seed, "train", 1).tolist().index(0))}
        assert replay_recorded(folder).divergence is None


@pytest.mark.slow
def test_the_pocket_model_in_two_markets(tmp_path):
    """Real completions, real adapters: equals and a learner against a placebo, over two epochs; each writes with what it learnt itself."""
    rft, placebo = {"method": "rft"}, {"method": "placebo"}
    markets = {"equals": {"learners": {"a": rft, "b": rft}}, "mixed": {"learners": {"c": rft, "d": placebo}}}
    tiny = {
        "train_anchors": 12,
        "held_out_anchors": 4,
        "train_personas": 6,
        "held_out_personas": 4,
        "lora": {"repeat": 1},
    }
    done = run_whole(out=tmp_path / "run", arms=(), markets=markets, **tiny)
    trained = learnt(done.path)
    wrote = [e for e in read_events(done.path) if isinstance(e, MessagePublished) and e.contest.startswith("train/2/")]
    assert {e.contest.split("/")[2] for e in wrote} == set(markets)
    assert all(e.adapter == trained[e.competitor, 1].adapter for e in wrote) and {e.competitor for e in wrote} == set(
        "abcd"
    )
    assert all(trained[arm, 2].parent == trained[arm, 1].adapter for arm in "abcd")
    assert trained["a", 1].adapter == trained["c", 1].adapter, "it has met nobody yet"
    assert len({trained[arm, 2].adapter for arm in "abcd"}) == 4
    assert replay_recorded(done.path).divergence is None and replay(done.path, verify=True).steps


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.learning.test_markets import TWO
from tests.learning.test_loop import carry_out
from tests.support.fakes import answer
from abm.llm import ScriptedLLM

left = [15]  # 12 of them are in the society's first step

def dying(request):
    if request.site.startswith("write/train/2/"):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
    return answer(request)

carry_out(Path(sys.argv[1]), TWO, llm=ScriptedLLM(dying))
"""


class TestMistakes:
    """Each is one sentence, with its place in the file and what to do."""

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"m": {"learners": {"a": {"method": "rft"}}}}, ":3:3: setting 'markets.m' is not valid: one learner without a rival is not a market. Add a learner or rivals: [base]"),
            ({"m": {"learners": {f"l{i}": {"method": "rft"} for i in range(9)}}}, ":4:5: setting 'markets.m.learners' is not valid: it must have at most 8 entries"),
            ({"m": SIEGE | {"messages": 5}}, ":3:3: setting 'markets.m' is not valid: its contests would have 10 messages, 5 of each of 2 writers. A contest has at most 8"),
            ({"m": SIEGE, "n": SIEGE}, ":11:7: setting 'markets.n.learners.c' is not valid: 'c' is already a learner, and here a learner"),
            ({"c": SIEGE}, ":5:7: setting 'markets.c.learners.c' is not valid: 'c' is already a market, and here a learner"),
            ({"m": {"learners": {"rft": {"method": "rft"}}, "rivals": ["base"]}}, ":5:7: setting 'markets.m.learners.rft' is not valid: 'rft' is already an arm, and here a learner"),
            ({"rft": SIEGE}, ":3:3: setting 'markets.rft' is not valid: 'rft' is already an arm, and here a market"),
            ({"c_own": DUEL, "m": SIEGE | {"twins": ["own"]}}, "setting 'markets.m.twins' is not valid: 'c_own' is already a market, and here a twin"),
            ({"m": SIEGE | {"rivals": ["bass"]}}, ":8:7: setting 'markets.m.rivals.0' is not valid: 'bass' alone does not name a rival. It is base, or has settings"),
            ({"m": SIEGE | {"twins": ["own", "market"]}}, "setting 'markets.m.twins' is not valid: with one learner the two kinds of twins are the same"),
            ({"m": DUEL | {"twins": ["own", "own"]}}, "setting 'markets.m.twins' is not valid: 'own' appears twice"),
            ({"m": {"learners": {"a": {"method": "loser"}, "b": {"method": "rft"}}, "twins": ["own"]}}, ":5:7: setting 'markets.m.learners.a' is not valid: which method is the random twin of 'loser' is not known. Name it: twin: METHOD"),
            ({"m": {"learners": {"a": {"method": "rtf"}}, "rivals": ["base"]}}, ":6:9: unknown method 'rtf'. Did you mean 'tfb'"),
            ({"m": {"learners": {"a": {"metod": "rft"}}, "rivals": ["base"]}}, ":6:9: setting 'markets.m.learners.a.metod' is not valid: there is no such setting. Did you mean 'method'?"),
            ({"m": SIEGE | {"rival": ["base"]}}, "setting 'markets.m.rival' is not valid: there is no such setting. Did you mean 'rivals'?"),
            ({"m": {"learners": {"a": "rft"}, "rivals": ["base"]}}, ":5:7: setting 'markets.m.learners.a' is not valid: it takes settings, such as {method: rft}"),
            ({"m": {"learners": {"base": {"method": "rft"}}, "rivals": ["base"]}}, ":5:7: setting 'markets.m.learners.base' is not valid: the name 'base' is reserved"),
            ({"m": {"learners": {"a": {"lora": {"lr": "x"}, "method": "rft"}}, "rivals": ["base"]}}, ":7:11: setting 'markets.m.learners.a.lora.lr' is not valid: Expected `float`"),
            ({"m": {"learners": {"a": {"compared_with": "rtf", "method": "rft"}}, "rivals": ["base"]}}, ":6:9: setting 'markets.m.learners.a.compared_with' is not valid: there is no arm 'rtf'. Did you mean 'rft'?"),
            ({"m": DUEL | {"learners": DUEL["learners"] | {"a": {"compared_with": "b_own_a", "method": "rft"}}}}, "setting 'markets.m.learners.a.compared_with' is not valid: there is no arm 'b_own_a'"),
        ],
    )  # fmt: skip
    def test_is_told(self, given, says, tmp_path):
        """Learners, rivals, names, twins and numbers."""
        path = tmp_path / "run.yaml"
        path.write_text("arms: [rft]\n" + yaml.safe_dump({"markets": json.loads(json.dumps(given))}))
        with pytest.raises(InputError, match=re.escape(says)) as caught:
            load_config(path, {})
        assert (
            str(caught.value).startswith(str(path))
            and "\n" not in str(caught.value)
            and "pydantic" not in str(caught.value)
        )

    def test_nobody_learns(self, tmp_path):
        """A run has an arm or a market."""
        path = tmp_path / "run.yaml"
        path.write_text("seed: 1\narms: []\nmarkets: {}\n")
        with pytest.raises(InputError, match=r":2:1: setting 'arms' is not valid: a run has at least one arm"):
            load_config(path, {})
