"""One page carried out undisturbed, under kills, and on a Ray cluster that loses a node: all come to the same.

Covers: a study of the pocket model, 3 arenas x 2 audiences x seeds, as ``moloch study run`` carries it out: by two processes of this machine;
by the same command whose controllers and workers are killed (SIGKILL) at moments that are drawn, and which is given again until it ends;
on a real cluster of two Ray nodes on this machine, of which one dies in the middle of a cell and is replaced. Each is in a workspace of its
own, so that none takes finished runs of another. Of each: cells, seconds, kills, answers that were asked for again though they were durable
(the promise: none), and whether all seven frames equal the undisturbed ones in every row (``moloch compare A B --frames``). ::

    python benchmarks/study_kills.py                    # one seed, 6 cells, undisturbed and under kills
    python benchmarks/study_kills.py --seeds 4 --part undisturbed kills ray --folder DIR    # 24 cells; parts may be run one by one

It says nothing about language models. Exit code 1 where anything differs or was paid twice. With ``--json`` a line per execution.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import msgspec  # noqa: E402
import yaml  # noqa: E402

from analysis.studies.frames.equality import equal_frames  # noqa: E402
from analysis.studies.record.study_log import StudyLog  # noqa: E402
from tests.support.booked import repaid  # noqa: E402
from tests.support.kills import StudyCommand, kill_of_node  # noqa: E402

SIZE = {"epochs": 1, "train_anchors": 12, "held_out_anchors": 12, "train_personas": 8, "held_out_personas": 8}
BOOKED = {"extensions": ["tests.support.booked"], "serving": {"llm": "booked"}}
CROSS = {"arena": ["sales", "elections", "social"], "audience": ["default", "neutral"]}
PARTS = ("undisturbed", "kills", "ray")
MIDDLE = 100
"""Events that a cell has in its log before its node dies."""


class Execution(msgspec.Struct, frozen=True):
    """What one execution came to.

    Attributes:
        part: one of :data:`PARTS`.
        cells: that ended; ``failures``: attempts of them that did not.
        seconds: from the first command to the end of the last.
        kills: what -> how often; ``commands``: that were given.
        answers: that models were asked for; ``repaid``: again, though they were durable; ``lost``: again, after a kill met them on their way.
        rows: of all frames; ``differences``: from the undisturbed execution.
    """

    part: str
    cells: int
    failures: int
    seconds: float
    kills: dict[str, int]
    commands: int
    answers: int
    repaid: int
    lost: int
    rows: int
    differences: list[str]

    @property
    def is_good(self) -> bool:
        """Whether it came to the same, and paid nothing twice."""
        return not self.differences and not self.repaid

    def __str__(self) -> str:
        killed = ", ".join(f"{times} x {what}" for what, times in sorted(self.kills.items())) or "none"
        told = f"NOT EQUAL: {'; '.join(self.differences[:5])}" if self.differences else "equal"
        return (
            f"{self.part}: {self.cells} cells in {self.seconds:.0f} s; killed: {killed}; {self.commands} commands, {self.failures} attempts "
            f"failed; {self.answers:,} answers, {self.repaid} repaid, {self.lost} lost on their way; {self.rows:,} rows of frames: {told}"
        )


class Executions:
    """Carries one page out, in a folder for each part.

    Args:
        folder: holds them; what an earlier call left there is what others are held against.
        seeds: of the page.
        kills: of controllers, and as many of workers.
        draw: seed of who is killed, and when.
    """

    def __init__(self, folder: Path, seeds: int, kills: int, draw: int) -> None:
        self._folder, self._kills, self._draw = folder, kills, draw
        self._page = folder / "page.yaml"
        base = SIZE | {"arms": ["rft", "placebo"]} | BOOKED
        self._page.write_text(yaml.safe_dump({"name": "kills", "base": base, "cross": CROSS, "seeds": seeds}), "utf-8")

    def carry_out(self, part: str) -> Execution:
        """Carry one part out, and hold it against the undisturbed one."""
        match part:
            case "undisturbed":
                return self._done(part, ["--jobs", "2"], lambda command: command.carry_out([], 0))
            case "kills":
                plan = ["controller", "worker"] * self._kills
                return self._done(part, ["--jobs", "2"], lambda command: command.carry_out(plan, self._while))
            case _:
                return self._on_two_nodes(part)

    def _on_two_nodes(self, part: str) -> Execution:
        from tests.support.ray_nodes import two_nodes

        with two_nodes() as nodes:
            kill = {"node": kill_of_node(nodes, self._study(part), MIDDLE)}
            options = ["--engine", "ray", "--ray-address", nodes.address]
            return self._done(part, options, lambda command: command.carry_out(["node"], self._while, kill))

    @property
    def _while(self) -> float:
        """Seconds in which kills come: most of those that it takes undisturbed."""
        return 0.7 * self.known().seconds

    def known(self) -> Execution:
        """Return what the undisturbed execution came to."""
        return msgspec.json.decode((self._folder / "undisturbed.json").read_bytes(), type=Execution)

    def _study(self, part: str) -> Path:
        return self._folder / part / "study"

    def _done(self, part: str, options: list[str], carried_out: Callable[[StudyCommand], float]) -> Execution:
        folder = self._study(part)
        folder.parent.mkdir(parents=True, exist_ok=True)
        command = StudyCommand(self._page, folder, options, random.Random(f"{self._draw} {part}"))
        seconds = carried_out(command)
        cells = StudyLog(folder).state().cells.values()
        answers, again, lost = repaid(folder)
        found = equal_frames(self._study("undisturbed"), folder)
        done = Execution(
            part, sum(cell.state == "ended" for cell in cells), sum(len(cell.failures) for cell in cells), seconds,
            dict(command.kills), command.begun, answers, again, lost, sum(found.rows.values()),
            [f"{each.frame} {each.cell} {each.column} row {each.row}: {each.a} | {each.b}" for each in found.differences],
        )  # fmt: skip
        (self._folder / f"{part}.json").write_bytes(msgspec.json.encode(done))
        return done


def figure(done: Execution, known: Execution) -> dict[str, object]:
    """Return an execution as benchmarks print theirs."""
    return {
        "name": f"{done.part}, {done.cells} cells", "value": round(done.seconds, 1), "unit": "s", "rival": f"undisturbed: {known.seconds:.1f}",
        "ratio": round(done.seconds / known.seconds, 2), "goal": "equal frames, 0 answers repaid", "ok": done.is_good,
    } | msgspec.to_builtins(done)  # fmt: skip


def main() -> int:
    """Carry parts out, and say what each came to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1, help="of the page: 6 cells for each")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=["undisturbed", "kills"])
    parser.add_argument("--kills", type=int, default=2, help="of controllers, and as many of workers")
    parser.add_argument("--draw", type=int, default=1, help="seed of who is killed, and when")
    parser.add_argument(
        "--folder", type=Path, help="keeps all that is carried out; parts that are missing may be added to it"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="moloch-") as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        executions = Executions(folder.absolute(), given.seeds, given.kills, given.draw)
        for part in given.part:
            done = executions.carry_out(part)
            good &= done.is_good
            print(json.dumps(figure(done, executions.known())) if given.json else done, flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
