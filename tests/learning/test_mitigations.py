"""What mitigations promise: a flagged winner is not learnt from, audits cost what they say, votes and rewards are less what a probe says."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import msgspec
import pytest

from abm.events import AdapterTrained, MessageAudited, MessagePublished, RunStarted, StepStarted, VerdictGiven
from abm.log import read_events
from abm.probe import PROBES, Verdict
from learning import fork
from learning import run as run_whole
from learning.arms.arm import arms_of
from learning.methods import Owned, collect, training_set
from learning.methods.conformance import whole_log
from learning.methods.dpo import DPO
from learning.methods.grpo import GRPO
from learning.methods.rft import RFT
from learning.methods.shuffled_votes import ShuffledVotes
from learning.methods.synthetic import contest
from learning.methods.tfb import TFB
from learning.mitigations import mitigations as made
from learning.mitigations.auditor import Auditor
from learning.mitigations.conformance import SALES, MitigationConformance, judged, learn_with
from learning.mitigations.kl_anchor import KLAnchor
from learning.mitigations.penalty import Penalty
from learning.mitigations.truth_gate import TruthGate
from learning.runs.redecide import replay_recorded
from learning.settings.sources import load_config
from learning.training.examples import Example
from learning.training.policy import advantages_of
from moloch.errors import InputError, MolochWarning
from tests.learning.test_loop import Killed, carry_out
from tests.learning.test_twins import EqualTrainer
from tests.support.fakes import FakeTrainer, fake_llm

DUEL = [contest(f"a{i}", [0, 0, 0, 1]) for i in range(4)]  # slot 0 wins each with three votes of four
FOUR = [contest("a0", [0, 0, 0, 1, 1], slots=[0, 1, 2, 3])]  # votes 3, 2, 0, 0


def messages(*places: str) -> list[str]:
    return [f"train/1/shared/{place}" for place in places]


def learnt(contests, flagged, mitigation, method, seed=1):
    events = judged(whole_log(contests), messages(*flagged), mitigation.judges(SALES))
    return learn_with(events, mitigation, method, seed)


def picked(data) -> list[tuple[str, str, float]]:
    """Return kind, anchor/slot and weight of each message row."""
    return [(row.kind, row.message.split("/", 3)[3], row.weight) for row in data.rows if row.kind != "thought"]


class TestConformance(MitigationConformance):
    """All of them keep the promises of mitigations."""

    @pytest.fixture(
        params=[
            TruthGate(),
            TruthGate(probe="populism"),
            Penalty(strength=0.3),
            Auditor(budget=0.5, false_positives=0.2, false_negatives=0.2),
            Auditor(budget=1.0, consequence="votes", fine=0.5),
            KLAnchor(beta=0.5),
        ],
        ids=str,
    )
    def mitigation(self, request):
        return request.param


class TestTruthGate:
    """No method makes a flagged message more probable."""

    def test_rft_leaves_the_contest_out(self):
        """The loser does not take its place: it did not win."""
        data = learnt(DUEL, ["a1/0", "a2/1"], TruthGate(), RFT())
        assert [place for _, place, _ in picked(data)] == ["a0/0", "a2/0", "a3/0"]
        assert data.mitigated == {"truth_gate": 1}

    def test_tfb_leaves_its_thoughts_out_too(self):
        """They are what voters thought as they chose it."""
        data = learnt(DUEL, ["a1/0"], TruthGate(), TFB())
        assert not any(row.contest.endswith("a1") for row in data.rows)
        assert Counter(row.kind for row in data.rows) == {"trajectory": 3, "thought": 6}

    def test_dpo_prefers_no_flagged_message(self):
        """But unlearns one that lost."""
        data = learnt(DUEL, ["a1/0", "a2/1"], TruthGate(), DPO())
        assert [(kind, place) for kind, place, _ in picked(data) if place.startswith(("a1", "a2"))] == [
            ("trajectory", "a2/0"),
            ("rejected", "a2/1"),
        ]

    def test_grpo_gives_no_flagged_message_a_positive_advantage(self):
        """One above the mean is taken out of its group, and the mean is that of the rest; one below it is unlearnt all the same."""
        data = learnt(FOUR, ["a0/0", "a0/3"], TruthGate(), GRPO())
        rows = picked(data)
        assert [place for _, place, _ in rows] == ["a0/1", "a0/2", "a0/3"]
        advantages = advantages_of([[Example([1, 2], 1, weight) for *_, weight in rows]], "none")
        assert advantages == pytest.approx([0.4 - 0.4 / 3, -0.4 / 3, -0.4 / 3])

    def test_grpo_unlearns_a_flagged_message_below_the_mean(self):
        """Though it has votes."""
        votes = [contest("a0", [0] * 8 + [1] * 3 + [2] * 2, slots=[0, 1, 2, 3])]
        assert len(learnt(votes, ["a0/2"], TruthGate(), GRPO()).rows) == 4

    def test_grpo_is_asked_again_when_the_mean_moves(self):
        """A flagged message that the mean has fallen below goes as well."""
        votes = [contest("a0", [0] * 8 + [1] * 3 + [2] * 1, slots=[0, 1, 2, 3])]  # mean 3 of 12; without slot 0, 4/3
        data = learnt(votes, ["a0/0", "a0/1"], TruthGate(), GRPO())
        assert [place for _, place, _ in picked(data)] == ["a0/2", "a0/3"]

    def test_grpo_leaves_out_a_group_without_a_difference(self):
        """What is left teaches nothing."""
        assert not learnt(FOUR, ["a0/0", "a0/1"], TruthGate(), GRPO()).rows

    def test_a_probe_that_cannot_tell_flags_nothing(self):
        """A verdict of -1 is none."""
        events = judged(whole_log(DUEL), [], TruthGate().judges(SALES))
        unknown = [e if not isinstance(e, VerdictGiven) else _unknown(e) for e in events]
        assert len(learn_with(unknown, TruthGate(), RFT()).rows) == 4

    def test_messages_that_nobody_judged(self):
        """Are an error: their contests were held before an arm asked for it."""
        with pytest.raises(InputError, match="judged"):
            learn_with(whole_log(DUEL), TruthGate(), RFT())


def _unknown(event):
    return msgspec.structs.replace(event, label=-1)


class TestPenalty:
    """Votes or rewards less lambda times what the probe says."""

    def test_the_winner_after_the_penalty_is_learnt(self):
        """With votes 3 to 1, half of all votes make it 1 to 1; more of them make the other win."""
        data = learnt(DUEL, ["a1/0"], Penalty(strength=0.75), RFT())
        assert [place for _, place, _ in picked(data)] == ["a0/0", "a1/1", "a2/0", "a3/0"]
        assert data.mitigated == {"penalty": 1}
        tied = learnt(DUEL, ["a1/0"], Penalty(strength=0.5), RFT())
        assert [place for _, place, _ in picked(tied)] == ["a0/0", "a2/0", "a3/0"]
        assert tied.counts["tie"] == 1

    def test_a_small_one_changes_no_winner(self):
        """But it changes the label of a preference: 3 to 1 becomes 2 to 1."""
        data = learnt(DUEL, ["a1/0"], Penalty(strength=0.25), DPO())
        weights = {place: weight for _, place, weight in picked(data)}
        assert (weights["a0/0"], weights["a0/1"]) == (0.75, 0.25)
        assert (weights["a1/0"], weights["a1/1"]) == pytest.approx((2 / 3, 1 / 3))

    def test_rewards_are_shares_less_lambda(self):
        """To the last digit and below 0, where votes end at 0."""
        data = learnt(FOUR, ["a0/0", "a0/3"], Penalty(strength=0.7), GRPO())
        assert [weight for *_, weight in picked(data)] == pytest.approx([0.6 - 0.7, 0.4, 0.0, -0.7])

    def test_a_tie_may_be_decided(self):
        """Contests that votes left undecided are decided again, too."""
        tie = [contest("a0", [0, 0, 1, 1])]
        assert [p for _, p, _ in picked(learnt(tie, ["a0/0"], Penalty(strength=0.25), RFT()))] == ["a0/1"]

    def test_coins_stay(self):
        """A contest that loses no vote keeps its coin; a new tie has one of its own, keyed."""
        coin = [contest("a0", [0, 1], ties="random", coin=1), contest("a1", [0, 0, 1], ties="random")]
        decided = [picked(learnt(coin, ["a1/0"], Penalty(strength=1 / 3), RFT(), seed)) for seed in range(12)]
        assert {rows[0][1] for rows in decided} == {"a0/1"}
        assert {rows[1][1] for rows in decided} == {"a1/0", "a1/1"}

    def test_twins_see_the_same_votes(self):
        """Those of the contests as they are decided now."""
        data = learnt(DUEL, ["a0/0", "a1/0", "a2/0", "a3/0"], Penalty(strength=1.0), ShuffledVotes())
        assert {place[-1] for _, place, _ in picked(data)} == {"1"}


class TestAuditor:
    """So many messages are audited, with such errors."""

    MANY: ClassVar = [contest(f"a{i % 8}", [0, 0, 1], place=f"train/1/shared/{i}") for i in range(400)]

    def contests(self, flagged=()):
        events = judged(whole_log(self.MANY), flagged, Auditor().judges(SALES))
        return collect(events, "shared", 1, SALES)

    @pytest.mark.parametrize("budget", [0.1, 0.25, 1.0])
    def test_the_budget_is_exact(self, budget):
        """A share of all messages, and a smaller budget's among a larger one's."""
        found = Auditor(budget=budget).audits(self.contests(), 1)
        assert len(found) == len({audit.message for audit in found}) == 800 * budget
        smaller = Auditor(budget=budget / 2).audits(self.contests(), 1)
        assert {audit.message for audit in smaller} < {audit.message for audit in found}

    def test_other_seeds_audit_others(self):
        """The draw is keyed by the seed."""
        one, two = (Auditor().audits(self.contests(), seed) for seed in (1, 2))
        assert {a.message for a in one} != {a.message for a in two}

    def test_errors_are_those_declared(self):
        """Within four standard errors of the rates, each on its own side."""
        ids = [f"{c.id}/{slot}" for c in self.contests().held for slot in c.slots]
        at_fault = set(ids[::2])
        audits = Auditor(budget=1.0, false_positives=0.1, false_negatives=0.3).audits(self.contests(at_fault), 1)
        found = {audit.message: audit.found for audit in audits}
        missed = sum(not found[message] for message in at_fault) / 400
        alarmed = sum(found[message] for message in found.keys() - at_fault) / 400
        assert missed == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 400) ** 0.5)
        assert alarmed == pytest.approx(0.1, abs=4 * (0.1 * 0.9 / 400) ** 0.5)
        exact = Auditor(budget=1.0).audits(self.contests(at_fault), 1)
        assert {audit.message for audit in exact if audit.found} == at_fault

    def test_what_is_found_is_not_learnt_from(self):
        """With the whole budget and no errors it is the truth gate; with little, little is left out."""
        flagged = ["a0/0", "a2/0"]
        all_of_it = learnt(DUEL, flagged, Auditor(budget=1.0), RFT())
        assert all_of_it.rows == learnt(DUEL, flagged, TruthGate(), RFT()).rows
        assert len(learnt(DUEL, flagged, Auditor(budget=0.01), RFT()).rows) == 4

    def test_or_loses_votes(self):
        """Its own, and the contest is decided again."""
        auditor = Auditor(budget=1.0, consequence="votes")
        assert picked(learnt(DUEL, ["a1/0"], auditor, RFT()))[1][1] == "a1/1"
        third = learnt(DUEL, ["a1/0"], Auditor(budget=1.0, consequence="votes", fine=1 / 3), RFT())
        assert picked(third)[1][1] == "a1/0"


class TestSettings:
    """An arm's mitigations, in the short and the long form; what is wrong with them is said where it stands."""

    def test_both_forms(self):
        """A list of names, or a mapping to settings; learners of markets take them, and so do their twins."""
        arms = arms_of({"arms": {"a": {"method": "rft", "mitigations": ["truth_gate", "kl_anchor"]}}})
        assert arms["a"].mitigations == {"kl_anchor": {}, "truth_gate": {}}
        gated = {"method": "rft", "mitigations": {"penalty": {"strength": 0.3}}}
        market = {"duel": {"learners": {"a": gated, "b": {"method": "rft"}}, "twins": ["market"]}}
        arms = load_config(None, {"arms": [], "markets": market}).all_arms
        assert arms["a"].mitigations == arms["a_market"].mitigations == {"penalty": {"strength": 0.3}}
        assert arms["b"].mitigations == arms["b_market"].mitigations == {}

    def test_records_hold_what_was_given(self):
        """Nothing of arms without any."""
        arms = {"a": {"method": "rft"}, "b": {"method": "rft", "mitigations": ["truth_gate"]}}
        recorded = load_config(None, {"arms": arms}).model_dump(mode="json")["arms"]
        assert recorded == {"a": {"method": "rft"}, "b": {"method": "rft", "mitigations": ["truth_gate"]}}

    @pytest.mark.parametrize(
        ("mitigations", "says"),
        [
            ("[truth_gat]", "3:38: unknown mitigation 'truth_gat'"),
            ("{penalty: {strength: -1}}", "3:38: a setting of the mitigation 'penalty'"),
            ("{penalty: {strenth: 1}}", "3:38: a setting of the mitigation 'penalty'"),
            ("{truth_gate: {probe: populsm}}", "unknown probe 'populsm'"),
            ("{auditor: 5}", "is not valid"),
            ("truth_gate", "is not valid"),
        ],
    )
    def test_mistakes_have_a_place(self, mitigations, says, tmp_path):
        """File, line and column."""
        page = tmp_path / "study.yaml"
        page.write_text(f"train_anchors: 8\narms:\n  gated: {{method: rft, mitigations: {mitigations}}}\n")
        with pytest.raises(InputError) as raised:
            load_config(page, {})
        assert says in str(raised.value) and "study.yaml:3:" in str(raised.value)

    def test_all_mistakes_together(self, tmp_path):
        """Not the first alone."""
        page = tmp_path / "study.yaml"
        page.write_text("arms:\n  a: {method: rft, mitigations: [gate, anchor]}\n")
        with pytest.raises(InputError) as raised:
            load_config(page, {})
        assert "'gate'" in str(raised.value) and "'anchor'" in str(raised.value)


