"""What a run did, in the words that the lists of referees share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from abm.arenas import BUILT_IN as ARENAS
from analysis.answers.words import METHODS
from analysis.formats import count, model_name, number
from analysis.reports.origin import OriginReading, sizes
from analysis.reports.referee import Account
from populations.sources import BUILT_IN as PACKS


def run_account(table: Mapping[str, Any], config: Mapping[str, Any], origin: OriginReading, scope: str) -> Account:
    """Return the account of a run that has evaluated something.

    Args:
        table: as :func:`analysis.tables.results.results` makes it.
        scope: how far intervals hold.
    """
    arena = Path(str(config.get("arena", table["arena"]))).stem
    return Account(
        aim=f"Whether learning from the votes of an audience in the arena {arena} changes win rates and misbehaviour, beyond what training alone changes.",
        arenas=f"arena {arena}",
        worlds=(str(config.get("world", "isolated")),),
        audiences=f"{table['audience']} audience",
        models=model_name(str(table["model"])) or "a model that the log does not name",
        arms=arms_words(table["arms"]),
        sizes=f"{sizes(table)}, {count(sum(row['contests'] for row in table['arms'].values()), 'evaluation contest')}",
        seeds=f"one seed ({table['seed']})",
        epochs=int(table["epoch"]),
        messages=int(config.get("messages", 2)),
        scope=scope,
        tests="No effect of competition is tested with one training of each arm.",
        compute=compute_words(table["service"], [origin]),
        humans=humans_words(str(config.get("audience", ""))),
        data=data_words(config),
        note=table["note"],
        config=config,
    )


def arms_words(arms: Mapping[str, Mapping[str, Any]]) -> str:
    """Return each arm with its method and what it is compared with."""
    return "; ".join(_arm(arm, str(row.get("method", "") or arm), row["compared_with"]) for arm, row in arms.items())


def _arm(arm: str, method: str, other: str) -> str:
    by = [method] * (method != arm) + [METHODS[method]] * (method in METHODS)
    named = f"{arm} ({': '.join(by)})" if by else arm
    return f"{named}, compared with {other or 'base only'}"


def compute_words(service: Mapping[str, Mapping[str, Any]], origins: Sequence[OriginReading]) -> str:
    """Return calls, tokens, time and machine."""
    calls = [
        f"{model_name(model)}: {number(served['calls'])} calls, {number(served['tokens_in'])} tokens read, "
        f"{number(served['tokens_out'])} written"
        for model, served in service.items()
    ]
    seconds = sum(each.ended.seconds for each in origins if each.ended is not None)
    machines = dict.fromkeys(
        ", ".join(f"{name} {value}" for name, value in each.started.machine.items()) for each in origins if each.started
    )
    said = [*calls, f"{number(seconds)} s" if seconds else "", *machines]
    return "; ".join(each for each in said if each) or "The log does not say."


def humans_words(audience: str) -> str:
    """Return who reacted."""
    reader = "language models that play personas" if audience == "llm" else "a choice model"
    return f"No people took part: {reader} reacted."


def data_words(config: Mapping[str, Any]) -> str:
    """Return where anchors and people are from."""
    anchors = (
        "built-in anchors (invented)"
        if config.get("anchors") is None and config.get("arena") in ARENAS
        else f"anchors of {Path(str(config.get('anchors') or config.get('arena', ''))).name}"
    )
    personas = str(config.get("personas", ""))
    people = (
        f"built-in {personas} personas (invented)"
        if personas in PACKS
        else f"people of {Path(personas).name or 'the log'}"
    )
    return f"{anchors}, {people}"
