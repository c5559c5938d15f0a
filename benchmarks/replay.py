"""What ``moloch replay --verify`` costs in a networked world: folding the log, and deciding everything again.

Covers: a run of two arms whose members, as single reactions, read feeds that hold every message of a step: its log folded (every
state hash and the digest checked), and each decision taken again from recorded answers. The rival is the first release: all messages in
the feeds were gone through at every reaction, and members' draws about each message were made apart. Both sides read the
same log, alternately, in this process, and must reach the same digest; times are of CPU. Messages are fixed texts and a
training names its data: no language model runs. Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from abm.journal import LiveJournal, replay
from abm.llm import ScriptedLLM
from abm.log import create
from abm.state import feeds
from abm.state.platform import CHOSEN, Platform
from learning import load_config
from learning.methods import TrainingSet
from learning.runs.inputs import gather
from learning.runs.loop import Loop
from learning.runs.redecide import replay_recorded
from learning.training.trainer import Trained
from moloch import keyed
from moloch.content import content_id

ROUNDS = 3
TEXTS = (
    "Meet the lamp. It weighs 755 grams. Your family will enjoy it.",
    "This is the lamp. It reaches a stunning 400 metres! Experts guarantee that it never fails!",
)


class NamedByData:
    """A trainer that learns nothing and names an adapter after what it would have learnt from."""

    def train(self, data: TrainingSet, *, parent: str, seed: int, **_: Any) -> Trained:
        name = content_id([data.digest, parent, seed])
        return Trained(name, len(data.rows), 0, tokens=1, steps=1, loss_before=1.0, loss_after=1.0)


def write(folder: Path, members: int, contests: int) -> None:
    """Hold a networked run of so many members and training contests, all of a step's contests in the same feeds."""
    settings = {
        "world": "networked", "crowd": {"size": members}, "arms": ["rft", "placebo"], "epochs": 1, "batch": 32,
        "train_anchors": contests, "held_out_anchors": contests // 2, "train_personas": 8, "held_out_personas": 8,
        "network": {"together": 32},
    }  # fmt: skip
    config = load_config(None, settings)
    llm = ScriptedLLM(lambda request: f"<think>x</think><sales_pitch>{TEXTS[request.seed % 2]}</sales_pitch>")
    with create(folder, config.model_dump(mode="json")) as log:
        Loop(config, gather(config), LiveJournal(log), llm, NamedByData()).run()


def _gone_through(platform: Platform, contest: str, personas: Any, slots: Any) -> None:
    """Let others see what members chose, as it was done before: by going through all messages in the feeds."""
    posts = platform.posts
    if posts is None:
        return
    rows = platform.rows(personas)
    for item, message in enumerate(posts.messages):
        if message.rsplit("/", 1)[0] == contest:
            who = rows[slots == posts.slots[item]]
            who = who[(posts.seen[item, who] & feeds.ENDORSED) == 0]
            posts.seen[item, who] |= CHOSEN
            feeds._endorse(platform, posts, np.full(len(who), item), who)


def _drawn_apart(ids: Any, which: Any, places: Any) -> Any:
    """Return draws of places (:func:`moloch.keyed.uniforms_by`) as they were made before: one place after the other."""
    out = np.empty(len(ids))
    for row, place in enumerate(places):
        at_place = which == row
        if at_place.any():
            out[at_place] = keyed.uniforms(ids[at_place], *place)
    return out


@contextmanager
def as_before() -> Iterator[None]:
    """Fold and draw as it was done before."""
    now, together = (feeds.chosen, feeds.chosen_by), keyed.uniforms_by
    keyed.uniforms_by = _drawn_apart
    feeds.chosen = _gone_through
    feeds.chosen_by = lambda platform, contest, persona, slot: _gone_through(
        platform, contest, np.array([persona]), np.array([slot])
    )
    try:
        yield
    finally:
        feeds.chosen, feeds.chosen_by = now
        keyed.uniforms_by = together


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return CPU seconds, and what the work gave."""
    began = time.process_time()
    done = work()
    return time.process_time() - began, done


def figures(folder: Path, members: int, contests: int) -> list[dict[str, Any]]:
    """Return the lines of the report."""
    write(folder, members, contests)
    sides: dict[str, list[tuple[float, float]]] = {"now": [], "before": []}
    events, digests = 0, set()
    for _ in range(ROUNDS):
        for side, times in sides.items():
            if side == "before":
                with as_before():
                    fold, found = timed(lambda: replay(folder, verify=True))
                    decide, again = timed(lambda: replay_recorded(folder, probes=lambda arena: []))
            else:
                fold, found = timed(lambda: replay(folder, verify=True))
                decide, again = timed(lambda: replay_recorded(folder, probes=lambda arena: []))
            if again.divergence or not again.complete:
                raise SystemExit(f"{side}: {again}")
            digests.add(found.digest)
            events = found.events
            times.append((fold, decide))
    if len(digests) > 1:
        raise SystemExit("the two ways give different states")
    now, before = ([median(part) for part in zip(*sides[side], strict=True)] for side in ("now", "before"))
    return [
        line(f"fold, {events:,} events", now[0], before[0], 2),
        line("decide again", now[1], before[1], 2),
        line("replay --verify", sum(now), sum(before), 2),
    ]


def line(name: str, now: float, before: float, goal: float) -> dict[str, Any]:
    """Return one line of the report; ``ok`` where it is at least ``goal`` times as fast as before."""
    ratio = before / now
    return {
        "name": name, "value": round(now, 2), "unit": "s of CPU", "rival": f"as before: {before:.2f}", "ratio": round(ratio, 2),
        "goal": f">= {goal}x", "ok": ratio >= goal,
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--members", type=int, default=800)
    parser.add_argument(
        "--contests", type=int, default=96, help="to train on; to evaluate on, half as many for each arm"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for each in figures(Path(temporary) / "run", given.members, given.contests):
            if given.json:
                print(json.dumps(each))
            else:
                verdict = "ok" if each["ok"] else "MISSED"
                print(
                    f"{each['name']:24} {each['value']:>8,} {each['unit']} {each['ratio']:>6}x  {each['rival']}"
                    f"  goal {each['goal']}: {verdict}"
                )


if __name__ == "__main__":
    main()