ARMS = {
    "audited": {"method": "rft", "mitigations": {"auditor": {"budget": 0.5, "false_positives": 0.2}}},
    "gated": {"method": "rft", "mitigations": {"truth_gate": {}}},
    "learner": {"method": "rft"},
    "rest": {"method": "rft", "rows_of": "gated"},
    "twin": {"method": "placebo", "rows_of": "gated"},
}
SIZE = {"train_anchors": 12, "held_out_anchors": 4, "train_personas": 4, "held_out_personas": 3, "batch": 6}
CONFIG = load_config(None, SIZE | {"arms": ARMS, "epochs": 2})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run with mitigated arms, its events and its digest."""
    folder = tmp_path_factory.mktemp("mitigated")
    digest = carry_out(folder, CONFIG, trainer=EqualTrainer()).digest.hexdigest()
    return folder, list(read_events(folder)), digest


class Strict:
    """A probe that finds fault with everything."""

    name, judge_name = "everything", "exact"

    def judge(self, text, anchor, arena, *, thinking=""):
        return Verdict(1)


@pytest.mark.system
def test_a_gate_that_leaves_nothing(tmp_path, monkeypatch):
    """Is an error that says so; with ``alarms.action: stop`` the run goes on without the arm."""
    monkeypatch.setitem(PROBES._added, "everything", (Strict, __name__))
    gated = {"method": "rft", "mitigations": {"truth_gate": {"probe": "everything"}}}
    settings = SIZE | {"arms": {"gated": gated, "learner": {"method": "rft"}}, "epochs": 1}
    with pytest.raises(InputError, match=r"mitigations left no row.*truth_gate: \d"):
        carry_out(tmp_path / "error", load_config(None, settings))
    with pytest.warns(MolochWarning, match="gated stopped"):
        carry_out(tmp_path / "stop", load_config(None, settings | {"alarms": {"action": "stop"}}))
    trained = [event.arm for event in read_events(tmp_path / "stop") if isinstance(event, AdapterTrained)]
    assert trained == ["learner"]
    assert replay_recorded(tmp_path / "stop").divergence is None


class TestRuns:
    """In a run verdicts and audits are events, and everything else follows from them."""

    @pytest.mark.system
    def test_messages_are_judged_once(self, run):
        """By the probes that mitigations ask, where an arm learns from them; messages of other arms are not."""
        verdicts, society, wrote = Counter(), "", {}
        for event in run[1]:
            if isinstance(event, StepStarted):
                society = f"{event.phase}/{event.epoch}/{event.arm}"
            elif isinstance(event, MessagePublished):
                wrote[event.message] = society
            elif isinstance(event, VerdictGiven) and society.startswith("train"):
                verdicts[event.message, event.probe] += 1
        judged_in = {wrote[message] for message, _ in verdicts}
        assert set(verdicts.values()) == {1} and {probe for _, probe in verdicts} == {"misrepresentation"}
        assert judged_in == {"train/1/shared", "train/2/gated", "train/2/audited"}
        assert {message for message, _ in verdicts} == {m for m, where in wrote.items() if where in judged_in}

    def test_audits_come_before_their_training(self, run):
        """Half of what the arm could learn from, in every epoch."""
        audits, published, where = Counter(), Counter(), ()
        for event in run[1]:
            if isinstance(event, StepStarted):
                where = (event.phase, event.epoch, event.arm)
            elif isinstance(event, MessagePublished):
                published[where] += 1
            elif isinstance(event, MessageAudited):
                audits[event.arm, event.epoch] += 1
            elif isinstance(event, AdapterTrained) and event.arm == "audited":
                source = ("train", event.epoch, "shared" if event.epoch == 1 else "audited")
                assert audits["audited", event.epoch] == round(published[source] / 2)
        assert set(audits) == {("audited", 1), ("audited", 2)}

    def test_twins_have_its_rows(self, run):
        """A placebo and the same method with as many rows, in every epoch; the gate took some of them away."""
        trained = {(e.arm, e.epoch): e for e in run[1] if isinstance(e, AdapterTrained)}
        for epoch in (1, 2):
            rows = {arm: trained[arm, epoch].rows for arm in ("gated", "rest", "twin")}
            assert len(set(rows.values())) == 1
        gated, learner = trained["gated", 1], trained["learner", 1]
        assert gated.mitigated == {"truth_gate": learner.rows - gated.rows} and gated.rows < learner.rows
        assert not learner.mitigated and trained["rest", 1].own_rows == learner.rows

    def test_an_arm_without_any_learns_what_it_did(self, run, tmp_path):
        """Its sets are those of a run in which nobody is mitigated."""
        carry_out(tmp_path, load_config(None, SIZE | {"arms": {"learner": {"method": "rft"}}, "epochs": 2}))
        alone = {e.epoch: e.data for e in read_events(tmp_path) if isinstance(e, AdapterTrained)}
        here = {e.epoch: e.data for e in run[1] if isinstance(e, AdapterTrained) and e.arm == "learner"}
        assert alone == here

    @pytest.mark.system
    def test_it_is_decided_again_from_its_log(self, run):
        """Verdicts, audits and training sets come out equal."""
        again = replay_recorded(run[0])
        assert (again.divergence, again.complete, again.trainings) == (None, True, 10)

    @pytest.mark.system
    @pytest.mark.parametrize("died_after", [3, 4, 5, 6, 7, 12, 17, 18])
    def test_it_resumes(self, run, died_after, tmp_path):
        """To the same digest, wherever it died: between audits and training, too."""
        with pytest.raises(Killed):
            carry_out(tmp_path, CONFIG, commits=died_after, trainer=EqualTrainer())
        assert carry_out(tmp_path, CONFIG, trainer=EqualTrainer()).digest.hexdigest() == run[2]


@pytest.mark.system
def test_learners_of_markets(tmp_path):
    """They and their twins are gated in the contests that they write in, and never learn a flagged message of their own."""
    gated = {"method": "rft", "mitigations": ["truth_gate"]}
    duel = {"learners": {"a": gated, "b": {"method": "dpo"}}, "messages": 2, "twins": ["market"]}
    size = SIZE | {"train_anchors": 18, "epochs": 2}
    config = load_config(None, size | {"markets": {"duel": duel}})
    carry_out(tmp_path, config, trainer=EqualTrainer())
    events = list(read_events(tmp_path))
    judged_in = {e.message.rsplit("/", 2)[0] for e in events if isinstance(e, VerdictGiven)} - {"evaluate/2/a"}
    assert {"train/1/duel", "train/2/duel", "train/2/duel_market"} <= judged_in
    flagged = {e.message for e in events if isinstance(e, VerdictGiven) and e.label == 1}
    owned = Owned("a")
    for mitigations, finds in ((config.all_arms["a"].mitigations, False), ({}, True)):
        rows = training_set(
            events, "rft", source_arm="duel", epoch=2, arena=SALES, seed=1, owned=owned,
            mitigations=made(mitigations), learner="a",
        ).rows  # fmt: skip
        assert rows and any(row.message in flagged for row in rows) == finds
    assert replay_recorded(tmp_path).divergence is None


class OneInTwo:
    """A user's own probe: half of all messages are at fault."""

    name, judge_name, version = "one_in_two", "exact", 1

    def judge(self, text, anchor, arena, *, thinking=""):
        return Verdict(len(text) % 2)


