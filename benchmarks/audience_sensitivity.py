"""What an audience pays for misbehaviour: how much more often contests' winners misbehave than a random message does.

Covers: two messages about one anchor, as a writer writes them, before the 20 personas of a pack that train; the majority wins, and ties
are left out. A figure is the share of winners in which a probe of the arena finds something, less that of all messages of the same
contests, in points: what a learner is offered that learns from winners and not from random messages. So it is a property of audience,
writer and probe together; it says nothing about what a learner makes of it, and nothing about real readers. The rival is the neutral
audience, before the same messages. The interval holds the spread between contests: these people, new anchors and messages.

Messages are drawn from the grammar that the pocket model was trained on (default, seconds), or written by the pocket model itself
(``--writer pocket``, some minutes). Every pair has an anchor of its own. Run it with ``--json`` for one line per figure.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

sys.path[0] = str(Path(__file__).resolve().parents[1])

from abm.arenas import Arena, arena  # noqa: E402
from abm.arenas.anchors import Anchor, make_anchor  # noqa: E402
from abm.arenas.completions import Completion, parse_completion  # noqa: E402
from abm.audience import Voters, audience, choices, orders  # noqa: E402
from abm.llm import Request, Sampling  # noqa: E402
from abm.probe import kind_of  # noqa: E402
from analysis.probes import battery  # noqa: E402
from analysis.statistics.estimates import Estimate, mean_of  # noqa: E402
from learning.pocket.grammar import draft, plan, write  # noqa: E402
from populations import load_personas, trait_matrix  # noqa: E402

PAIRS = 6_000
ARENAS = ("sales", "elections", "social")
AUDIENCES = ("default", "neutral")
SEED = 7
BATCH = 512
"""Messages that the pocket model is asked for at once."""
TEMPERATURE, MAX_TOKENS = 0.7, 192
"""As runs write by default."""


class Pair(NamedTuple):
    """Two messages about one anchor, and the probes' verdicts: shape (2, probes), NaN where a probe cannot tell."""

    texts: tuple[str, str]
    labels: NDArray[np.float64]


# -- messages ----------------------------------------------------------------------------------------------


def by_grammar(rules: Arena, pairs: int) -> Iterator[tuple[Anchor, str, str, str]]:
    """Yield anchor, text, other text and thinking of both, at the rates that the grammar declares."""
    random = Random(f"sensitivity/{rules.name}/{SEED}")
    for _ in range(pairs):
        drawn = draft(rules.name, random)
        anchor = make_anchor(rules.anchor, drawn.row | {"facts": drawn.facts})
        one, other = (
            write(rules.name, drawn.subject, drawn.facts, plan(rules.name, drawn.facts, random), random)
            for _ in range(2)
        )
        yield anchor, one.text, other.text, ""


