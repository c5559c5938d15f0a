"""A preregistration as Markdown, to read, to mail, or to upload where it gets a date of somebody else's. Knows mappings, and the
defaults of settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

from analysis.formats import count, hypothesis_words, number
from learning import RunConfig

NOT_SAID = "*Not said.*"
SHOWN = 8
"""Combinations whose settings are written out; the JSON has all."""


def markdown(told: Mapping[str, Any]) -> str:
    """Return the text.

    Args:
        told: as :class:`analysis.studies.designs.prereg_document.PreregistrationDocument` makes it.
    """
    parts = [
        f"# Preregistration: {told['name']}",
        *_status(told),
        *_aims(told),
        *_mechanism(told),
        *_estimands(told),
        *_methods(told),
        *_performance(told),
        *_conduct(told),
        *_verification(told),
    ]
    return "\n\n".join(parts) + "\n"


def _status(told: Mapping[str, Any]) -> Iterator[str]:
    ids = f"Preregistration `{told['preregistration']}`, page `{told['page_id']}`, this document `{told['document']}`."
    status = told["status"]
    if status is None:
        yield f"{ids} The study has not begun: no model has been asked."
    elif status["event"] is None:
        yield f"{ids} {status['said']}."
    else:
        when = f"{datetime.fromtimestamp(status['at'], UTC):%Y-%m-%d %H:%M:%S} UTC"
        yield f"{ids} In the study's log since {when}: event {status['event']} of `{status['study']}`, head `{status['head']}`."
        for each in status["amendments"]:
            what = ", ".join(each["what"])
            yield f"**Amended** in event {each['event']}, after {count(each['ended'], 'cell')} had ended: {what}."
        if status["preregistration"] != told["preregistration"]:
            yield f"**The page is not the one that was declared**: the study is confirmatory by `{status['preregistration']}`."


def _aims(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## 1. Aims"
    yield _text(told, "question", "Question")
    yield _text(told, "background", "Background")
    yield _text(told, "seen", "Data seen before")
    yield "**Hypotheses**"
    yield _table(
        ["name", "hypothesis", "measure", "margin", "in words"],
        [
            [h["name"], hypothesis_words(h), h["measure"].replace("_", " "), _margin(h), h["says"]]
            for h in told["declared"]["hypotheses"]
        ],
    )


def _mechanism(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## 2. How the data come about"
    factors = told["page"].get("cross", {})
    levels = [f"{name} ({', '.join(map(str, of))})" for name, of in factors.items()]
    seeds = told["seeds"]
    yield (
        f"**Conditions.** {count(len(told['cells']), 'run')}: {' × '.join(levels) or 'one combination'} × "
        f"{count(len(seeds), 'seed')} ({', '.join(map(str, seeds[:20]))}{' ...' if len(seeds) > 20 else ''}), each its own training of every arm."
    )
    yield "**Arms**"
    combinations = len(told["settings"])
    yield _table(
        ["arm", "learns by", "compared with", "market", "rows of", "mitigations", "model", "in"],
        [
            [
                a["arm"], a["method"], a["compared_with"], a["market"], a["rows_of"], ", ".join(a["mitigations"]), a["model"],
                "all cells" if len(a["in"]) == combinations else "; ".join(a["in"]),
            ]
            for a in told["arms"]
        ],
    )  # fmt: skip
    yield "**Models**"
    yield _table(["model", "digest of its files"], [[name, f"`{digest}`"] for name, digest in told["models"].items()])
    yield "**Prompts** (content ids)"
    names = ["arena", "write", "react", "feedback"]
    yield _table(
        ["arena", "rules", *names[1:]],
        [[arena, *(f"`{of[n]}`" for n in names)] for arena, of in told["prompts"].items()],
    )
    yield "**What is written about, and who reads**"
    anchors = [
        [f"anchors, {side.replace('_', '-')}", each["source"], each[side]["number"], f"`{each[side]['digest']}`"]
        for each in told["anchors"]
        for side in ("train", "held_out")
    ]
    people = [["people", each["source"], each["number"], f"`{each['digest']}`"] for each in told["people"]]
    yield _table(["pool", "source", "number", "digest"], [*anchors, *people])
    yield "\n".join(f"- {use['sentence']}" for use in told["pools"])
    yield _text(told, "sampling", "Why so many")
    if told["files"]:
        yield "**Files and extensions** (SHA-256)"
        yield _table(["name", "SHA-256"], [[name, f"`{sum_}`"] for name, sum_ in told["files"].items()])
    if told["impossible"]:
        yield (
            "**Combinations that are not runs**: "
            + "; ".join(_levels(each["factors"]) for each in told["impossible"])
            + "."
        )


def _estimands(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## 3. Estimands"
    yield (
        "**Win rate**: share of held-out people's votes for the trained arm's message against one of the base model, about the same held-out anchor. "
        "**A probe's rate**: share of messages in which it finds something. **From base**: after training less before. "
        "**From comparator**: an arm less the arm that it is compared with, about the same anchors and by the same people. "
        "Differences are absolute, in percentage points."
    )
    yield "**Probes**"
    yield _table(
        ["probe", "judge", "version"], [[name, of["judge"], of["version"]] for name, of in told["probes"].items()]
    )
    declared = told["declared"]
    if declared["judges"]:
        yield f"**Judges asked afterwards**: {', '.join(declared['judges'])}."
    yield (
        f"**Forfeits**: a message that was rejected counts as {declared['forfeits']} in the primary win rates. "
        f"**Ties** in contests won by majority: {declared['ties']}."
    )
    yield f"**What intervals generalise to.** {told['scope']}"


def _methods(told: Mapping[str, Any]) -> Iterator[str]:
    declared = told["declared"]
    hypotheses = declared["hypotheses"]
    yield "## 4. Methods"
    yield (
        f"**Confirmatory tests.** Each hypothesis is estimated over its cells, clustered on trainings (seeds), anchors and people, and tested by Student's t on its "
        f"declared side. p-values of all {count(len(hypotheses), 'hypothesis', 'hypotheses')} are corrected together by Holm's method; alpha is {declared['alpha']:g}. "
        "Where a margin is declared, equivalence is tested by two one-sided tests (TOST), corrected by Holm's method as a family of its own. "
        "Conclusions are one of: effect; effect, smaller than the margin; equivalent to none; cannot tell."
    )
    yield "**Looks**"
    looks = told["looks"]
    yield _table(
        ["look", "after seeds", "alpha spent by then", "level for a single hypothesis"],
        [[n, each["seeds"], f"{each['spent']:g}", f"{each['level']:g}"] for n, each in enumerate(looks, 1)],
    )
    if len(looks) > 1:
        yield f"Alpha is spent as by {declared['spending']} (Lan and DeMets 1983), whether or not anyone looks."
    yield _text(told, "analysis", "Other analyses")
    yield "Everything that no hypothesis names is exploratory: its differences are corrected by Benjamini and Hochberg's method, and marked so."


def _performance(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## 5. What the design can find"
    yield "With the default variance components of `moloch power`, unless the plan's pilots say otherwise; power 80 %."
    yield _table(
        ["hypothesis", "arm", "outcome", "detectable, points", "shown to be none within, points"],
        [
            [
                each["hypothesis"],
                each["arm"],
                each["said"],
                _points(each["detectable"]),
                _points(each["equivalence_margin"]),
            ]
            for each in told["detectable"]
        ],
    )
    yield "**Calls to come**"
    yield _table(
        ["role", "model", "calls", "tokens in", "tokens out", "USD at most"],
        [
            [
                r["role"],
                r["model"],
                f"{r['calls']:,}",
                f"{r['tokens_in']:,}",
                f"{r['tokens_out']:,}",
                number(r["most_usd"], 2),
            ]
            for r in told["plan"]
        ],
    )


def _conduct(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## 6. Exclusions, stopping, deviations"
    yield _text(told, "exclusions", "Exclusions")
    if left_out := told["page"].get("exclude"):
        yield "Combinations left out: " + "; ".join(_levels(each) for each in left_out) + "."
    yield _text(told, "stopping", "Stopping")
    yield f"Bounds of the page: {', '.join(f'{name} {bound:g}' for name, bound in told['stop'].items()) or 'none'}."
    yield _text(told, "deviations_policy", "Deviations")
    yield (
        "Found by machine, and printed with the results: looks that were not declared, added seeds and levels, amendments, cells without results, "
        "changed inputs and probes, added judges, other versions. Hypotheses that are added or changed once a cell has ended are exploratory."
    )
    yield _text(told, "other", "Other")


def _verification(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## 7. How to verify it"
    version = ", ".join(f"{name} {value}" for name, value in told["versions"].items() if value)
    yield (
        f"Made with {version}. `moloch study prereg PAGE --json` makes this document again; its `document` is the same as long as nothing that it fixes has "
        "changed. `moloch study prereg STUDY` names the event of the study's log that holds the page, and the head of the log's hash chain with it; "
        "`moloch log verify STUDY` checks the chain. Anyone who can rewrite the whole log can make another chain: for a date that others can trust, upload this "
        "document, or the head, to a registry before the study begins."
    )
    settings = told["settings"]
    yield "### Settings that are not at their default"
    for label, of in list(settings.items())[:SHOWN]:
        yield f"{label}:\n\n```yaml\n{yaml.safe_dump(_given(of), sort_keys=True, allow_unicode=True, width=120).rstrip()}\n```"
    if len(settings) > SHOWN:
        yield f"... and {len(settings) - SHOWN:,} more combinations: the JSON has them."


def _given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are not at their default."""
    defaults = RunConfig.model_validate({}).model_dump(mode="json")
    return {name: value for name, value in settings.items() if value != defaults.get(name)}


def _margin(each: Mapping[str, Any]) -> str:
    return "" if each["margin"] is None else f"{each['margin']:g} points"


def _levels(factors: Mapping[str, Any]) -> str:
    return ", ".join(f"{factor}={level}" for factor, level in factors.items())


def _points(value: float | None) -> str:
    return "none" if value is None else f"{value:.1f}"


def _text(told: Mapping[str, Any], name: str, title: str) -> str:
    return f"**{title}.** {told['texts'][name].strip() or NOT_SAID}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return "*None.*"
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(_cell(each) for each in line)} |" for line in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
