"""A run is a deterministic program over its log: it resumes anywhere and ends the same."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import pytest

from abm.arenas import arena
from abm.events import (
    AdapterTrained,
    ContestDecided,
    CrowdJoined,
    EpochEnded,
    LLMReplied,
    MessagePublished,
    Reacted,
    RunResumed,
    StepStarted,
)
from abm.journal import LiveJournal
from abm.llm import ScriptedLLM
from abm.log import create, open_log, read_events, verify
from abm.worlds.networked.settings import NetworkConfig
from analysis.probes import battery
from learning import run
from learning.methods import METHODS, Method, training_set
from learning.runs.gate import GateClosed
from learning.runs.inputs import Inputs, gather
from learning.runs.loop import Loop
from learning.runs.other_arenas import judging_in, probes_elsewhere
from learning.settings.config import RunConfig
from learning.settings.parts import CrowdConfig
from moloch.errors import InputError, NondeterminismError
from tests.support.fakes import FakeTrainer, answer, fake_llm

CONFIG = RunConfig(train_anchors=6, held_out_anchors=5, train_personas=4, held_out_personas=3, batch=4)


SMALL = RunConfig(train_anchors=3, held_out_anchors=2, train_personas=3, held_out_personas=3, batch=2)
SMALLER = SMALL.model_copy(update={"arms": ("rft", "placebo")})
NETWORKED = RunConfig(
    world="networked", train_anchors=2, held_out_anchors=2, train_personas=5, held_out_personas=4, epochs=1,
    arms=("rft",), network=NetworkConfig(rounds=2, churn=0.2, polls=(0,)),
)  # fmt: skip


class Underway(ScriptedLLM):
    """A model that says how far it is with the call under way."""

    writing = 0

    def complete(self, requests):
        for reply in super().complete(requests):
            self.writing += reply.tokens_out
            yield reply
        self.writing = 0


def test_progress_counts_tokens(tmp_path):
    """At any time it says how many tokens the run's models have written, what is under way among them; none twice."""
    counts = []

    def answered(request):
        counts.append(written[0]())
        return answer(request)

    llm, written = Underway(answered), [lambda: 0]

    def report(now):
        written[0] = lambda: now.traffic().tokens_out

    done = run(SMALL, tmp_path / "run", llm=llm, trainer=FakeTrainer(), report=report)
    assert counts == sorted(counts) and len(set(counts)) == len(counts) and counts[0] == 0
    assert written[0]() == sum(e.tokens_out for e in read_events(done.path) if isinstance(e, LLMReplied))
    run(SMALL, tmp_path / "run", llm=llm, trainer=FakeTrainer(), report=report)
    assert llm.calls == len(counts), "a run that ended writes nothing"


class Killed(Exception):
    """Stands for the process dying."""


@cache
def gathered(settings: str) -> Inputs:
    """Return what some settings name, read once: a run that dies after every commit would spend half its time on it."""
    return gather(RunConfig.model_validate_json(settings))


def carry_out(folder, config=CONFIG, *, commits=None, before_commit=None, llm=None, trainer=None, others=None):
    """Run in ``folder`` until done, or until ``commits`` more commits are durable; each begins with ``before_commit(folder)``."""
    log = (
        open_log(folder, write=True)
        if (folder / "run.json").exists()
        else create(folder, config.model_dump(mode="json"))
    )
    append, left = log.append, [commits]

    def dying(events, expected_head=None):
        if left[0] is not None:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
        if before_commit is not None:
            before_commit(folder)
        return append(events, expected_head)

    log.append = dying
    try:
        if log.head().seq:
            log.append([RunResumed(versions={})])  # it shifts every later seq, as in a real resume
        journal = LiveJournal(log)
        inputs = gathered(config.model_dump_json())
        judges = battery(inputs.arena)
        judging = judging_in(judges, probes_elsewhere(config, judges, inputs.other_arenas))
        loop = Loop(
            config, inputs, journal, llm or fake_llm(), trainer or FakeTrainer(), others=others or {}, **judging
        )
        loop.run()
        return journal
    finally:
        log.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run and its digest."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, carry_out(folder).digest.hexdigest()


