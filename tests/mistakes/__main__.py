"""Print how every mistake is answered: ``python -m tests.mistakes [DOOR...] [--find TEXT]``."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.mistakes.doors import DOORS
from tests.mistakes.mistake import carry_out, complaints


def main() -> None:
    """Print each mistake, what it came to, and what is wrong with that."""
    asked = argparse.ArgumentParser()
    asked.add_argument("doors", nargs="*", default=list(DOORS))
    asked.add_argument("--find", default="")
    given = asked.parse_args()
    for door in given.doors:
        for i, mistake in enumerate(DOORS[door], 1):
            if given.find not in mistake.did + mistake.typed:
                continue
            with tempfile.TemporaryDirectory() as folder:
                print(f"\n[{door} {i}] {mistake.did}\n$ moloch {mistake.typed}", flush=True)
                outcome = carry_out(mistake, Path(folder) / "here")
            print(f"{outcome.out[:600]}{outcome.err.rstrip()}\n=> {outcome.code}, {outcome.seconds:.2f} s")
            for complaint in complaints(mistake, outcome):
                print(f"!! {complaint}")


if __name__ == "__main__":
    main()
