"""Model personas of a networked society on a vLLM server: all of a round at once, against one call after the other.

Covers: the reading calls of a small society (the pocket model, answers held to the form), tokens written per second, and the share
of prompt tokens that the server's prefix cache had. Both ways ask the same calls of one server; which goes first changes with the
round, and every round has seeds of its own, so that no answer is cached. Needs vLLM: run it with ``.venv-engine/bin/python``, which
``make .venv-engine/.ready`` makes. ``--json`` prints one line per figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path[0] = str(Path(__file__).resolve().parents[1])

SETTINGS = {
    "audience": "llm", "world": "networked", "epochs": 1, "train_anchors": 2, "held_out_anchors": 2, "train_personas": 12,
    "held_out_personas": 12, "arms": ["placebo"], "ties": "random", "lora": {"repeat": 1},
    "reader": {"max_tokens": 400, "temperature": 1.0},
    "network": {
        "rounds": 3, "together": 1, "followers": 1.0, "feed": {"slots": 1}, "memory": {"characters": 200}, "posts": {"characters": 40},
    },
}  # fmt: skip
ALL = 64
"""Calls at once, at most."""


class Served(NamedTuple):
    """What a society's calls came to: tokens written per second of asking, and the share of prompt tokens from the cache."""

    rate: float
    cached: float


def measured(url: str, counted: object, at_once: int, seed: int) -> Served:
    """Carry out a society and return how it was served."""
    from abm.events import CallsServed
    from abm.log import read_events
    from learning import load_config, run

    serving = {"llm": url, "server": {"concurrency": at_once}}
    with tempfile.TemporaryDirectory() as folder:
        before = [counted(name) for name in ("hits", "queries")]  # type: ignore[operator]
        run(load_config(None, SETTINGS | {"seed": seed, "serving": serving}), Path(folder) / "run")
        hits, queries = (counted(name) - was for name, was in zip(("hits", "queries"), before, strict=True))  # type: ignore[operator]
        served = [event for event in read_events(Path(folder) / "run") if isinstance(event, CallsServed)]
    return Served(
        sum(each.tokens_out for each in served) / sum(each.seconds for each in served), hits / max(queries, 1)
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    given = parser.parse_args()
    from abm.llm.folders import model_folder
    from tests.engine.conftest import Server
    from tests.engine.test_society import counted

    server = Server(model_folder("pocket"))
    server.start()
    try:
        found: dict[int, list[Served]] = {ALL: [], 1: []}
        for number in range(given.rounds):
            for at_once in (ALL, 1) if number % 2 == 0 else (1, ALL):
                seed = 2 * number + (at_once == 1) + 1
                found[at_once].append(
                    measured(server.url, lambda name: counted(server, f"prefix_cache_{name}_total"), at_once, seed)
                )
    finally:
        server.kill()
    together, alone = (statistics.median(each.rate for each in found[n]) for n in (ALL, 1))
    cached = statistics.median(each.cached for each in found[ALL])
    lines = [
        {"name": "society, a round at once", "value": round(together, 1), "unit": "tokens/s", "rival": f"one by one: {alone:.1f}",
         "ratio": round(together / alone, 2), "goal": 1.0, "ok": together >= alone},
        {"name": "society, prompt tokens from the prefix cache", "value": round(cached, 3), "unit": "share", "rival": "none: 1",
         "ratio": round(cached, 3), "goal": 0.2, "ok": cached >= 0.2},
    ]  # fmt: skip
    for line in lines:
        print(
            json.dumps(line)
            if given.json
            else f"{line['name']}: {line['value']} {line['unit']} ({line['rival']}; {line['ratio']}x)"
        )


if __name__ == "__main__":
    main()