class TestDeterminism:
    """Equal settings and seed decide equally."""

    def test_two_runs_have_one_digest(self, whole, tmp_path):
        """Nothing but the settings decides."""
        assert carry_out(tmp_path / "again").digest.hexdigest() == whole[1]

    def test_another_seed_has_another_digest(self, whole, tmp_path):
        """The seed decides something."""
        other = CONFIG.model_copy(update={"seed": 2})
        assert carry_out(tmp_path / "other", other).digest.hexdigest() != whole[1]


class TestResume:
    """A run that died goes on when the same command runs again."""

    @pytest.mark.system
    @pytest.mark.parametrize("config", [SMALLER, NETWORKED], ids=["isolated", "networked"])
    def test_dying_after_any_commit_ends_in_the_same_digest(self, config, tmp_path):
        """Every commit is a place to die: what was on the disk then is resumed, and each resumed run decides the rest alike."""
        left_behind: list[Path] = []

        def keep(folder):
            left_behind.append(shutil.copytree(folder, tmp_path / str(len(left_behind))))

        whole = carry_out(tmp_path / "whole", config, before_commit=keep).digest.hexdigest()
        assert len(left_behind) > 20
        for folder in left_behind:
            assert carry_out(folder, config).digest.hexdigest() == whole, f"after commit {folder.name}"

    @pytest.mark.system
    def test_no_durable_answer_is_paid_again(self, tmp_path):
        """What the log holds is never asked for again, however often the process dies."""
        folder, asked = tmp_path / "run", []
        durable: set[str] = set()
        llm = ScriptedLLM(lambda request: asked.append(request.site) or answer(request))
        for _ in range(100):
            before = len(asked)
            try:
                carry_out(folder, commits=3, llm=llm)
                break
            except Killed:
                assert not durable & set(asked[before:])
                durable = {event.site for event in read_events(folder) if isinstance(event, LLMReplied)}
        assert durable and len(asked) > len(set(asked)), "no answer was lost in flight: the test shows nothing"

    def test_another_model_is_noticed(self, whole, tmp_path):
        """Going on with other weights is refused, not mixed in."""
        folder = tmp_path / "run"
        with pytest.raises(Killed):
            carry_out(folder, commits=6)
        other = fake_llm()
        other.digest = "0" * 64
        with pytest.raises(NondeterminismError, match="differs in: model_digest"):
            carry_out(folder, llm=other)


class TestPlan:
    """The loop does what the study needs."""

    def test_all_arms_share_the_first_epoch_and_then_part(self, whole):
        """One simulation of the base model; then each arm writes with its own adapter."""
        started = [(e.phase, e.epoch, e.arm) for e in read_events(whole[0]) if isinstance(e, StepStarted)]
        assert {arm for phase, epoch, arm in started if (phase, epoch) == ("train", 1)} == {"shared"}
        assert {arm for phase, epoch, arm in started if (phase, epoch) == ("train", 2)} == set(CONFIG.arms)

    def test_the_second_epoch_writes_with_what_the_first_learnt(self, whole):
        """The next epoch's messages carry the adapter of the last."""
        events = list(read_events(whole[0]))
        first = next(e for e in events if isinstance(e, EpochEnded)).adapters
        wrote = {
            e.competitor: e.adapter
            for e in events
            if isinstance(e, MessagePublished) and e.contest.startswith("train/2")
        }
        assert wrote == first
        parents = {e.arm: e.parent for e in events if isinstance(e, AdapterTrained) and e.epoch == 2}
        assert parents == first

    def test_base_writes_once_for_all_arms(self, whole):
        """Arms are compared with the same base messages, which are asked for once."""
        sites = [e.site for e in read_events(whole[0]) if isinstance(e, LLMReplied)]
        assert len(sites) == len(set(sites))
        assert sum("/base/" in site for site in sites if site.startswith("write/evaluate")) == CONFIG.held_out_anchors

    def test_who_evaluates_never_voted_in_training(self, whole):
        """Held-out personas and anchors are disjoint from those learnt from."""
        events = list(read_events(whole[0]))
        voted = {"train": set(), "evaluate": set()}
        met = {"train": set(), "evaluate": set()}
        for event in events:
            if isinstance(event, Reacted):
                voted[event.contest.split("/")[0]].add(event.persona)
            elif isinstance(event, ContestDecided):
                met[event.contest.split("/")[0]].add(event.contest.rsplit("/", 1)[-1])
        assert voted["train"] and voted["evaluate"] and not voted["train"] & voted["evaluate"]
        assert met["train"] and met["evaluate"] and not met["train"] & met["evaluate"]

    def test_arms_meet_common_random_numbers(self, whole):
        """Every member saw the base message at the same position in every arm's contest about an anchor."""
        seen: dict[tuple[str, int], set[tuple[int, ...]]] = {}
        for event in read_events(whole[0]):
            if isinstance(event, Reacted) and event.contest.startswith("evaluate"):
                seen.setdefault((event.contest.rsplit("/", 1)[-1], event.persona), set()).add(tuple(event.order))
        assert seen and all(len(orders) == 1 for orders in seen.values())


