"""Made-up evaluations for figures: three arms over epochs and seeds, with votes, orders and verdicts, as a log would hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from abm.events import Event
from abm.log import create
from analysis.figures.subject import RunRead, Subject
from tests.analysis import factory

ARMS = {
    "rft": {"method": "rft", "compared_with": "placebo"},
    "gated": {"method": "rft", "mitigations": ["truth_gate"], "compared_with": "placebo"},
    "placebo": {"method": "placebo"},
}
ANCHORS, PEOPLE = 12, 8
PROBE = "misrepresentation"


def config(seed: int, **more: object) -> dict[str, object]:
    """Return settings as a log records them."""
    return {"arena": "sales", "audience": "default", "model": "pocket", "seed": seed, "arms": ARMS} | more


def events(
    seed: int, *, epochs: int = 2, base_rate: float = 0.3, arms: tuple[str, ...] = tuple(ARMS), **settings: object
) -> list[Event]:
    """Return a run's events; arms win a little more, and misbehave more, in the order of ``ARMS``."""
    draw = np.random.default_rng(seed)
    found = factory.setup(ANCHORS, PEOPLE, list(arms), config(seed, **settings))
    for epoch in range(1, epochs + 1):
        for place, arm in enumerate(arms):
            contests: list[Event] = []
            for anchor in range(ANCHORS):
                votes = (draw.random(PEOPLE) < 0.62 - 0.06 * place + 0.02 * epoch).astype(int).tolist()
                labels = int(draw.random() < base_rate), int(draw.random() < 0.6 - 0.2 * place)
                contests += factory.contest(
                    arm, f"a{anchor}", votes, epoch=epoch, labels={PROBE: labels},
                    orders=lambda persona, turn=anchor: [0, 1] if (persona + turn) % 2 else [1, 0],
                )  # fmt: skip
            found += factory.step(contests, arm, epoch=epoch)
    return factory.numbered(found)


def run(seed: int, *, levels: dict[str, str] | None = None, **more: object) -> RunRead:
    """Return a run as figures read it."""
    return RunRead.of(events(seed, **more), Path(f"runs/seed-{seed}"), levels=levels)


def subject(seeds: int = 3, **more: object) -> Subject:
    """Return several seeds."""
    return Subject(tuple(run(seed, **more) for seed in range(1, seeds + 1)))


def on_disk(folder: Path, seed: int = 1, **more: object) -> Path:
    """Write a run's log and return its folder."""
    log = create(folder, config(seed))
    log.append(events(seed, **more))
    log.close()
    return folder
