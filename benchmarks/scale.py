"""What bounds a run, a society and a study: seconds, bytes and memory per message, vote, member, event and cell.

Covers, each at three sizes and each size in a process of its own: messages that the pocket model writes, votes as single
reactions and as columns, members of a networked world per round, contests that an adapter is learnt from; events that are
appended, folded and made into Parquet; cells of a study's page that are planned. A figure is the slope of CPU seconds (and of the
log's bytes, and of the peak memory above the imports) over the sizes, by least squares. Its rival is linearity: the slope
between the two larger sizes over the one between the two smaller ones, which is 1 where nothing grows faster than the size. Needs Linux. Run it
with ``--json`` for one line per figure, and with ``--only NAME`` for some of them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import resume
from audience import _memory_mb as memory_mb
from networked import society as networked

from abm.arenas import arena
from abm.arenas.anchors import make_anchor
from abm.audience import Labels, Voters, audience
from abm.events import CrowdJoined
from abm.journal import LiveJournal, replay
from abm.llm import LLM, Sampling, ScriptedLLM
from abm.log import create
from abm.study_events import PlannedCell, StudyPlanned
from abm.worlds.agents import NamedPolicy
from abm.worlds.isolated import IsolatedModel
from abm.worlds.model import Society, Stage
from abm.worlds.networked.settings import NetworkConfig
from analysis.studies.pages.cells import cells_of
from analysis.studies.pages.page import page_of
from analysis.studies.record.layout import Layout
from analysis.studies.record.study_log import StudyLog
from analysis.studies.work.controller import Controller
from analysis.studies.work.outcomes import AttemptEnded, write_outcome
from analysis.studies.work.tasks import Needs, Task, TaskEnd
from populations import TRAITS

FORK = multiprocessing.get_context("fork")
TEXT = "Meet the lamp. It weighs 755 grams. Experts guarantee it. Your family will enjoy it."


class Cost(NamedTuple):
    """What so many units cost: seconds of CPU, bytes on disk."""

    units: int
    seconds: float
    nbytes: float = 0.0


def contests(folder: Path, members: int, count: int, llm: LLM, bulk: int) -> IsolatedModel:
    """Return an isolated world with so many contests in its one step, whose crowd has joined."""
    sales, ids = arena("sales"), np.arange(members)
    traits = np.random.default_rng(1).uniform(-1, 1, (members, len(TRAITS))).astype(np.float32)
    voters = Voters(ids, Labels(ids), TRAITS, traits)
    journal = LiveJournal(create(folder, {}))
    with journal.transaction():
        journal.emit(CrowdJoined(split="train", first=0, size=members, origin="drawn", traits={}))
    told = [{"title": f"Lamp {i}", "description": f"A lamp of {i} grams, blue, the {i}th."} for i in range(count)]
    rules = Society(
        arena=sales, audience=audience("default"), llm=llm, sampling=Sampling(), seed=1, batch=count, bulk=bulk
    )
    anchors = [make_anchor(sales.anchor, fields) for fields in told]
    return IsolatedModel(
        rules, journal, Stage(anchors, [NamedPolicy("a"), NamedPolicy("b")], voters, "train", 1, "shared")
    )


def stepped(model: Any, folder: Path, units: int) -> Cost:
    """Return what one step of a model costs."""
    before = on_disk(folder)
    began = time.process_time()
    model.step()
    took = time.process_time() - began
    model.journal.log.close()
    return Cost(units, took, on_disk(folder) - before)


def on_disk(folder: Path) -> int:
    """Return the bytes of a log's own files."""
    return sum(path.stat().st_size for path in (folder / "log").iterdir() if path.is_file())