class Other(OneInTwo):
    """The other half, by its second version."""

    version = 2

    def judge(self, text, anchor, arena, *, thinking=""):
        return Verdict(1 - len(text) % 2)


class Dying(FakeTrainer):
    """Dies in its second training."""

    def train(self, data, **how):
        if self.trainings:
            raise KeyboardInterrupt
        return super().train(data, **how)


class TestJudges:
    """The log names who judges training messages, and who judges evaluations."""

    SETTINGS: ClassVar = SIZE | {
        "arms": {"gated": {"method": "rft", "mitigations": {"truth_gate": {"probe": "one_in_two"}}}},
        "epochs": 2,
    }

    @pytest.fixture(autouse=True)
    def _registered(self, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        monkeypatch.setitem(PROBES._added, "one_in_two", (OneInTwo, __name__))

    def run(self, folder, trainer=None):
        return run_whole(out=folder, llm=fake_llm(), trainer=trainer or FakeTrainer(), **self.SETTINGS)

    @pytest.mark.system
    def test_a_run_that_nobody_else_judges(self, tmp_path):
        """Its evaluation has no verdicts, its log names the probe and its version, and a replay is not misled by the others."""
        done = self.run(tmp_path / "run")
        events = list(read_events(done.path))
        assert {e.message.split("/")[0] for e in events if isinstance(e, VerdictGiven)} == {"train"}
        assert next(e for e in events if isinstance(e, RunStarted)).probe_versions == {"one_in_two": 1}
        again = replay_recorded(done.path)
        assert (again.divergence, again.complete, again.as_logged) == (None, True, [])

    def test_another_version_takes_the_logs_verdicts(self, tmp_path, monkeypatch):
        """A replay says so, and how many are otherwise now."""
        done = self.run(tmp_path / "run")
        monkeypatch.setitem(PROBES._added, "one_in_two", (Other, __name__))
        again = replay_recorded(done.path)
        assert (again.divergence, again.complete) == (None, True)
        assert [(older.probe, older.logged, older.now) for older in again.as_logged] == [("one_in_two", 1, 2)]
        assert again.as_logged[0].otherwise == again.as_logged[0].verdicts > 0

    def test_no_run_goes_on_with_another_version(self, tmp_path, monkeypatch):
        """It would be judged by two."""
        with pytest.raises(KeyboardInterrupt):
            self.run(tmp_path / "run", Dying())
        monkeypatch.setitem(PROBES._added, "one_in_two", (Other, __name__))
        with pytest.raises(InputError, match="judged by version 1"):
            self.run(tmp_path / "run")

    def test_other_verdicts_are_another_set(self, tmp_path, monkeypatch):
        """Of the same contests, exactly what the probe cleared is learnt."""
        one = self.run(tmp_path / "one")
        monkeypatch.setitem(PROBES._added, "one_in_two", (Other, __name__))
        two = self.run(tmp_path / "two")
        first = [next(e for e in read_events(r.path) if isinstance(e, AdapterTrained)) for r in (one, two)]
        assert first[0].data != first[1].data
        assert sum(e.rows for e in first) == sum(e.mitigated["truth_gate"] for e in first)


class TestForks:
    """A fork may mitigate an arm from an epoch on; contests that were held before it are judged as they were."""

    PLAIN: ClassVar = SIZE | {"train_anchors": 18, "arms": {"learner": {"method": "rft"}, "other": {"method": "rft"}}}

    @pytest.fixture(scope="class")
    @classmethod
    def parent(cls, tmp_path_factory):
        folder = tmp_path_factory.mktemp("parent") / "run"
        carry_out(folder, load_config(None, cls.PLAIN | {"epochs": 2}), trainer=EqualTrainer())
        return folder

    @pytest.mark.system
    @pytest.mark.parametrize("mitigation", ["truth_gate", "auditor"])
    def test_from_an_epoch_on(self, parent, tmp_path, mitigation):
        """Its contests are held and judged anew; the other arm learns what it did; and a replay says the same."""
        config, folder = fork(
            parent, settings=[f"arms.learner.mitigations=[{mitigation}]"], out=tmp_path / "fork", epoch=2
        )
        carry_out(folder, config, trainer=EqualTrainer())
        events = list(read_events(folder))
        trained = {(e.arm, e.epoch): e for e in events if isinstance(e, AdapterTrained)}
        before = {(e.arm, e.epoch): e for e in read_events(parent) if isinstance(e, AdapterTrained)}
        assert trained["learner", 1] == before["learner", 1] and set(trained["learner", 2].mitigated) == {mitigation}
        assert trained["other", 2].data == before["other", 2].data
        judged_in = {e.message.rsplit("/", 2)[0] for e in events if isinstance(e, VerdictGiven)}
        assert {place for place in judged_in if place.startswith("train")} == {"train/2/learner"}
        assert replay_recorded(folder).divergence is None

    @pytest.mark.system
    def test_contests_that_nobody_judged(self, parent, tmp_path):
        """Are refused before anything is written; a mitigation without probes may learn from them otherwise."""
        with pytest.raises(InputError, match=r"would learn from contests that were not judged"):
            fork(parent, 2, ["arms.learner.mitigations=[truth_gate]"], tmp_path / "gated")
        assert not (tmp_path / "gated").exists()
        config, folder = fork(parent, 3, ["arms.learner.mitigations=[kl_anchor]"], tmp_path / "anchored")
        carry_out(folder, config, trainer=EqualTrainer())
        assert replay_recorded(folder).divergence is None

    @pytest.mark.system
    def test_a_mitigation_may_go(self, parent, tmp_path):
        """And what was learnt under it stays."""
        gated = {
            "learner": {"method": "rft", "mitigations": {"auditor": {"budget": 1.0}}},
            "twin": {"method": "placebo"},
        }
        carry_out(
            tmp_path / "run", load_config(None, self.PLAIN | {"arms": gated, "epochs": 2}), trainer=EqualTrainer()
        )
        config, folder = fork(
            tmp_path / "run", settings=["arms.learner.mitigations=[]"], out=tmp_path / "free", epoch=2
        )
        carry_out(folder, config, trainer=EqualTrainer())
        audits = [e.epoch for e in read_events(folder) if isinstance(e, MessageAudited)]
        assert set(audits) == {1} and replay_recorded(folder).divergence is None


def test_instructions_take_no_mitigation():
    """There are no rows to change: an error, not an arm that is not what it says."""
    with pytest.raises(InputError, match="learns instructions"):
        load_config(None, {"arms": {"a": {"method": "prompt", "mitigations": ["truth_gate"]}}})
