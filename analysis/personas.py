"""A look at a source of personas before it is used: what fits, what is missing, how prompts will read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from populations import InputError, make_persona, read_mapping, trait_matrix
from populations.sources import locate
from populations.tables import rows


def check_personas(source: Path | str, mapping: Path | str | None = None, samples: int = 3) -> dict[str, Any]:
    """Return what a source holds, as one JSON-able mapping; rows that are no personas are listed, not raised.

    Raises:
        InputError: the file or the mapping cannot be read at all, or no row is a persona.
    """
    path = locate(source)
    plan = read_mapping(mapping) if mapping else None
    columns: Counter[str] = Counter()
    found, mistakes, count = {}, [], 0
    for where, row in rows(path):
        count += 1
        columns.update(row.keys())
        try:
            persona = plan.persona(row) if plan else make_persona(row)
            found.setdefault(persona.id, persona)
        except ValueError as error:
            mistakes.append(f"{where}: {error}")
    if not found:
        raise InputError("no personas", where=str(path), why=mistakes[0] if mistakes else "the file is empty")
    personas = list(found.values())
    names, matrix = trait_matrix(personas)
    wanted = {column.source for column in plan.columns.values()} if plan else set()
    words = [len(persona.text.split()) for persona in personas]
    tokens = _tokens([persona.text for persona in personas])
    return {
        "source": str(path),
        "rows": count,
        "personas": len(personas),
        "duplicates": count - len(mistakes) - len(personas),
        "not_personas": len(mistakes),
        "mistakes": mistakes[:10],
        "columns": dict(columns.most_common()),
        "unused": sorted(columns.keys() - wanted) if plan else [],
        "missing": sorted(wanted - columns.keys()),
        "words": _spread(words),
        "tokens": _spread(tokens) if tokens else None,
        "traits": {
            name: {"mean": round(float(matrix[:, j].mean()), 3), "sd": round(float(matrix[:, j].std()), 3)}
            for j, name in enumerate(names)
        },
        "samples": [{"name": persona.name, "text": persona.text} for persona in personas[:samples]],
    }


def _spread(numbers: list[int]) -> dict[str, float]:
    low, middle, high = np.percentile(numbers, [0, 50, 100])
    return {"least": float(low), "median": float(middle), "most": float(high)}


def _tokens(texts: list[str]) -> list[int]:
    """Return lengths in tokens of the pocket model."""
    from transformers import AutoTokenizer

    from abm.llm.transformers_backend import model_folder

    tokenizer = AutoTokenizer.from_pretrained(model_folder("pocket"), local_files_only=True)
    return [len(ids) for ids in tokenizer(texts)["input_ids"]]
