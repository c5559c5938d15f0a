"""What it costs to go on with a run: memory and time of walking a log that holds everything already.

Covers: the peak memory of a resume, against holding the log's events in a list, and its growth from a log of a third of the
size; the speed of a resume, against folding the log with no program; and the answers of the first step asked for again,
which are read back from the log. Each side runs in a process of its own, and times are of its CPU. Rounds of the sides
alternate; the figure is the median of the rounds. The long form, ``--events 10_000_000``, has one round and holds
6 GB for the rival. Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from abm.events import ContestDecided, ContestOpened, MessagePublished, PersonasJoined, Reacted, StepEnded, StepStarted
from abm.journal import Journal, LiveJournal, replay
from abm.llm import Request, Sampling, ScriptedLLM
from abm.log import create, open_log

MEMBERS, CONTESTS = 20, 32
STEP = 2 + CONTESTS * (2 * 2 + 2 + MEMBERS)
"""Events of a step: two answers and two messages a contest, its opening and end, and a reaction of each member."""
ROUNDS = 5

TEXT = " ".join(f"word{i}" for i in range(100))
WHY = " ".join(f"reason{i}" for i in range(20))


class Program:
    """A run of contests, as a function of its number of steps; it knows nothing of what its log holds."""

    def __init__(self, journal: Journal) -> None:
        self.journal, self.asked = journal, 0
        self.llm = ScriptedLLM(self._answer, unit="batch")

    def run(self, steps: int) -> None:
        """Carry out all steps, or walk those that are logged."""
        names = [f"member {i}" for i in range(MEMBERS)]
        with self.journal.transaction():
            self.journal.emit(PersonasJoined(split="train", first=0, ids=names, names=names, texts=names, traits={}))
        for step in range(steps):
            contests = [f"train/1/shared/{step}-{i}" for i in range(CONTESTS)]
            started = StepStarted(step=step, phase="train", epoch=1, arm="shared")
            if not self.journal.skip_step(started, contests):
                self._step(step, started, contests)

    def ask(self, step: int, cause: int = 0) -> list[int]:
        """Ask for the answers of a step; return their places in the log."""
        sites = [f"write/{step}/{contest}/{slot}" for contest in range(CONTESTS) for slot in (0, 1)]
        requests = [Request(site, [{"role": "user", "content": site}], Sampling(), seed=1) for site in sites]
        return [reply.seq for reply in self.journal.ask(self.llm, requests, step=step, cause=cause)]

    def _answer(self, request: Request) -> str:
        self.asked += 1
        return f"{request.site}: {TEXT}"

    def _step(self, step: int, started: StepStarted, contests: list[str]) -> None:
        emit = self.journal.emit
        with self.journal.transaction():
            answers = iter(self.ask(step, emit(started)))
            for contest in contests:
                messages = [f"{contest}/{slot}" for slot in (0, 1)]
                for slot, message in enumerate(messages):
                    emit(
                        MessagePublished(
                            step=step, cause=next(answers), message=message, contest=contest, slot=slot, competitor="base",
                            anchor="a", adapter="", thinking="", text=TEXT,
                        )
                    )  # fmt: skip
                opened = emit(ContestOpened(step=step, contest=contest, anchor="a", messages=messages))
                where = {"step": step, "cause": opened, "contest": contest}
                for member in range(MEMBERS):
                    why = WHY if member % 10 == 0 else ""
                    emit(
                        Reacted(
                            **where, persona=member, order=[member % 2, 1 - member % 2], choice=member % 2, thought=why
                        )
                    )
                votes = [MEMBERS // 2] * 2
                emit(
                    ContestDecided(**where, votes=votes, abstained=0, invalid=0, outcome="tie", winner=-1, ties="skip")
                )
        with self.journal.transaction():
            emit(StepEnded(step=step, state_hash=self.journal.state.hash()))


def peak_mb() -> float:
    """Return the most memory that this process has held so far, in MB of 10^6 bytes (Linux)."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6


