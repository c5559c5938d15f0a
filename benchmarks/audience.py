"""What a contest put to a crowd costs: choices, own orders and the logged event, against a bare fused kernel.

Covers: one contest of two texts before 10^6 members with 16 traits, as a society holds it (everybody's own order,
choices by the default weights, votes, one event with columns, appended durably to a real log), against a bare fused
numba kernel that only chooses (utility from traits, keyed noise, largest), in one thread and in one per core; ours has
one. This package's own kernel, called on raw arrays, is faster than the bare one (its loops suit vector instructions):
a figure of its own says what the choice model adds to it. A whole step is timed beside: model, journal, digest, state
and its hash as well. Then, in processes of their own: bytes of state per member, peak memory above the imports while one
step is logged (in another process the crowd's traits too), and whether folding those logs again gives the state hash of
the live run. Rounds of all sides alternate; a figure is the median of the rounds. Numba compiles before the rounds
begin. Needs Linux. Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from abm.arenas import arena
from abm.arenas.anchors import make_anchor
from abm.audience import ChoiceModel, Labels, Voters, audience, choices, feature_matrix, orders
from abm.columns import Float32s, pack
from abm.events import CrowdJoined, Event
from abm.journal import LiveJournal
from abm.llm import Sampling, ScriptedLLM
from abm.log import create, read_events
from abm.reactions import reacted_many
from abm.state.state import fold
from abm.worlds.agents import NamedPolicy
from abm.worlds.isolated import IsolatedModel
from abm.worlds.model import Society, Stage
from moloch import kernels, keyed
from populations import TRAITS

ROUNDS = 9
MEMBERS = 1_000_000
JOINED = 20_000
"""Members whose traits are one event: a commit needs several times its columns' memory."""
NAMES = (*TRAITS, *(f"{trait} at work" for trait in TRAITS))  # 16
TEXTS = (
    "Meet the lamp. It weighs 755 grams. Your family will enjoy it.",
    "This is the lamp. It reaches a stunning 400 metres! Experts guarantee that it never fails!",
)
SLOTS = np.array([0, 1], dtype=np.int8)


def crowd(members: int) -> Voters:
    """Return ``members`` with 16 random traits."""
    ids, draw = np.arange(members), np.random.default_rng(1)
    traits = draw.random((members, len(NAMES)), dtype=np.float32)
    np.multiply(traits, 2, out=traits)
    np.subtract(traits, 1, out=traits)
    return Voters(ids, Labels(ids), NAMES, traits)


def model() -> ChoiceModel:
    """Return the default audience, whose weights of eight traits stand for eight more as well."""
    default = audience("default")
    return ChoiceModel(
        "16 traits", np.hstack([default.weights, default.weights[:, 1:] / 2]), first=default.first, traits=NAMES
    )


def contest(people: ChoiceModel, voters: Voters, name: str) -> tuple[Event, list[int]]:
    """Return the reactions of ``voters`` to the texts, and the votes, as a step of a society does."""
    shown = orders(voters.ids, len(TEXTS), 1, name, "order")
    found = choices(people, TEXTS, shown, voters, (1, name, "choice"))
    chosen = np.where(found < 0, np.int8(-1), SLOTS[found])
    votes = np.bincount(chosen[chosen >= 0], minlength=len(TEXTS)).tolist()
    return reacted_many(name, voters.ids, SLOTS[shown], chosen, step=0, cause=-1), votes


@njit(inline="always")
def _draw(counter, place):
    low, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    c0, c1, c2, c3, k0, k1 = counter & low, counter >> half, place[0], place[1], place[2], place[3]
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (p1 >> half) ^ c1 ^ k0, p1 & low, (p0 >> half) ^ c3 ^ k1, p0 & low
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return (np.float64(np.int64((c0 << np.uint64(21)) ^ (c1 >> np.uint64(11)))) + 0.5) * 2.0**-53


def _fused(ids, traits, slopes, places, first, shown, temperature, out):
    for i in prange(len(ids)):
        best, choice = -np.inf, -1
        for option in range(len(slopes)):
            utility = slopes[option, 0]
            for t in range(traits.shape[1]):
                utility += slopes[option, 1 + t] * traits[i, t]
            if shown[i, 0] == option:
                utility += first
            utility -= temperature * math.log(-math.log(_draw(ids[i], places[option])))
            if utility > best:
                best, choice = utility, option
        out[i] = choice


