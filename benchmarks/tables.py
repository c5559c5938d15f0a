"""What the tables of a crowd's votes cost, beside the run that they tell of: seconds of CPU and memory.

Covers: ``moloch run`` in the isolated world with 10^6 members per split, read by the default choice model, 16 training and 16
held-out anchors, one arm, every vote logged, the training of an adapter included: the whole command in a process of its own, as
``--json`` prints it, its seconds of CPU and its peak memory, of which the run's own part is named; then, in another process, the
tables alone from the finished log, against reading that log once (every byte verified, every event decoded), and their peak above
the imports, per vote counted. Seconds are of CPU, which other work on the machine moves least. Needs Linux and about 2 GB. Run it
with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])
sys.path.append(str(Path(__file__).resolve().parent))

from audience import _memory_mb as memory_mb  # noqa: E402
from networked import line  # noqa: E402

from abm.events import Reacted, ReactedMany  # noqa: E402
from abm.log import read_events  # noqa: E402
from learning import load_config  # noqa: E402

ANCHORS = 16


def whole(folder: Path, members: int) -> dict[str, float]:
    """Carry out the command in this process; return its seconds of CPU, the run's own of them, and both peaks in MB."""
    from analysis.cli.run import as_dict, carry_out
    from analysis.tables import results

    peaks, ran = [], []
    told = results.results

    def watched(events):
        peaks.append(memory_mb("VmHWM"))
        ran.append(time.process_time())
        return told(events)

    results.results = watched
    given = {"epochs": 1, "train_anchors": ANCHORS, "held_out_anchors": ANCHORS, "arms": ["rft"]}
    settings = load_config(None, given, [f"crowd.size={members}"])
    done, found = carry_out(settings, folder)
    json.dumps(as_dict(done, found))
    return {
        "cpu": time.process_time(), "run_cpu": ran[0], "peak": memory_mb("VmHWM"),
        "run_peak": peaks[0],
    }  # fmt: skip


def tables(folder: Path) -> dict[str, float]:
    """Make the tables in this process, three times by turns with a bare reading; return medians of CPU, and the peak."""
    import polars  # noqa: F401  # imports, not tables
    import scipy.stats  # noqa: F401

    from analysis.tables.results import results

    before, made, read = memory_mb("VmRSS"), [], []
    for _ in range(3):
        began = time.process_time()
        results(read_events(folder))
        made.append(time.process_time() - began)
        began = time.process_time()
        votes = sum(
            len(event.choices) if isinstance(event, ReactedMany) else isinstance(event, Reacted)
            for event in read_events(folder)
        )
        read.append(time.process_time() - began)
    return {"made": sorted(made)[1], "read": sorted(read)[1], "peak": memory_mb("VmHWM") - before, "votes": votes}


def figures(folder: Path, members: int) -> list[dict]:
    """Measure both, each in a process of its own."""
    run = _alone("whole", folder, members)
    told = _alone("tables", folder, members)
    after = run["cpu"] - run["run_cpu"]
    what = f"{members:,} members, {2 * ANCHORS} contests"
    return [
        line(f"the whole command, {what}", run["cpu"], "s", run["cpu"] / 30, "of 30 s of CPU", 1),
        line("  of it after the run", after, "s", after / run["run_cpu"], "of the run's own", 0.25),
        line("peak memory of the command", run["peak"], "MB", run["peak"] / 2_000, "of 2,000 MB", 1),
        line("  of the run, before the tables", run["run_peak"], "MB", run["peak"] / run["run_peak"], "of it at the end", 1.1),
        line(f"the tables, {told['votes']:,} votes", told["made"], "s", told["made"] / told["read"], "of reading the log once", 6),
        line("peak of the tables above imports", told["peak"], "MB", told["peak"] * 1e6 / told["votes"], "bytes a vote", 16),
    ]  # fmt: skip


def _alone(part: str, folder: Path, members: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--members", str(members), "--part", part, "--folder", str(folder)]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(found.stdout.splitlines()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--part", choices=["whole", "tables"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        found = whole(given.folder, given.members) if given.part == "whole" else tables(given.folder)
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as temporary:
        for found in figures(Path(temporary) / "run", given.members):
            if given.json:
                print(json.dumps(found))
            else:
                verdict = "ok" if found["ok"] else "MISSED"
                print(
                    f"{found['name']:52} {found['value']:>8,} {found['unit']:3} {found['ratio']:>6} {found['of']}",
                    end="",
                )
                print(f"  goal <= {found['goal']}: {verdict}")


if __name__ == "__main__":
    main()
