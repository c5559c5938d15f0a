"""A look at a source of personas before it is used: what fits, what is missing, how prompts will read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from analysis.checks.distributions import distributions
from moloch.column_names import listed
from moloch.plain_text import one_line
from populations import InputError, Persona, rake, trait_matrix
from populations.mapping import SurveyMapping
from populations.sources import declared_split, locate, mapping_of, rule
from populations.tables import rows

MISTAKES = 10
"""Rows that are not personas; the reason is given for each."""


def check_personas(source: Path | str, mapping: Path | str | None = None, samples: int = 3) -> dict[str, Any]:
    """Return what a source holds, as one JSON-able mapping; rows that are not personas are listed, not raised.

    Raises:
        InputError: the file or the mapping cannot be read at all, or no row is a persona.
    """
    path = locate(source)
    plan = mapping_of(source, mapping)
    columns: Counter[str] = Counter()
    known: set[str] = set()
    personas_by_id: dict[str, Persona] = {}
    weight: Counter[str] = Counter()
    make, mistakes, count = rule(path, plan), list[tuple[str, str]](), 0
    sides: Counter[str] = Counter()
    on_no_side: list[str] = []
    for where, row in rows(path):
        count += 1
        columns.update(row.keys())
        known.update(plan.named(row) if plan else ())
        try:
            persona, side, counts = make(row), declared_split(row), plan.weight_of(row) if plan else 1.0
            sides[side] += 1
            if not side:
                on_no_side.append(where)
            weight[persona.id] += counts  # pyright: ignore[reportArgumentType]
            personas_by_id.setdefault(persona.id, persona)
        except ValueError as error:
            mistakes.append((where, str(error)))
    if len(sides) > 1:
        mistakes += [(where, "it has no 'split', and other rows have one") for where in on_no_side]
    if not personas_by_id:
        fix = f"The file has the columns {listed(columns)}." if columns else "Give one person per row."
        if plan is None and columns:
            fix += " Columns other than these need a mapping (--mapping): moloch init persona-mapping writes one."
        first = ": ".join(mistakes[0]) if mistakes else "it holds no row"
        raise InputError("no personas", where=str(path), why=first, fix=fix)
    personas = list(personas_by_id.values())
    names, matrix = trait_matrix(personas)
    wanted = _wanted(plan) if plan else set()
    accepted = sum(sides.values())
    return {
        "source": str(path),
        "rows": count,
        "personas": len(personas),
        "duplicates": accepted - len(personas),
        "not_personas": len(mistakes),
        "mistakes": [": ".join(each) for each in mistakes[:MISTAKES]],
        "reasons": dict(Counter(why for _, why in mistakes).most_common()),
        "columns": {one_line(name): n for name, n in columns.most_common()},
        "sides": {side: n for side, n in sides.items() if side},
        "unused": sorted(known - wanted),
        "missing": sorted(wanted - known),
        "weights": _weights(plan, personas, weight) if plan and plan.weighs else None,
        "words": _spread([len(persona.text.split()) for persona in personas]),
        "tokens": _spread(_tokens([persona.text for persona in personas])),
        "attributes": distributions(personas, weight, plan.margins if plan else {}),
        "traits": {
            name: {"mean": round(float(matrix[:, j].mean()), 3), "sd": round(float(matrix[:, j].std()), 3)}
            for j, name in enumerate(names)
        },
        "samples": [{"name": persona.name, "text": persona.text} for persona in personas[:samples]],
    }


def _wanted(plan: SurveyMapping) -> set[str]:
    return {column.source for column in plan.columns.values()} | ({plan.weight} if plan.weight else set())


def _weights(plan: SurveyMapping, personas: list[Persona], weight: Counter[str]) -> dict[str, Any]:
    """Return what weighting the whole source costs, or why it cannot be; a run weighs each side of its split by itself."""
    counted = [persona for persona in personas if weight[persona.id] > 0]
    try:
        raked = rake([p.attributes for p in counted], plan.margins, weights=[weight[p.id] for p in counted])
    except InputError as error:
        return {"error": str(error)}
    return {
        "design_effect": round(raked.design_effect, 3),
        "effective_n": round(raked.effective_n, 1),
        "largest": round(float(raked.weights.max()), 3),
        "smallest": round(float(raked.weights.min()), 3),
        "raked_on": list(plan.margins),
        "rounds": raked.rounds,
    }


def _spread(numbers: list[int] | None) -> dict[str, float] | None:
    if numbers is None:
        return None
    low, middle, high = np.percentile(numbers, [0, 50, 100])
    return {"least": float(low), "median": float(middle), "most": float(high)}


def _tokens(texts: list[str]) -> list[int] | None:
    """Return lengths in tokens of the pocket model; None where its tokenizer cannot be loaded."""
    try:
        from transformers import AutoTokenizer
    except ImportError:
        return None
    from abm.llm.folders import model_folder

    tokenizer = AutoTokenizer.from_pretrained(model_folder("pocket"), local_files_only=True)
    return [len(ids) for ids in tokenizer(texts)["input_ids"]]
