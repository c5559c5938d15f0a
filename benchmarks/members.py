"""What a user's own members cost: a tenth of a crowd decides by itself, one by one, against a crowd without them.

Covers: a whole step of an isolated society (one contest of two texts, model, journal, digest, state and its hash, durably
logged) and a step of a networked one (four contests that share the feeds, four rounds), before 10^5 members, a tenth of
whom are of a class that overrides ``react``; the rival is the same step with the same members of the usual class. The own
class looks at the order in which its member saw the texts and hears the audience first, as ``docs/mesa.md`` shows it. Rounds
of all sides alternate; a figure is the median of the rounds. The first step of each society, which makes the agents, is a
figure of its own. Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import audience
import msgspec
import networked

from abm.worlds import MEMBERS, IsolatedModel, Member, Model, NetworkedModel
from abm.worlds.networked.settings import NetworkConfig

ROUNDS = 7
MEMBERS_EACH = 100_000
SHARE = 0.1
GOAL = 2.0


@MEMBERS.register("loyal")
class Loyal(Member):
    """Takes what stood first, unless the audience would choose nothing."""

    def react(self, offer):
        if super().react(offer) < 0:
            return -1
        return offer.order(self)[0]


def with_own(model: IsolatedModel | NetworkedModel, share: float) -> Model:
    """Return the same model with a share of members of their own class."""
    society = msgspec.structs.replace(model.society, members={"loyal": share})
    if isinstance(model, NetworkedModel):
        return NetworkedModel(society, model.journal, model.stage, model.network)
    return IsolatedModel(society, model.journal, model.stage)


def isolated_world(folder: Path, members: int) -> IsolatedModel:
    """Return a society of the isolated world with one contest a step."""
    return audience.society(folder, audience.crowd(members), ROUNDS + 1)


def networked_world(folder: Path, members: int) -> NetworkedModel:
    """Return a society of the networked world with four contests a step."""
    return networked.society(folder, members, NetworkConfig(together=networked.CONTESTS), ROUNDS + 1)


def figures(folder: Path, members: int) -> list[dict]:
    """Hold the steps of both worlds with and without own members, alternately."""
    lines = []
    for make in (isolated_world, networked_world):
        name = make.__name__.replace("_", " ")
        sides = {
            "none": make(folder / f"{make.__name__}-none", members),
            "own": with_own(make(folder / f"{make.__name__}-own", members), SHARE),
        }
        took: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(ROUNDS + 1):
            for side, model in sides.items():
                began = time.perf_counter()
                model.step()
                took[side].append((time.perf_counter() - began) * 1e3)
        what = f"{name}, {members:,} members, {SHARE:.0%} of a class of their own"
        lines.append(line(f"a step, {what}", median(took["own"][1:]), median(took["none"][1:]), GOAL))
        lines.append(line(f"the first step, which makes the agents, {what}", took["own"][0], took["none"][0], None))
        for model in sides.values():
            model.journal.log.close()
    return lines


def line(name: str, value: float, rival: float, goal: float | None) -> dict:
    """Return one line of the report, of times in ms; ``ok`` where ours is at most ``goal`` times the rival's."""
    ratio = value / rival
    return {
        "name": name,
        "value": round(value, 1),
        "unit": "ms",
        "rival": f"no such members: {rival:.1f}",
        "ratio": round(ratio, 3),
        "goal": "none" if goal is None else f"<= {goal}x",
        "ok": goal is None or ratio <= goal,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--members", type=int, default=MEMBERS_EACH)
    parser.add_argument("--dir", default=None, help="a folder on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as temporary:
        lines = figures(Path(temporary), options.members)
    for each in lines:
        if options.json:
            print(json.dumps(each))
        else:
            verdict = "ok" if each["ok"] else "MISSED"
            print(
                f"{each['name']:96} {each['value']:>8,} ms {each['ratio']:>6}x  {each['rival']}  goal {each['goal']}: {verdict}"
            )


if __name__ == "__main__":
    main()