_one_thread = njit(_fused)  # not cached: numba would take one's code for the other's
_all_cores = njit(parallel=True)(_fused)


class Bare:
    """Kernels on raw arrays: no checks, no order, no event, no log."""

    def __init__(self, people: ChoiceModel, voters: Voters, shown: NDArray[np.int8]) -> None:
        self.people, self.shown, self.traits = people, shown, voters.traits
        self.ids, self.first = voters.ids.view(np.uint64), np.ascontiguousarray(shown[:, 0])
        self.slopes = (feature_matrix(TEXTS)[:, :, None] * people.weights).sum(axis=1)
        self.labels, self.out = np.arange(len(TEXTS), dtype=np.int16), np.empty(len(voters.ids), dtype=np.int16)

    def _places(self, name: str) -> NDArray[np.uint64]:
        return np.array([keyed.words(1, name, "choice", option) for option in range(len(TEXTS))])

    def loop(self, kernel: Callable[..., None], name: str) -> None:
        """Choose, member by member."""
        people = self.people
        kernel(
            self.ids, self.traits, self.slopes, self._places(name), people.first, self.shown, people.temperature, self.out
        )  # fmt: skip

    def blocks(self, name: str) -> None:
        """Choose, by blocks that the processor's vector instructions suit."""
        people = self.people
        kernels.choose(
            self.ids, self.traits, self.slopes, self.labels, self._places(name), self.first, people.first,
            people.temperature, 0.0, self.out,
        )  # fmt: skip


def bench_contest(folder: Path, members: int) -> list[dict]:
    """Hold the same contest in all ways, alternately."""
    people, voters = model(), crowd(members)
    bare = Bare(people, voters, orders(voters.ids, len(TEXTS), 1, "warm-up", "order"))
    whole = society(folder / "whole", voters, ROUNDS + 1)
    with create(folder / "timed", {}) as log:
        took = alternately(
            {
                "contest": lambda name: log.append([contest(people, voters, name)[0]]),
                "step": lambda _: whole.step(),
                "choices": lambda name: choices(people, TEXTS, bare.shown, voters, (1, name, "choice")),
                "blocks": bare.blocks,
                "loop": lambda name: bare.loop(_one_thread, name),
                "cores": lambda name: bare.loop(_all_cores, name),
            }
        )
    what = f"{members:,} members, {len(NAMES)} traits"
    return [
        at_most(f"contest and its logged event, {what}", took["contest"], took["loop"], "bare fused kernel", 2.0),
        at_most(
            f"contest and its logged event, {what}", took["contest"], took["cores"], "bare fused kernel, all cores", 2.0
        ),
        at_most(f"whole step of a society, {what}", took["step"], took["loop"], "bare fused kernel", 2.0),
        at_most(f"choices alone, {what}", took["choices"], took["blocks"], "our kernel on raw arrays", 1.3),
    ]


def alternately(ways: dict[str, Callable[[str], object]]) -> dict[str, float]:
    """Return the median time of each way in ms, over rounds of all of them; one more round before is not counted."""
    took: dict[str, list[float]] = {way: [] for way in ways}
    for i in range(ROUNDS + 1):
        for way, work in ways.items():
            began = time.perf_counter()
            work(f"train/1/shared/{i}")
            took[way].append((time.perf_counter() - began) * 1e3)
    return {way: median(times[1:]) for way, times in took.items()}


def society(folder: Path, voters: Voters, contests: int, *, traits: bool = False) -> IsolatedModel:
    """Return a model with a journal in ``folder`` and one contest a step, whose crowd has joined, with its traits or without."""
    sales = arena("sales")
    told = [{"title": f"Lamp {i}", "description": f"A lamp, the {i}th."} for i in range(contests)]
    completions = [f"<think>plan</think><sales_pitch>{text}</sales_pitch>" for text in TEXTS]
    llm = ScriptedLLM(lambda request: completions[request.site.endswith("1")])
    journal = LiveJournal(create(folder, {}))
    for first in range(0, len(voters.ids), JOINED):
        joined = voters.traits[first : first + JOINED]
        columns = {name: pack(joined[:, i], Float32s) for i, name in enumerate(NAMES)} if traits else {}
        with journal.transaction():
            journal.emit(CrowdJoined(split="train", first=first, size=len(joined), origin="drawn", traits=columns))
    society = Society(arena=sales, audience=model(), llm=llm, sampling=Sampling(), seed=1, batch=1)
    anchors = [make_anchor(sales.anchor, fields) for fields in told]
    return IsolatedModel(
        society, journal, Stage(anchors, [NamedPolicy("a"), NamedPolicy("b")], voters, "train", 1, "shared")
    )


