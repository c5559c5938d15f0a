"""Whether a result can be believed: what failed, who was biased, whether the readers can read, and what was raised as an alarm.

Takes the tables of a run as :func:`analysis.tables.results.results` makes them. Computes no statistic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from analysis.formats import DASH, count, known, percent, rate
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url, rows_url

MANY = 0.05
"""Share of reactions or of messages that failed from which on a page marks it."""
ALIKE = 10
"""Votes that are all for the same place from which on that is not put down to chance: of two options, 2 in 1,000 times."""
Table = Mapping[str, Any]


def health_rows(table: Table, address: PageAddress) -> list[dict[str, Any]]:
    """Return one row per thing that is looked at: its ``name``, ``value``, what it ``says``, ``url``, and whether it is ``bad``."""
    return [
        _alarms(table),
        *_reactions(table, address),
        *_messages(table, address),
        *_positions(table, address),
        *_models(table),
    ]


def alarm_rows(table: Table, address: PageAddress) -> list[dict[str, str]]:
    """Return the alarms, each with where its event is shown, and what speaks against the models."""
    alarms = [{"text": f"{each['text']}.", "url": event_url(address, each["seq"])} for each in table["alarms"]]
    withheld = table.get("withheld") or ""
    said = [f"No win rates: {withheld}."] if withheld else []
    said += [f"{flag}." for flag in table["flags"] if not withheld or flag not in withheld]
    return alarms + [{"text": text, "url": ""} for text in said]


def _alarms(table: Table) -> dict[str, Any]:
    alarms = len(table["alarms"])
    says = (
        "of arms that diverged from base, repeated themselves or lost their format"
        if alarms
        else "no arm diverged from base, repeated itself or lost its format"
    )
    return _row("Alarms", f"{alarms:,}" if alarms else "none", says, bad=bool(alarms))


def _reactions(table: Table, address: PageAddress) -> Iterator[dict[str, Any]]:
    share = table["invalid_rate"]
    url = rows_url(address, "reactions", phase="evaluate", kind="invalid") if known(share) and share else ""
    says = "reactions in evaluations that named no option"
    yield _row("Invalid reactions", percent(share), says, url, bad=known(share) and share > MANY)


def _messages(table: Table, address: PageAddress) -> Iterator[dict[str, Any]]:
    """Yield the arm whose messages were rejected most, and the one whose answers were cut most; tables list no arm where none was."""
    wrote = table["writing"]
    worst = max(wrote, key=lambda row: row["rejected"], default=None)
    if worst is None or not worst["rejected"]:
        yield _row("Rejected messages", percent(0.0), "every message of every arm could be read")
    else:
        says = f"of {count(worst['messages'], 'message')} of {worst['arm']}, the most of any arm; a rejected one loses its contest"
        url = rows_url(address, "message_rejected")
        yield _row("Rejected messages", percent(worst["rejected"]), says, url, bad=worst["rejected"] > MANY)
    cut = max(wrote, key=lambda row: row["at_bound"], default=None)
    if cut is not None and cut["at_bound"]:
        says = f"of the answers of {cut['arm']}, the most of any arm, met the bound on tokens"
        yield _row("Cut answers", percent(cut["at_bound"]), says, bad=cut["at_bound"] > MANY)


def _positions(table: Table, address: PageAddress) -> Iterator[dict[str, Any]]:
    for row in table["positions"]:
        chosen = row["chosen"]
        if row["position"] == 1 and known(chosen["value"]):
            fair = 1 / row["options"]
            biased = _is_biased(chosen, fair)
            says = f"votes for the option shown first; {percent(fair, 0)} without a bias"
            yield _row("Position", rate(chosen), says, rows_url(address, "votes", phase="evaluate"), bad=biased)


def _is_biased(chosen: Mapping[str, Any], fair: float) -> bool:
    """Tell whether votes show that the place counts; where all are for the same place, there is no interval."""
    if known(chosen["low"]) and known(chosen["high"]):
        return not chosen["low"] <= fair <= chosen["high"]
    return chosen["value"] in (0.0, 1.0) and chosen["n"] >= ALIKE


def _models(table: Table) -> Iterator[dict[str, Any]]:
    fitness = table.get("fitness") or {}
    reader, writers = fitness.get("reader"), fitness.get("writers") or []
    if reader:
        yield _row("Readers", reader["verdict"], table["validity"] or reader["model"], bad=reader["verdict"] != "fit")
    else:
        yield _row(
            "Readers",
            DASH,
            table["validity"]
            or "a choice model reacts: its utility is known, and it gives no answers that have to be read",
        )
    doubtful = [each for each in writers if each["verdict"] != "fit"]
    if writers:
        said = "; ".join(f"{each['model']}: {each['why'] or each['verdict']}" for each in doubtful)
        value = f"{len(writers) - len(doubtful)} of {len(writers)} fit"
        yield _row("Writers", value, said or "nothing found against the models that wrote", bad=bool(doubtful))


def _row(name: str, value: str, says: str, url: str = "", *, bad: bool = False) -> dict[str, Any]:
    return {"name": name, "value": value, "says": says, "url": url, "bad": bad}
