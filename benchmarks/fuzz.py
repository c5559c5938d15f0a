"""Odd inputs of every kind that a user gives, by the hundred thousand: each is taken, or refused in one sentence.

Covers: settings, ``--set``, pages of studies, servers, arenas, audiences, questionnaires, batteries, mappings, people, graphs, anchors, sheets of
labels, answers of people, packs, records of runs, and whole logs whose sums are right; how they are drawn is in ``tests/fuzz``. Anything but
success or an error of ours is a failure: another exception, more than 30 seconds, more than 4 GB. ::

    python benchmarks/fuzz.py                                   # 2,000 inputs, under a minute
    python benchmarks/fuzz.py --count 100000 --seed 7           # the long form
    python benchmarks/fuzz.py --only page settings --count 5000
    python benchmarks/fuzz.py --only page --input 4711          # one input again: printed, and with its traceback

Exit code 1 where anything failed. With ``--json`` a line per figure.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from random import Random

sys.path[0] = str(Path(__file__).resolve().parents[1])

from tests.fuzz.entries import ENTRIES  # noqa: E402
from tests.fuzz.entry import Entry, taken  # noqa: E402

MEMORY = 4 * 2**30
"""Bytes beyond what is held at the beginning; what wants more gets a ``MemoryError``."""
SHOWN = 5
"""Failures of a kind that are printed."""


def drawn(entry: Entry, seed: int, i: int) -> bytes:
    """Return an input of a kind by its number."""
    return entry.draw(Random(f"{seed}/{entry.name}/{i}"))


def tried(entry: Entry, count: int, seed: int, folder: Path) -> Counter[str]:
    """Return how many inputs of a kind were taken, refused and failed; print the first failures."""
    found: Counter[str] = Counter()
    for i in range(count):
        try:
            found["taken" if taken(entry, drawn(entry, seed, i), folder) else "refused"] += 1
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            found["failed"] += 1
            if found["failed"] <= SHOWN:
                where = traceback.extract_tb(error.__traceback__)[-1]
                said = f"{type(error).__name__}: {error}"[:300]
                place = f"{Path(where.filename).name}:{where.lineno}"
                print(f"{entry.name} --input {i} --seed {seed}: {place}: {said}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Draw, read, count."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--count", type=int, default=2_000, help="inputs in all; kinds get shares by what they cost")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--only", nargs="+", choices=list(ENTRIES), default=list(ENTRIES))
    asked.add_argument("--input", type=int, help="one input by its number")
    asked.add_argument("--json", action="store_true", help="a line per figure")
    given = asked.parse_args()
    warnings.simplefilter("ignore")
    entries = [ENTRIES[name] for name in given.only]
    with tempfile.TemporaryDirectory() as folder:
        if given.input is not None:
            data = drawn(entries[0], given.seed, given.input)
            print(data.decode("utf-8", "backslashreplace"))
            print("taken" if taken(entries[0], data, Path(folder)) else "refused")
            return
        for entry in entries:
            taken(entry, drawn(entry, given.seed, 0), Path(folder))  # what is imported is imported now
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, resource.RLIM_INFINITY))
        weights = {entry.name: 1 / entry.cost for entry in entries}
        failed = 0
        for entry in entries:
            place = Path(folder) / str(len(list(Path(folder).iterdir())))
            place.mkdir()
            count, began = round(given.count * weights[entry.name] / sum(weights.values())), time.process_time()
            found = tried(entry, count, given.seed, place)
            failed += found["failed"]
            seconds = time.process_time() - began
            if given.json:
                told = {
                    "name": f"fuzz: {entry.name}, failures of {count:,}",
                    "value": found["failed"],
                    "unit": "inputs",
                }
                print(
                    json.dumps(told | {"rival": None, "ratio": None, "goal": 0, "ok": not found["failed"]}), flush=True
                )
            else:
                counts = f"{found['taken']:>7,} taken {found['refused']:>7,} refused {found['failed']:>5,} failed"
                print(
                    f"{entry.name:<20} {count:>7,}: {counts}   {1000 * seconds / max(count, 1):.1f} ms each", flush=True
                )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
