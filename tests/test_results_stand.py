"""Results stand: whatever moves in the code, a run with the same settings decides what it decided before.

``golden/runs`` holds six small runs of the pocket model (three arenas, two worlds), written by release 0.1 with::

    moloch run --arena ARENA --world WORLD --set train_anchors=6 --set held_out_anchors=4 --set train_personas=6 \
        --set held_out_personas=6 --set batch=4      # networked: --set crowd.size=20 --set 'network.polls=[0]'

They are decided again from their recorded answers, so that no figure depends on the machine's floating point.
:data:`SCRIPTED` holds the digests of whole runs with a scripted model and a trainer that hashes its data.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from abm.events import CrowdJoined, StepEnded
from abm.journal import LiveJournal, log_digest
from abm.llm import ScriptedLLM
from abm.log import create, open_log, read_events
from analysis.probes import battery
from learning.runs.inputs import gather
from learning.runs.loop import Loop
from learning.runs.redecide import replay_recorded
from learning.settings.config import RunConfig
from learning.settings.sources import load_config
from tests.support.fakes import FakeTrainer, reply

GOLDEN = sorted((Path(__file__).parent / "golden" / "runs").iterdir())
SMALL = {"train_anchors": 5, "held_out_anchors": 4, "train_personas": 5, "held_out_personas": 4, "batch": 2}
RUNS = {
    f"{arena}-{world}": SMALL | {"arena": arena, "world": world}
    for arena in ("sales", "elections", "social")
    for world in ("isolated", "networked")
} | {
    "every-method": SMALL | {"arms": ["rft", "tfb", "placebo", "loser", "shuffled_votes"], "evaluate": "every", "epochs": 3},
    "three-messages": SMALL | {"messages": 3, "ties": "random", "audience": "neutral", "personas": "demographic"},
    "crowd": SMALL | {"crowd": {"size": 30}, "seed": 7},
    "feeds": SMALL
    | {
        "world": "networked",
        "crowd": {"size": 30},
        "network": {
            "graph": {"kind": "barabasi_albert", "options": {"m": 2}},
            "feed": {"ranker": "engagement", "slots": 3},
            "churn": 0.1,
            "polls": [0, 1],
        },
    },
    "model-readers": SMALL | {"audience": "llm", "train_anchors": 3},
}  # fmt: skip


BEFORE = {
    "crowd": "b58eb54e838dbb6b814274e56d4d104b0516dcd331ab204ac568dd8e02a7734b",
    "feeds": "9e9b97ae52339228e400af6c9e14e631234f1cb57903bdcfbb4580400054f7cc",
}
"""Digests by release 0.1, whose logs do not say whom a crowd's members were drawn from."""


def digest_of(folder: Path, config: RunConfig) -> str:
    """Carry out a run with a scripted model; return its digest."""
    with create(folder, config.model_dump(mode="json")) as log:
        journal = LiveJournal(log)
        Loop(config, gather(config), journal, ScriptedLLM(reply), FakeTrainer(), probes=battery).run()
        return journal.digest.hexdigest()


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.name)
def test_golden_runs_are_decided_again(golden):
    """Prompts, votes, verdicts, training sets and state hashes all come out as they were, and so does the digest."""
    again = replay_recorded(golden, probes=battery)
    assert (again.divergence, again.complete) == (None, True)
    ended = list(read_events(golden))[-1]
    assert log_digest(open_log(golden, write=False)) == ended.digest


@pytest.mark.parametrize("name", RUNS)
def test_scripted_runs_keep_their_digests(name, tmp_path):
    """Live, through the whole loop, at settings of every kind."""
    assert digest_of(tmp_path / "run", load_config(None, RUNS[name])) == SCRIPTED[name]


@pytest.mark.system
@pytest.mark.parametrize("name", BEFORE)
def test_runs_begun_before_keep_their_digests(name, tmp_path):
    """A log that does not say whom a crowd was drawn from goes on without, to the digest that it had; and so it replays."""
    config = load_config(None, RUNS[name])
    digest_of(tmp_path / "new", config)
    events = list(read_events(tmp_path / "new"))
    assert any(isinstance(event, CrowdJoined) and event.originals for event in events)
    begun = events[: [isinstance(event, StepEnded) for event in events].index(True) + 1]
    plain = [replace(e, originals=b"") if isinstance(e, CrowdJoined) else e for e in begun]
    with create(tmp_path / "old", config.model_dump(mode="json")) as log:
        log.append(plain)
        journal = LiveJournal(log)
        Loop(config, gather(config), journal, ScriptedLLM(reply), FakeTrainer(), probes=battery).run()
        assert journal.digest.hexdigest() == BEFORE[name]
    again = replay_recorded(tmp_path / "old", probes=battery)
    assert (again.divergence, again.complete) == (None, True)


SCRIPTED = {
    "sales-isolated": "a1cefe00099ea6be466be6a9fccd68dbeb0146422386b50cee64414b3650f930",
    "sales-networked": "ac5bd7ebed548dd8c54e8ff790a168b2ccb65d637d1bf1db1505af804801bf82",
    "elections-isolated": "3cb4381cb0420c26ffd463566d25d6347ffac73b63e4716eba1d2cbfbb413bee",
    "elections-networked": "65aef70e91120568a7ef93a40d820b57ca2d3ba0a67a35e9ff23df9f885c450f",
    "social-isolated": "60d13072367ae5a8dcc1d34b79ce16ce60114e5bda8a4bb56faa3e7a3d5ed74f",
    "social-networked": "856673fde0994e0c79bb48e5d647726107f31e6c40ad223eb8a51bae036c69af",
    "every-method": "d67397f9620f3e956d835b7b0d0d87b53ac402bc0651bffe957d3b1ce1639a6c",
    "three-messages": "a85cff242252e67a827be00d11bd45756e63f780b7de8246d75694fe236df9ee",
    "crowd": "6711341e14b0aae2a0308238098ab0d27088aeac4e39684ae58f9abdf8ccd90b",
    "feeds": "628e9f33a015b2ca337761cdb62bf1079d1cd4d0d1b87e547cfee19e539c04d2",
    "model-readers": "b3ea90c53b17c373056eb420b8dcb1d562ab8802139bbbcf9fdb4557ed74bbbf",
}
