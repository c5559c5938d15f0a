"""A whole run whose members are personas that a language model plays, in the networked world: learnt from, resumed, forked, replayed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from abm.events import FeedAnswerInvalid, LLMReplied, MembersPosted, PostJudged, Reacted, VerdictGiven
from abm.llm import ScriptedLLM
from abm.log import read_events
from abm.worlds.networked.settings import NetworkConfig
from analysis.probes import battery
from analysis.readings.spreads import MEMBERS, spreads
from analysis.tables.reach import reach_table
from analysis.tables.results import results
from learning import fork, load_config
from learning.methods import METHODS, training_set
from learning.runs.costs import planned
from learning.runs.inputs import gather
from learning.runs.redecide import replay_recorded
from learning.settings.config import RunConfig
from learning.settings.parts import CrowdConfig
from tests.learning.test_loop import Killed, carry_out
from tests.support.fakes import reply

SOCIETY = RunConfig(
    audience="llm", world="networked", train_anchors=3, held_out_anchors=2, train_personas=4, held_out_personas=4,
    epochs=1, batch=3, arms=("tfb",), network=NetworkConfig(rounds=3, together=2, followers=0.6, polls=(1,)),
)  # fmt: skip


def carried(folder, config=SOCIETY, **more):
    """Return the events of a run with a scripted model."""
    carry_out(folder, config, llm=ScriptedLLM(reply), **more)
    return list(read_events(folder))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run: its folder and events."""
    folder = tmp_path_factory.mktemp("society") / "run"
    return folder, carried(folder)


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_members_write_and_some_answers_cannot_be_read(run):
    """So that what follows is about them, too."""
    _, events = run
    assert sum(len(event.messages) for event in of(MembersPosted, events)) > 10
    assert of(FeedAnswerInvalid, events) and of(PostJudged, events)


def test_it_is_decided_again_from_its_log(run):
    """Prompts with memories, answers, texts, verdicts and state hashes."""
    again = replay_recorded(run[0], probes=battery)
    assert (again.divergence, again.complete) == (None, True)


@pytest.mark.system
def test_dying_after_any_commit_ends_in_the_same_digest(tmp_path):
    """Between the answers of a round and the round, among other places; no answer is paid twice."""
    left_behind: list[Path] = []

    def keep(folder):
        left_behind.append(shutil.copytree(folder, tmp_path / str(len(left_behind))))

    network = SOCIETY.network.model_copy(update={"rounds": 2, "polls": ()})
    config = SOCIETY.model_copy(update={"network": network, "ties": "random"})
    whole = carry_out(tmp_path / "whole", config, llm=ScriptedLLM(reply), before_commit=keep).digest.hexdigest()
    for folder in left_behind[8::2]:
        had = {event.site for event in of(LLMReplied, list(read_events(folder)))}
        asked: list[str] = []
        llm = ScriptedLLM(lambda request, asked=asked: asked.append(request.site) or reply(request))
        assert carry_out(folder, config, llm=llm).digest.hexdigest() == whole, f"after commit {folder.name}"
        assert not had & set(asked)


@pytest.mark.system
def test_dying_among_the_answers_of_a_round_repays_none(tmp_path):
    """Of a server every answer is durable by itself: whatever call the process dies in, it asks for the rest alone."""
    whole = carry_out(tmp_path / "whole", llm=ScriptedLLM(reply, unit="call"), config=SOCIETY).digest.hexdigest()
    folder, asked = tmp_path / "run", []

    def dying(request):
        asked.append(request.site)
        if len(asked) % 7 == 0:
            asked.pop()  # it never answered
            raise Killed
        return reply(request)

    for _ in range(40):
        try:
            digest = carry_out(folder, SOCIETY, llm=ScriptedLLM(dying, unit="call")).digest.hexdigest()
            break
        except Killed:
            asked.append("-")  # so that the next call is not the one that dies
    calls = [site for site in asked if site != "-"]
    assert digest == whole and len(calls) == len(set(calls)) and asked.count("-") > 3


