"""What a networked contest costs: feeds, engagement, influence, choices, all of it logged, by size of the society.

Covers: four contests of two messages each that share the feeds, four rounds, before members on a Barabási-Albert graph
(m = 3) read by the default choice model, every event durably logged: 10^6 members and 6 M ties against 10^5 in the same
process, per message seen; the log's bytes per message seen; replay of the log against the live step, with the same state
hash; in a process of its own, peak memory above the imports. Messages are fixed texts: no language model runs. Run it with
``--json`` for one line per figure. Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from audience import _memory_mb as memory_mb

from abm.arenas import arena
from abm.arenas.anchors import make_anchor
from abm.audience import Labels, Voters, audience
from abm.columns import Float32s, Int32s, pack, unpack
from abm.events import CrowdJoined, FeedServed
from abm.journal import LiveJournal
from abm.llm import Sampling, ScriptedLLM
from abm.log import create, open_log
from abm.state.state import State, apply
from abm.worlds.agents import NamedPolicy
from abm.worlds.model import Society, Stage
from abm.worlds.networked.graphs import joined_ties
from abm.worlds.networked.settings import NetworkConfig
from abm.worlds.networked.world import NetworkedModel
from media_graph import build
from populations import TRAITS

JOINED = 20_000
CONTESTS = 4
TEXTS = (
    "Meet the lamp. It weighs 755 grams. Your family will enjoy it.",
    "This is the lamp. It reaches a stunning 400 metres! Experts guarantee that it never fails!",
)


def society(folder: Path, members: int, network: NetworkConfig, steps: int = 2) -> NetworkedModel:
    """Return a model whose members and ties stand in the log in ``folder``, and so many steps ahead."""
    ids = np.arange(members)
    traits = np.random.default_rng(1).uniform(-1, 1, (members, len(TRAITS))).astype(np.float32)
    voters, sales = Voters(ids, Labels(ids), TRAITS, traits), arena("sales")
    journal = LiveJournal(create(folder, {}))
    for first in range(0, members, JOINED):
        rows = traits[first : first + JOINED]
        columns = {name: pack(rows[:, i], Float32s) for i, name in enumerate(TRAITS)}
        with journal.transaction():
            journal.emit(CrowdJoined(split="evaluate", first=first, size=len(rows), origin="drawn", traits=columns))
    for ties in joined_ties(build("barabasi_albert", members, 1, m=3), voters):
        with journal.transaction():
            journal.emit(ties)
    completions = [f"<think>plan</think><sales_pitch>{text}</sales_pitch>" for text in TEXTS]
    llm = ScriptedLLM(lambda request: completions[request.site.endswith("1")])
    told = [{"title": f"Lamp {i}", "description": f"A lamp, the {i}th."} for i in range(steps * CONTESTS)]
    society = Society(arena=sales, audience=audience("default"), llm=llm, sampling=Sampling(), seed=1, batch=CONTESTS)
    anchors = [make_anchor(sales.anchor, fields) for fields in told]
    stage = Stage(anchors, [NamedPolicy("a"), NamedPolicy("b")], voters, "evaluate", 1, "rft")
    return NetworkedModel(society, journal, stage, network)


def measure(folder: Path, members: int) -> dict[str, float]:
    """Hold two steps, the first to warm up; return what the second cost, live and on replay."""
    held = society(folder, members, NetworkConfig(together=CONTESTS))
    held.step()
    first, size = held.journal.log.head().seq, _bytes(folder)
    began = time.perf_counter()
    held.step()
    live = time.perf_counter() - began
    held.journal.log.close()
    peak, state, log = memory_mb("VmHWM"), State(), open_log(folder, write=False)
    for event in log.read(stop=first):
        apply(state, event)
    events = list(log.read(first))
    began = time.perf_counter()
    for event in events:  # the step's end checks the state's hash
        apply(state, event)
    replay = time.perf_counter() - began
    seen = sum(len(unpack(event.members, Int32s)) for event in events if isinstance(event, FeedServed))
    if state.hash() != held.state.hash():
        raise SystemExit("replay gives another state")
    return {"seen": seen, "live": live, "replay": replay, "bytes": (_bytes(folder) - size) / seen, "peak": peak}


def _bytes(run: Path) -> int:
    return sum(path.stat().st_size for path in (run / "log").iterdir())


def figures(folder: Path, members: int) -> list[dict]:
    """Measure both sizes, alternately; medians of three rounds, after one that is not counted."""
    small, rounds = members // 10, []
    for i in range(4):
        rounds.append({n: measure(folder / f"{i}-{n}", n) for n in (small, members)})
        for n in (small, members):
            shutil.rmtree(folder / f"{i}-{n}")
    per_view = {
        n: _median([found[n]["live"] / found[n]["seen"] * 1e9 for found in rounds[1:]]) for n in (small, members)
    }
    live, replay, nbytes = (
        _median([found[members][what] for found in rounds[1:]]) for what in ("live", "replay", "bytes")
    )
    alone = json.loads(subprocess.run(
        [sys.executable, __file__, "--members", str(members), "--once"], check=True, capture_output=True, text=True
    ).stdout)  # fmt: skip
    what = f"{CONTESTS} contests, {members:,} members"
    return [
        line(f"a step, {what}", live, "s", replay / live, "of it on replay, same state hash", 0.5),
        line("a message seen", per_view[members], "ns", per_view[members] / per_view[small], f"times one of {small:,} members", 1.5),
        line("log, all in all, of a message seen", nbytes, "B", nbytes / 40.4, "of an event's mean in benchmarks/log.py", 1),
        line("peak above imports, members and ties too", alone["peak"], "MB", alone["peak"] / 2_000, "of 2,000 MB", 1),
    ]  # fmt: skip


def _median(values: list[float]) -> float:
    return float(np.median(values))


def once(folder: Path, members: int) -> dict[str, float]:
    """Hold two steps in this process; return its peak memory above its imports."""
    import polars  # noqa: F401  # an import too, though the log makes it later

    before = memory_mb("VmRSS")
    return {"peak": measure(folder, members)["peak"] - before}


def line(name: str, value: float, unit: str, ratio: float, of: str, goal: float) -> dict:
    """Return one line of the report; ``ok`` where the ratio is at most ``goal``."""
    return {
        "name": name, "value": round(value, 1), "unit": unit, "ratio": round(ratio, 2), "of": of, "goal": goal,
        "ok": ratio <= goal,
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        if given.once:
            print(json.dumps(once(Path(temporary) / "run", given.members)))
            return
        for found in figures(Path(temporary), given.members):
            if given.json:
                print(json.dumps(found))
            else:
                verdict = "ok" if found["ok"] else "MISSED"
                print(
                    f"{found['name']:40} {found['value']:>8,} {found['unit']:3} {found['ratio']:>6}x {found['of']}",
                    end="",
                )
                print(f"  goal <= {found['goal']}x: {verdict}")


if __name__ == "__main__":
    main()