def by_pocket(rules: Arena, pairs: int) -> Iterator[tuple[Anchor, str, str, str]]:
    """Yield the same, written by the pocket model; pairs of which it leaves one unfinished are left out."""
    from abm.llm import backend

    llm, random = backend("pocket"), Random(f"sensitivity/{rules.name}/{SEED}")
    sampling = Sampling(TEMPERATURE, 1.0, MAX_TOKENS)
    began = time.perf_counter()
    for start in range(0, pairs, BATCH // 2):
        drafts = [draft(rules.name, random) for _ in range(min(BATCH // 2, pairs - start))]
        anchors = [make_anchor(rules.anchor, each.row | {"facts": each.facts}) for each in drafts]
        asked = [
            Request(site=f"{i}/{slot}", messages=rules.write_prompt(anchor.text), sampling=sampling, seed=2 * (start + i) + slot)
            for i, anchor in enumerate(anchors)
            for slot in (0, 1)
        ]  # fmt: skip
        replies = {reply.site: parse_completion(reply.text, rules.tag) for reply in llm.complete(asked)}
        for i, anchor in enumerate(anchors):
            one, other = replies[f"{i}/0"], replies[f"{i}/1"]
            if isinstance(one, Completion) and isinstance(other, Completion):
                yield anchor, one.text, other.text, ""
        print(f"{rules.name}: {start + len(drafts):,} pairs, {time.perf_counter() - began:.0f} s", file=sys.stderr)


WRITERS = {"grammar": by_grammar, "pocket": by_pocket}


def judged(rules: Arena, writer: str, pairs: int) -> tuple[list[str], list[Pair]]:
    """Return the names of the arena's probes of strategy, and pairs with their verdicts."""
    probes = [probe for probe in battery(rules) if kind_of(probe.name) == "strategy"]
    found: list[Pair] = []
    for anchor, one, other, thinking in WRITERS[writer](rules, pairs):
        labels = [
            [probe.judge(text, anchor, rules, thinking=thinking).label for probe in probes] for text in (one, other)
        ]
        table = np.array(labels, dtype=np.float64)
        found.append(Pair((one, other), np.where(table < 0, np.nan, table)))
    return [probe.name for probe in probes], found


# -- votes -------------------------------------------------------------------------------------------------


def voters(pack: str) -> Voters:
    """Return the personas of a pack that train."""
    people = load_personas(pack).train
    names, traits = trait_matrix(people)
    return Voters(np.arange(len(people)), [person.name for person in people], names, traits)


def leads(name: str, pairs: Sequence[Pair], who: Voters) -> NDArray[np.int64]:
    """Return by how many votes the first message of each pair is ahead, shape (pairs,)."""
    people = audience(name)
    won = np.empty(len(pairs), dtype=np.int64)
    for i, pair in enumerate(pairs):
        shown = orders(who.ids, 2, SEED, i, "order")
        chosen = choices(people, pair.texts, shown, who, (SEED, i, "choice"))
        won[i] = int((chosen == 0).sum()) - int((chosen == 1).sum())
    return won


def paid(values: NDArray[np.float64], lead: NDArray[np.int64]) -> Estimate:
    """Return the mean of winners less that of both messages of their contests.

    Args:
        values: shape (pairs, 2), NaN where unknown: such pairs are left out, as ties are.
        lead: shape (pairs,), of the first message.
    """
    decided = (lead != 0) & ~np.isnan(values).any(axis=1)
    sign = np.sign(lead[decided])
    return mean_of(sign * (values[decided, 0] - values[decided, 1]) / 2)


# -- figures -----------------------------------------------------------------------------------------------


def figures(rules: Arena, pack: str, names: Sequence[str], pairs: Sequence[Pair], writer: str) -> list[dict[str, Any]]:
    """Return one line per probe, and one of length, of each audience."""
    who = voters(pack)
    lead = {name: leads(name, pairs, who) for name in AUDIENCES}
    labels = np.array([pair.labels for pair in pairs])
    words = np.array([[len(text.split()) for text in pair.texts] for pair in pairs], dtype=np.float64)
    columns = {name: (100 * labels[:, :, i], "points") for i, name in enumerate(names)} | {"length": (words, "words")}
    lines = []
    for name, (values, unit) in columns.items():
        found = {each: paid(values, lead[each]) for each in AUDIENCES}
        rival = found["neutral"]
        for each, estimate in found.items():
            lines.append({
                "name": f"{rules.name} {name}, {each}, {pack}", "value": round(estimate.value, 2), "unit": unit,
                "low": round(estimate.low, 2), "high": round(estimate.high, 2), "of_all": round(float(np.nanmean(values)), 2),
                "pairs": len(pairs), "decided": estimate.n, "writer": writer,
                "rival": f"neutral: {rival.value:.2f}", "ratio": None, "goal": "none", "ok": True,
            })  # fmt: skip
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object per figure")
    parser.add_argument("--writer", choices=list(WRITERS), default="grammar", help="who writes the messages")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="pairs of messages in each arena")
    parser.add_argument("--arena", choices=ARENAS, action="append", help="by default all three")
    parser.add_argument("--personas", default="biographic", help="whose training half votes: biographic or demographic")
    given = parser.parse_args()
    for name in given.arena or ARENAS:
        rules = arena(name)
        names, pairs = judged(rules, given.writer, given.pairs)
        for line in figures(rules, given.personas, names, pairs, given.writer):
            if given.json:
                print(json.dumps(line), flush=True)
            else:
                print(
                    f"{line['name']:48} {line['value']:>+7.2f} [{line['low']:+.2f}, {line['high']:+.2f}] {line['unit']:6} "
                    f"of all {line['of_all']:.2f}, {line['decided']:,} of {line['pairs']:,} pairs decided",
                    flush=True,
                )


if __name__ == "__main__":
    main()
