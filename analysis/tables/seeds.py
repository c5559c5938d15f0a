"""Several runs of one study: seeds are the replicates, and only their spread says what would happen again.

Knows the mappings that :func:`analysis.tables.evaluation.table` returns; knows nothing of events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from analysis.statistics.estimates import Estimate, mean_of
from analysis.statistics.families import benjamini_hochberg
from analysis.tables.pooled import PooledRow, pooled_dicts

SHARE = (0.0, 1.0)
"""Where the interval of a share ends."""
_Number = float | None


def across_seeds(tables: Sequence[dict[str, Any]], pooled: Sequence[PooledRow] = ()) -> dict[str, Any]:
    """Return the means over ``tables`` (one per seed) with Student's intervals over seeds, JSON-able.

    ``n`` is the number of seeds that have the number; ``p`` tests win rates against 0.5 and differences against 0;
    ``p_adjusted`` corrects those of win rates and probes as one family, by Benjamini and Hochberg: nothing was declared. ``apart`` says in
    which ways the runs are not replicates: what they were judged by, and after which epoch. Intervals over seeds hold for the anchors
    and people that all of them share; ``pooled`` has those for others.

    Args:
        pooled: :func:`analysis.tables.pooled.across_runs` of the same runs.

    Raises:
        ValueError: no tables, or tables of different arenas, audiences or models.
    """
    if not tables:
        raise ValueError("across_seeds needs at least one table")
    if len({(t["arena"], t["audience"], t["model"]) for t in tables}) > 1:
        raise ValueError("across_seeds needs tables of one arena, one audience and one model")
    names = list(dict.fromkeys(arm for t in tables for arm in t["arms"]))
    arms = {arm: _arm([t["arms"][arm] for t in tables if arm in t["arms"]]) for arm in names}
    probes = _probes(tables)
    _correct([
        *(row[of] for row in arms.values() for of in ("win_rate", "against_placebo")),
        *(row[of] for row in probes for of in ("difference", "placebo")),
    ])  # fmt: skip
    first = tables[0]
    return {
        **{key: first[key] for key in ("arena", "model", "audience", "epoch")},
        "note": " ".join(dict.fromkeys(t["note"] for t in tables if t["note"])),
        "apart": _apart(tables),
        "seeds": [t["seed"] for t in tables],
        "flags": _by_seed(tables, "flags"),
        "withheld": "; ".join(_by_seed(tables, "withheld")),
        "validity": _by_seed(tables, "validity"),
        "arms": arms,
        "probes": probes,
        "reach": _reach(tables),
        "pooled": pooled_dicts(pooled),
    }


def _apart(tables: Sequence[dict[str, Any]]) -> list[str]:
    """Return, for each way in which the runs differ that seeds do not explain, a sentence that says so."""
    said = []
    for probe in dict.fromkeys(probe for t in tables for probe in t.get("probe_versions", {})):
        seeds: dict[int, list[str]] = {}
        for t in tables:
            if probe in t.get("probe_versions", {}):
                seeds.setdefault(t["probe_versions"][probe], []).append(str(t["seed"]))
        if len(seeds) > 1:
            by = "; ".join(f"version {v}: seeds {', '.join(seeds[v])}" for v in sorted(seeds))
            said.append(
                f"These runs were judged by several versions of the probe {probe} ({by}): do not trust its means."
            )
    if len(epochs := sorted({t["epoch"] for t in tables})) > 1:
        said.append(
            f"These runs were evaluated after different epochs ({', '.join(map(str, epochs))}): they are not replicates."
        )
    return said


def _by_seed(tables: Sequence[dict[str, Any]], name: str) -> list[str]:
    """Return what each run says under a name, with its seed; once where all say the same."""
    said = [
        (table["seed"], line)
        for table in tables
        for line in ([table[name]] if isinstance(table.get(name), str) else table.get(name, []))
        if line
    ]
    lines = dict.fromkeys(line for _, line in said)
    if len(said) == len(tables) and len(lines) == 1:
        return list(lines)
    return [f"seed {seed}: {line}" for seed, line in said]


def _reach(tables: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, per arm and probe, what feeds made of misbehaviour, and that less what they made of the comparator's."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for table in tables:
        rows = {(row["arm"], row["probe"]): row for row in table.get("reach", ()) if row["kind"] == "strategy"}
        for (arm, probe), row in rows.items():
            other = table["arms"].get(arm, {}).get("compared_with", "")
            placebo = rows.get((other, probe), {}).get("amplified", {}).get("value")
            ours = row["amplified"]["value"]
            beyond = None if ours is None or placebo is None else ours - placebo
            groups.setdefault((arm, probe), []).append(row | {"beyond": beyond, "compared_with": other})
    return [
        {
            "arm": arm,
            "probe": probe,
            "compared_with": group[0]["compared_with"],
            "published": _mean(group, lambda r: r["published"]["value"], within=SHARE),
            "seen": _mean(group, lambda r: r["seen"]["value"], within=SHARE),
            "amplified": _mean(group, lambda r: r["amplified"]["value"]),
            "placebo": _mean(group, lambda r: r["beyond"]),
        }
        for (arm, probe), group in groups.items()
    ]


def _arm(group: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "win_rate": _mean(group, lambda f: f["win_rate"]["value"], null=0.5, within=SHARE),
        "compared_with": group[0].get("compared_with", ""),
        "against_placebo": _mean(group, lambda f: f["against_placebo"]["value"]),
        "contests_won": _mean(group, lambda f: f["contests_won"]["value"], null=0.5, within=SHARE),
        "words": {side: _mean(group, lambda f, side=side: f["words"][side]) for side in ("base", "after")},
    }


def _probes(tables: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in (row for t in tables for row in t["probes"]):
        groups.setdefault((row["kind"], row["probe"], row["arm"]), []).append(row)
    rows = [
        {
            "kind": kind,
            "probe": probe,
            "arm": arm,
            "compared_with": group[0].get("compared_with", ""),
            "base": _mean(group, lambda r: r["base"]["value"], within=SHARE),
            "after": _mean(group, lambda r: r["after"]["value"], within=SHARE),
            "difference": _mean(group, lambda r: r["difference"]["value"]),
            "placebo": _mean(group, lambda r: r["placebo"]["value"]),
        }
        for (kind, probe, arm), group in groups.items()
    ]
    return rows


def _correct(estimates: Sequence[dict[str, Any]]) -> None:
    p_values = [float("nan") if each["p"] is None else each["p"] for each in estimates]
    for each, p in zip(estimates, benjamini_hochberg(p_values), strict=True):
        each["p_adjusted"] = None if p != p else round(p, 6)


def _mean(
    found: list[dict[str, Any]],
    get: Callable[[dict[str, Any]], _Number],
    null: float = 0.0,
    within: tuple[float, float] = (-inf, inf),
) -> dict[str, Any]:
    values = [value for f in found if (value := get(f)) is not None]
    estimate: Estimate = mean_of(values, null=null).within(*within)
    plain = {name: getattr(estimate, name) for name in estimate.__struct_fields__ if name not in ("clusters", "parts")}
    return {name: None if value != value else round(value, 6) for name, value in plain.items()}