class TestCrowds:
    """A crowd beside the personas votes and is learnt from, whatever is learnt."""

    @pytest.mark.parametrize("world", ["isolated", "networked"])
    def test_thoughts_are_learnt_from_personas_only(self, world, tmp_path):
        """Members without a persona say nothing that a prompt could be made of."""
        config = NETWORKED.model_copy(
            update={"world": world, "arms": ("tfb",), "crowd": CrowdConfig(size=30), "train_anchors": 6}
        )
        carry_out(tmp_path, config)
        events = list(read_events(tmp_path))
        joined = next(event for event in events if isinstance(event, CrowdJoined))
        told = {event.persona for event in events if isinstance(event, Reacted) and event.thought}
        assert world == "isolated" or any(joined.first <= persona < joined.first + 30 for persona in told)
        rows = training_set(events, "tfb", source_arm="shared", epoch=1, arena=arena("sales"), seed=1).rows
        learnt = {row.persona for row in rows if row.kind == "thought"}
        assert learnt and max(learnt) < joined.first


class TestNothingToLearn:
    """The error says what became of the contests, and whose fault it probably is."""

    def test_messages_that_could_not_be_read(self, tmp_path):
        """An arena whose template asks for another tag, say."""
        with pytest.raises(
            GateClosed, match=r"12 of 12 messages could not be read \(no <sales_pitch>: 12\).*write template"
        ):
            carry_out(tmp_path / "run", llm=ScriptedLLM(lambda request: "<think>x</think><appeal>Buy.</appeal>"))

    def test_a_method_that_made_no_row(self, tmp_path):
        """Votes decided the contests; the method left them all out."""

        class Nothing(Method, frozen=True):
            def rows(self, contests, seed):
                return []

        METHODS.add("nothing", Nothing)
        try:
            with pytest.raises(
                InputError, match=r"its method made no row of 6 contests, of which [1-6] had a majority"
            ):
                carry_out(tmp_path / "run", CONFIG.model_copy(update={"arms": ("nothing",)}))
        finally:
            METHODS._added.pop("nothing")


class TestLeftOver:
    """What a run that could not begin left in its folder does not keep it from beginning."""

    @pytest.mark.system
    @pytest.mark.parametrize("name", ["run.json.new", "LOCK"])
    def test_a_half_written_file(self, tmp_path, name):
        """The machine lost its power while ``run.json`` was written: the same command begins, and comes to the same."""
        (tmp_path / "run" / "log").mkdir(parents=True)
        (tmp_path / "run" / name).write_bytes(b'{"format": 1, "conf')
        done, alone = (
            run(SMALL, tmp_path / folder, llm=fake_llm(), trainer=FakeTrainer()) for folder in ("run", "alone")
        )
        assert done.digest == alone.digest and verify(done.path) == done.head
        assert not (tmp_path / "run" / "run.json.new").exists()

    def test_something_else(self, tmp_path):
        """It is refused, and stays."""
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "notes.txt").write_text("mine")
        with pytest.raises(InputError, match="the folder is not a run"):
            run(SMALL, tmp_path / "run", llm=fake_llm(), trainer=FakeTrainer())
        assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