def test_arms_tables_are_the_same_without_what_members_wrote(run):
    """A persona's text enters neither a win rate nor a probe rate: an arm's messages are judged by ``verdict_given`` alone."""
    _, events = run
    without = [event for event in events if not isinstance(event, PostJudged)]
    with_, rest = results(events), results(without)
    assert with_ == rest
    members = {message for event in of(MembersPosted, events) for message in event.messages}
    assert members and not members & {event.message for event in of(VerdictGiven, events)}
    assert {event.message for event in of(PostJudged, events)} <= members


def test_reach_tables_count_them_apart(run):
    """By default they are in no row; asked for, they have rows of their own."""
    _, events = run
    apart = reach_table(events, author=MEMBERS)
    posted = [spread for spread in spreads(events) if spread.competitor == MEMBERS and spread.phase == "evaluate"]
    assert max(row.messages for row in apart) == len(posted) > 0
    everything = sum(row.views for row in reach_table(events))
    competitors = [s for s in spreads(events) if s.competitor != MEMBERS and s.phase == "evaluate"]
    assert everything == sum(s.seen for s in competitors for label in s.labels.values() if label >= 0) > 0


def test_learning_reads_their_reasons(run):
    """TFB learns what personas gave as reasons, those who could compare."""
    _, events = run
    rows = training_set(
        iter(events),
        METHODS.get("tfb").configured({}),
        source_arm="shared",
        epoch=1,
        arena=gather(SOCIETY).arena,
        seed=1,
    )
    thoughts = {event.thought for event in of(Reacted, events) if len(event.order) > 1}
    learnt = [row.completion for row in rows.rows if row.kind == "thought"]
    assert learnt and all(any(thought and thought in text for thought in thoughts) for text in learnt)


def test_the_plan_is_an_upper_bound(run):
    """Calls are known before work: members times rounds times openings; retries come on top."""
    folder, events = run
    (readers,) = [role for role in planned(SOCIETY) if role.role == "readers"]
    asked = [e for e in of(LLMReplied, events) if e.site.startswith("read/") and not e.site.endswith("/again")]
    assert len(asked) <= readers.calls == 4 * 3 * 2 + 4 * 3 * 1
    assert readers.tokens_in > 0
    (begun,) = [role for role in planned(SOCIETY, folder) if role.role == "readers"]
    assert begun.answered == len(asked)
    summing = RunConfig.model_validate(
        {**SOCIETY.model_dump(), "network": {"rounds": 3, "together": 2, "memory": {"by": "model"}}}
    )
    assert next(r.calls for r in planned(summing) if r.role == "readers") == 4 * 4 * 3


@pytest.mark.system
def test_a_fork_bans_in_the_middle(run, tmp_path):
    """What was decided before is shared; after it the banned slot's messages reach nobody."""
    config, folder = fork(
        run[0], 1, ["network.interventions=[{kind: ban, slot: 0, phase: evaluate}]"], tmp_path / "fork"
    )
    events = carried(folder, config)
    parent = {e.site for e in of(LLMReplied, run[1])}
    shared = [e for e in of(LLMReplied, events) if "/train/" in e.site]
    assert {e.site for e in shared} <= parent
    reached = [s for s in spreads(events) if s.phase == "evaluate" and s.competitor == "base"]
    assert reached and not any(spread.seen for spread in reached)
    assert replay_recorded(folder, probes=battery).complete


@pytest.mark.system
def test_a_core_in_a_crowd(tmp_path):
    """A mixed audience is ``audience: llm`` and a crowd: the personas are asked, and nobody else."""
    config = SOCIETY.model_copy(update={"crowd": CrowdConfig(size=60)})
    events = carried(tmp_path / "run", config)
    asked = {int(e.site.split("/")[6]) for e in of(LLMReplied, events) if e.site.startswith("read/")}
    assert asked <= {*range(4), *range(64, 68)} and len(asked) > 4
    assert of(MembersPosted, events)
    assert replay_recorded(tmp_path / "run", probes=battery).complete


def test_settings_at_their_defaults_leave_no_trace():
    """So that digests of runs without them stay."""
    record = RunConfig(world="networked").model_dump(mode="json")["network"]
    assert "memory" not in record and "posts" not in record
    changed = load_config(None, {"network": {"memory": {"entries": 3}}}, effects=False).model_dump(mode="json")[
        "network"
    ]
    assert changed["memory"]["entries"] == 3 and "posts" not in changed