def resume(run: Path) -> dict[str, float]:
    """Walk the whole log as a resumed run does, then ask for the answers of its first step again."""
    with open_log(run, write=True) as log:
        before = peak_mb()
        began = time.process_time()
        program = Program(LiveJournal(log))
        program.run((log.head().seq - 1) // STEP)
        took = time.process_time() - began
        peak = peak_mb() - before
        began = time.process_time()
        places = program.ask(0)
        again = time.process_time() - began
        assert program.asked == 0 and max(places) < STEP, "an answer was paid for twice"
        return {"peak": peak, "rate": log.head().seq / took, "again": 1000 * again}


def held(run: Path) -> dict[str, float]:
    """Hold all events in a list."""
    log = open_log(run, write=False)
    before = peak_mb()
    events = list(log.read())
    return {"peak": peak_mb() - before, "events": len(events)}


def folded(run: Path) -> dict[str, float]:
    """Fold the log, with no program."""
    began = time.process_time()
    events = replay(run).events
    return {"rate": events / (time.process_time() - began)}


SIDES: dict[str, Callable[[Path], dict[str, float]]] = {"resume": resume, "held": held, "folded": folded}


def measured(side: str, run: Path) -> dict[str, float]:
    """Return what one side measures, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--side", side, "--dir", str(run)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def write(run: Path, events: int) -> int:
    """Write a log of about so many events; return their number."""
    with create(run, {}) as log:
        Program(LiveJournal(log)).run(max(1, events // STEP))
        return log.head().seq


def figures(folder: Path, events: int) -> list[dict]:
    """Return the lines of the report."""
    third, n = write(folder / "third", events // 3), write(folder / "log", events)
    rounds = 1 if events > 2_000_000 else ROUNDS
    walked, listed, passed, smaller = [], [], [], []
    for _ in range(rounds):
        walked.append(measured("resume", folder / "log"))
        passed.append(measured("folded", folder / "log"))
        smaller.append(measured("resume", folder / "third"))
    for _ in range(1 if rounds == 1 else 3):
        listed.append(measured("held", folder / "log"))

    def middle(sides: list[dict[str, float]], name: str) -> float:
        return median(side[name] for side in sides)

    peak, list_peak = middle(walked, "peak"), middle(listed, "peak")
    growth = max(0.0, peak - middle(smaller, "peak")) * 1e6 / (n - third)
    list_growth = list_peak * 1e6 / n
    rate, fold_rate, again = middle(walked, "rate"), middle(passed, "rate"), middle(walked, "again")
    return [
        line(f"peak of a resume, {n:,} events", peak, "MB", f"all events in a list: {list_peak:.1f}", peak / list_peak, 0.5),
        line("growth with the log", growth, "MB per 10^6", f"events in a list: {list_growth:.1f}", growth / list_growth, 0.1),
        line("time of a resume", 1e6 / rate, "s/10^6", f"folding alone: {1e6 / fold_rate:.2f}", fold_rate / rate, 1.3),
        line("64 answers of the first step again", again, "ms", f"the resume: {1000 * n / rate:.0f}", again * rate / n / 1000, 0.1),
    ]  # fmt: skip


def line(name: str, value: float, unit: str, rival: str, ratio: float, most: float) -> dict:
    """Return one line of the report; ``ok`` where the ratio to the rival is not above ``most``."""
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "rival": rival,
        "ratio": round(ratio, 3),
        "goal": f"<= {most}x",
        "ok": ratio <= most,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--dir", type=Path, default=None, help="a folder on the disk to measure")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(SIDES[options.side](options.dir)))
        return
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        lines = figures(Path(folder), options.events)
    for each in lines:
        if options.json:
            print(json.dumps(each))
        else:
            print(
                f"{each['name']:38} {each['value']:>9,} {each['unit']:12} {each['ratio']:>7}x  {each['rival']}"
                f"  goal {each['goal']}: {'ok' if each['ok'] else 'MISSED'}"
            )


if __name__ == "__main__":
    main()