def run_once(folder: Path, members: int, traits: bool) -> dict[str, float | bool]:
    """Log a whole step before a crowd, in this process; return what that left behind, and its peak.

    Args:
        traits: whether the crowd's traits are logged as well, which fills a segment of the log: it becomes Parquet.
    """
    import polars  # noqa: F401  # an import too, though the log makes it later

    before = _memory_mb("VmRSS")
    voters = crowd(members)
    held = society(folder / "run", voters, 1, traits=traits)
    held.step()
    held.journal.log.close()
    peak, state = _memory_mb("VmHWM") - before, held.state
    columns = (voters.ids, voters.traits, state.reactions, state.abstentions, state.first_choices)
    again = fold(read_events(folder / "run"))  # checks the hash that the step recorded as well
    return {
        "bytes": sum(column.nbytes for column in columns) / members,
        "peak_mb": peak,
        "replayed_mb": _memory_mb("VmHWM") - before,
        "same": again.hash() == state.hash() and again.step == 1 and int(again.reactions.sum()) == members,
    }


def _memory_mb(what: str) -> float:
    """Return this process's memory in MB of 10^6 bytes: ``VmRSS`` now, ``VmHWM`` at most so far.

    Not ``getrusage``: what that calls the peak of a process began in the process that started it.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit(f"the kernel does not say {what}; this figure needs Linux")


def bench_memory(members: int) -> list[dict]:
    """Run a step in a process of its own, whose memory nothing else has touched."""
    contest, joined = (_once(members, what) for what in ("contest", "traits"))
    same = contest["same"] and joined["same"]
    return [
        absolute("state of a member", contest["bytes"], "B", "ids, 16 traits and counts", 150),
        absolute("peak above imports, a logged step", contest["peak_mb"], "MB", "no rival", 500),
        absolute("peak above imports, and its replay", contest["replayed_mb"], "MB", "no rival", 500),
        absolute("peak above imports, traits logged and projected too", joined["peak_mb"], "MB", "no rival", 500),
        {
            "name": "replay gives the same state hash", "value": int(same), "unit": "yes = 1",
            "rival": "the live run: 1", "ratio": float(same), "goal": "= 1", "ok": same,
        },
    ]  # fmt: skip


def _once(members: int, what: str) -> dict:
    command = [sys.executable, __file__, "--members", str(members), "--once", what]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def at_most(name: str, value: float, rival_value: float, rival: str, goal: float) -> dict:
    """Return one line of the report, of times in ms; ``ok`` where ours is at most ``goal`` times the rival's."""
    ratio = value / rival_value
    return {
        "name": name, "value": round(value, 1), "unit": "ms", "rival": f"{rival}: {rival_value:.1f}",
        "ratio": round(ratio, 3), "goal": f"<= {goal}x", "ok": ratio <= goal,
    }  # fmt: skip


def absolute(name: str, value: float, unit: str, rival: str, goal: int) -> dict:
    """Return one line of the report, of a figure whose limit is a number."""
    return {
        "name": name, "value": round(value, 1), "unit": unit, "rival": rival, "ratio": round(value / goal, 3),
        "goal": f"<= {goal} {unit}", "ok": value <= goal,
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--dir", default=None, help="a folder on the disk to measure")
    parser.add_argument("--once", choices=["contest", "traits"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as temporary:
        if given.once:
            print(json.dumps(run_once(Path(temporary), given.members, given.once == "traits")))
            return
        figures = [*bench_contest(Path(temporary), given.members), *bench_memory(given.members)]
    for line in figures:
        if given.json:
            print(json.dumps(line))
        else:
            print(
                f"{line['name']:60} {line['value']:>8,} {line['unit']:8} {line['ratio']:>6}x  {line['rival']}", end=""
            )
            print(f"  goal {line['goal']}: {'ok' if line['ok'] else 'MISSED'}")


if __name__ == "__main__":
    main()