def messages(folder: Path, size: int) -> Cost:
    """Let the pocket model write ``size`` messages, in batches of 128, with four members to read them."""
    from abm.llm.local.backend import TransformersLLM

    llm = TransformersLLM("pocket", device="cpu")
    contests(folder.parent / "first", 4, 2, llm, 5_000).step()  # what is loaded when it is first used
    return stepped(contests(folder, 4, size // 2, llm, 5_000), folder, size)


def scripted() -> ScriptedLLM:
    """Return a writer that costs nothing."""
    return ScriptedLLM(lambda request: f"<think>plan</think><sales_pitch>{TEXT}</sales_pitch>")


def single_votes(folder: Path, size: int) -> Cost:
    """Let ``size`` members vote as single reactions, 32 contests each 1/32 of them."""
    contests(folder.parent / "first", 6_000, 1, scripted(), 1).step()  # numba compiles
    return stepped(contests(folder, size // 32, 32, scripted(), 10**9), folder, size)


def bulk_votes(folder: Path, size: int) -> Cost:
    """Let ``size`` members vote in one contest, as columns."""
    contests(folder.parent / "first", 6_000, 1, scripted(), 1).step()  # numba compiles
    return stepped(contests(folder, size, 1, scripted(), 1), folder, size)


def views(folder: Path, size: int) -> Cost:
    """Hold four contests before ``size`` members on a graph of mean degree 6, and count members times rounds."""
    settings = NetworkConfig(together=4)
    held = networked(folder, size, settings)
    held.step()  # numba compiles
    return stepped(held, folder, size * settings.rounds)


def trainings(folder: Path, size: int) -> Cost:
    """Learn a pocket adapter from ``size`` contests by RFT."""
    from learning.methods import training_set
    from learning.methods.synthetic import contest, log
    from learning.training.settings import lora_settings
    from learning.training.trainer import LoRATrainer

    def learnt(count: int) -> str:
        votes = log(*(contest(f"a{i}", [1, 1, i % 2], orders=[[0, 1], [1, 0], [1, 0]]) for i in range(count)))
        rows = training_set(votes, "rft", source_arm="shared", epoch=1, arena=arena("sales"), seed=1)
        settings = lora_settings("pocket", {})
        trainer = LoRATrainer("pocket", folder)
        return trainer.train(rows, parent="", settings=settings, seed=1, lineage={}).adapter

    learnt(4)  # imports what trains
    began = time.process_time()
    adapter = learnt(size)
    took = time.process_time() - began
    return Cost(size, took, sum(path.stat().st_size for path in (folder / adapter).iterdir()))


def appended(folder: Path, size: int) -> Cost:
    """Append ``size`` events of a run of many reactions, journal and fold among the work."""
    began = time.process_time()
    events = resume.write(folder, size)
    return Cost(events, time.process_time() - began, on_disk(folder))


def written(folder: Path, size: int) -> None:
    """Write such a log, in a process of its own: its memory is not that of who reads it."""
    process = FORK.Process(target=resume.write, args=(folder, size))
    process.start()
    process.join()


def folded(folder: Path, size: int) -> Cost:
    """Fold such a log again."""
    written(folder, size)
    began = time.process_time()
    events = replay(folder, verify=True).events
    return Cost(events, time.process_time() - began)


def parquet(folder: Path, size: int) -> Cost:
    """Make such a log into Parquet, one file per type of event."""
    from abm.log.export import export

    written(folder, size)
    began = time.process_time()
    rows = export(folder, "parquet", folder.parent / "parquet")
    took = time.process_time() - began
    return Cost(
        sum(rows.values()), took, sum(path.stat().st_size for path in (folder.parent / "parquet").rglob("*.parquet"))
    )


def planned(folder: Path, size: int) -> Cost:
    """Work out a study's page of ``size`` cells, each a whole checked set of settings of its own."""
    epochs = list(range(1, size // 6 + 1))
    levels = {"arena": ["sales", "elections", "social"], "audience": ["default", "neutral"], "epochs": epochs}
    page = page_of({"name": "scale", "cross": levels, "seeds": 1})
    began = time.process_time()
    planned_cells = cells_of(page)
    return Cost(len(planned_cells.cells), time.process_time() - began)


class AtOnce:
    """An engine whose workers have nothing to do, and say at once that they have ended: what is left is the controller's own work."""

    name, threads = "at-once", 1

    def __init__(self) -> None:
        self._ended: list[TaskEnd] = []

    def room(self, needs: Needs) -> int:
        """Return that one task at a time may be started."""
        return 1 - len(self._ended)

    def start(self, task: Task) -> None:
        """Write down that a task has ended."""
        write_outcome(Layout(task.study).outcome(task.cell, task.attempt), AttemptEnded("h", "d", 1, 1.0, 0))
        self._ended.append(TaskEnd(task))

    def ended(self, timeout: float) -> list[TaskEnd]:
        """Return the task that was started."""
        ended, self._ended = self._ended, []
        return ended

    def fewer(self) -> bool:
        """Return that fewer are not possible."""
        return False

    def stop(self, tasks: list[Task], *, kill: bool = False) -> None:
        """Do nothing: no task goes on."""

    def close(self) -> None:
        """Do nothing."""


def carried_out(folder: Path, size: int) -> Cost:
    """Carry out a study of ``size`` cells whose workers have nothing to do: claims, settings, outcomes and the study's log."""
    cells = {cell.name: cell for cell in cells_of(page_of({"name": "scale", "seeds": size})).cells}
    log = StudyLog(folder)
    planned = [
        PlannedCell(cell=name, factors={}, seed=cell.seed, settings=cell.settings) for name, cell in cells.items()
    ]
    log.begin(StudyPlanned(name="scale", page={}, page_id="p", cells=planned, versions={}))
    began = time.process_time()
    Controller(log, cells, AtOnce()).run()
    took = time.process_time() - began
    if {cell.state for cell in log.state().cells.values()} != {"ended"}:
        raise SystemExit("cells are left")
    return Cost(size, took, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()))


class Measured(NamedTuple):
    """A figure: how a unit is called, at which sizes, by what; and by how much its slope may grow."""

    unit: str
    sizes: tuple[int, int, int]
    work: Callable[[Path, int], Cost]
    most: float = 1.5


FIGURES = {
    "messages": Measured("message", (128, 256, 384), messages),
    "single votes": Measured("vote", (8_000, 16_000, 32_000), single_votes),
    "votes in columns": Measured("vote", (1_000_000, 2_000_000, 4_000_000), bulk_votes),
    "networked": Measured("member and round", (12_500, 25_000, 50_000), views),
    "training": Measured("contest", (24, 48, 96), trainings),
    "append": Measured("event", (130_000, 260_000, 520_000), appended),
    "fold": Measured("event", (50_000, 100_000, 200_000), folded),
    "Parquet": Measured("event", (50_000, 100_000, 200_000), parquet),
    "plan": Measured("cell", (120, 360, 1_080), planned),
    "study": Measured("cell", (250, 500, 1_000), carried_out),
}


def once(name: str, size: int, pipe: Any) -> None:
    """Measure one size in this process, and send what it cost."""
    before = memory_mb("VmRSS")
    with tempfile.TemporaryDirectory() as temporary:
        cost = FIGURES[name].work(Path(temporary) / "run", size)
        pipe.send({**cost._asdict(), "peak": memory_mb("VmHWM") - before})


def alone(name: str, size: int) -> dict[str, float]:
    """Measure one size in a process of its own, which has this one's imports."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=once, args=(name, size, theirs))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        raise SystemExit(f"{name}, {size}: the process ended early") from None
    finally:
        process.join()


def slope(points: list[dict[str, float]], what: str) -> float:
    """Return by how much ``what`` grows with a unit."""
    return float(np.polyfit([point["units"] for point in points], [point[what] for point in points], 1)[0])


def figure(name: str) -> dict[str, Any]:
    """Return a line of the report."""
    of = FIGURES[name]
    points = [alone(name, size) for size in of.sizes]
    seconds = slope(points, "seconds")
    lower, upper = slope(points[:2], "seconds"), slope(points[1:], "seconds")
    ratio = upper / lower if lower > 0 else float("inf")
    return {
        "name": name,
        "value": round(1e6 * seconds, 3),
        "unit": f"µs of CPU per {of.unit}",
        "bytes": round(slope(points, "nbytes"), 2),
        "memory": round(1e6 * slope(points, "peak"), 1),
        "peak_mb": round(points[-1]["peak"], 1),
        "sizes": [int(point["units"]) for point in points],
        "seconds": [round(point["seconds"], 3) for point in points],
        "rival": f"between the smaller sizes: {1e6 * lower:.3f}",
        "ratio": round(ratio, 2),
        "goal": f"<= {of.most}x",
        "ok": ratio <= of.most,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--only", action="append", choices=FIGURES, help="this figure; may be given again")
    given = parser.parse_args()
    import polars  # noqa: F401  # an import too, though the log makes it later

    for name in given.only or FIGURES:
        each = figure(name)
        if given.json:
            print(json.dumps(each), flush=True)
            continue
        print(
            f"{name:18} {each['value']:>12,} {each['unit']:32} {each['bytes']:>10,} B {each['memory']:>10,} B of memory"
            f"  {each['ratio']:>5}x {each['rival']}  goal {each['goal']}: {'ok' if each['ok'] else 'MISSED'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
