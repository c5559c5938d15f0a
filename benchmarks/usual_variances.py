"""How much outcomes usually vary: the defaults of ``moloch power`` (:mod:`analysis.studies.power.usual_variances`), from pilots in all arenas.

Takes the folder of a study whose cells differ in arena and seed, with arms that are compared with another. Effects of what belongs to a
seed, an anchor or a person alone are hard to tell from five seeds: their deviation is the larger one of the 80 % upper limit of all
arenas together and of the largest estimate of an arena; others are each arena's own estimate. A pilot's variance that is taken as it comes out makes
half of all studies too small (Browne, "On the use of a pilot sample for sample size determination", Statistics in Medicine 1995). Prints
standard deviations in points, a line for each outcome; with ``--json`` as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from analysis.statistics.components import Component, components, pair_sums  # noqa: E402
from analysis.studies.power.pilots import PilotRun, crossed, read_pilots  # noqa: E402
from analysis.tables.pooled import Measured  # noqa: E402

MEASURES = {
    "votes": ("from_comparator", "rate"),
    "strategy": ("from_comparator", "from_base"),
    "copying": ("from_comparator", "from_base"),
}
UPPER = 0.8


def lines(pilots: Sequence[PilotRun]) -> Iterator[dict[str, object]]:
    """Yield a line per arena, outcome and measure."""
    arenas = list(dict.fromkeys(pilot.arena for pilot in pilots))
    for kind, measures in MEASURES.items():
        for measure in measures:
            apart = {
                (arena, name): _components(pilots, [arena], kind, measure, name)
                for arena in arenas
                for name in _names(pilots, arena, kind, measure)
            }
            together = {each.ways: each for each in _components(pilots, arenas, kind, measure)}
            for (arena, name), own in apart.items():
                deviations = {}
                for each in own:
                    variance = each.variance
                    if len(each.ways) == 1:
                        largest = max(one.variance for of in apart.values() for one in of if one.ways == each.ways)
                        variance = max(largest, float(together[each.ways].quantiles(UPPER)))
                    deviations[",".join(map(str, each.ways))] = round(100 * variance**0.5, 1)
                yield {"arena": arena, "kind": kind, "outcome": name, "measure": measure, "sd_points": deviations}


def _names(pilots: Sequence[PilotRun], arena: str, kind: str, measure: str) -> list[str]:
    there = [each for pilot in pilots if pilot.arena == arena for each in pilot.values]
    return list(dict.fromkeys(each.name for each in there if (each.kind, each.measure) == (kind, measure)))


def _components(
    pilots: Sequence[PilotRun], arenas: Sequence[str], kind: str, measure: str, name: str = ""
) -> list[Component]:
    """Return the components of one outcome, or of all of a kind, over the arms that are compared with another."""
    sets = []
    for arena in arenas:
        of = [pilot for pilot in pilots if pilot.arena == arena]
        for outcome in [name] if name else _names(pilots, arena, kind, measure):
            for arm in dict.fromkeys(arm for pilot in of for arm in pilot.compared_with):
                measured = Measured(arm, kind, outcome, measure)
                sets.append(crossed({pilot.seed: pilot.values[measured] for pilot in of if measured in pilot.values}))
    return components(pair_sums(sets))


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pilots", type=Path, nargs="+", help="folders of studies or runs")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    for line in lines(read_pilots(given.pilots)):
        print(json.dumps(line) if given.json else " ".join(map(str, line.values())))


if __name__ == "__main__":
    main()
