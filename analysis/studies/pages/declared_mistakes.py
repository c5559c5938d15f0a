"""What is wrong with a preregistration, held against the cells of its page: arms, outcomes and levels that there are not. Asks no model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from abm.probe import probes, version_of
from analysis.studies.pages.layers import Key
from analysis.studies.pages.page import label_of
from analysis.studies.pages.preregistration import Hypothesis, Preregistration
from analysis.tables.conventions import (
    CONTESTS_WON,
    CONTROLLED,
    OF_VOTES,
    TIES_HALF,
    WIN_RATE,
    WITHOUT_FORFEITS,
    at_equal_length,
)
from learning import RunConfig
from moloch.errors import InputError

OTHER_WINS = (WITHOUT_FORFEITS, CONTROLLED, CONTESTS_WON, TIES_HALF)
"""Win rates by other conventions, of which a hypothesis can be."""
FEWEST = 2
"""Seeds of a look: of one there is no interval."""


class DeclaredCell(NamedTuple):
    """A combination of levels, as far as hypotheses are about it: its seeds share it."""

    labels: Mapping[str, str]
    """Factor -> level, as it is called."""
    config: RunConfig

    @property
    def arms(self) -> dict[str, str]:
        """Arm that is evaluated -> the arm that it is compared with."""
        return {name: arm.compared_with for name, arm in self.config.all_arms.items() if arm.evaluated}

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Win rate and probes, and the same by other conventions."""
        judged = _probe_names(self.config)
        return (WIN_RATE, *judged, *OTHER_WINS, *map(at_equal_length, judged))

    @property
    def name(self) -> str:
        return ", ".join(f"{factor}={level}" for factor, level in self.labels.items()) or "the only cell"


def judging_probes(configs: Iterable[RunConfig]) -> dict[str, int]:
    """Return probe -> version of its rules, of all that judge runs with these settings."""
    named = {outcome: None for config in configs for outcome in _probe_names(config)}
    return {probe.name: version_of(probe) for probe in probes(list(named))}


def _probe_names(config: RunConfig) -> tuple[str, ...]:
    return config.rules().probes if config.probes is None else config.probes


def declared_mistakes(
    primary: Preregistration, factors: Mapping[str, Sequence[str]], cells: Sequence[DeclaredCell], seeds: int
) -> Iterator[tuple[Key, InputError]]:
    """Yield each mistake with the keys of the page that lead to it.

    Args:
        factors: factor -> labels of its levels; those without levels are left out.
        cells: the combinations that are runs; empty where they are not known, and then arms and outcomes are not looked at.
        seeds: of the page.
    """
    yield from _looks(primary, seeds)
    names: list[str] = []
    for number, hypothesis in enumerate(primary.hypotheses):
        key: Key = ("primary", "hypotheses", number)
        if hypothesis.name in names:
            yield (
                (*key, "name"),
                InputError(f"two hypotheses are called {hypothesis.name!r}", fix="Give each its own name."),
            )
        names.append(hypothesis.name)
        wrong = list(_levels(hypothesis, factors, key))
        yield from wrong
        if cells and not wrong:
            yield from _measured(hypothesis, cells, key)


def _looks(primary: Preregistration, seeds: int) -> Iterator[tuple[Key, InputError]]:
    before = 0
    for number, look in enumerate(primary.looks):
        key: Key = ("primary", "looks", number)
        if look <= before:
            yield (
                key,
                InputError(
                    "looks do not ascend",
                    why=f"{look} follows {before}" if before else f"{look} is not a number of seeds",
                ),
            )
        elif look < FEWEST:
            yield key, InputError("a look at one seed decides nothing", why="one seed gives no interval")
        elif look >= seeds:
            why = f"the page has {seeds}, and the end is itself a look" if look == seeds else f"the page has {seeds}"
            yield key, InputError(f"a look after {look} seeds", why=why, fix="Looks come before the last seed.")
        before = look


def _levels(hypothesis: Hypothesis, factors: Mapping[str, Sequence[str]], key: Key) -> Iterator[tuple[Key, InputError]]:
    for field, levels in (("where", hypothesis.where), ("minus", hypothesis.minus)):
        for factor, level in levels.items():
            at: Key = (*key, field, factor)
            if factor not in factors:
                fix = _instead(factor, factors, "Factors with levels")
                yield at, InputError(f"{field} names no factor: {factor!r}", fix=fix)
            elif label_of(level) not in factors[factor]:
                said = f"{factor} has no level {label_of(level)!r}"
                yield at, InputError(said, fix=_instead(label_of(level), factors[factor], "Its levels"))
            elif field == "minus":
                yield from _subtracted(hypothesis, factor, label_of(level), at)


def _subtracted(hypothesis: Hypothesis, factor: str, level: str, at: Key) -> Iterator[tuple[Key, InputError]]:
    if factor not in hypothesis.where:
        fix = f"Say the level from which it is subtracted: where: {{{factor}: LEVEL}}."
        yield at, InputError(f"minus names {factor!r}, and where does not", fix=fix)
    elif label_of(hypothesis.where[factor]) == level:
        yield at, InputError(f"{factor} {level!r} is subtracted from itself", fix="Name another level.")


def _measured(hypothesis: Hypothesis, cells: Sequence[DeclaredCell], key: Key) -> Iterator[tuple[Key, InputError]]:
    """Yield what cells do not have that a hypothesis is about; each of those that it speaks of must have it."""
    about = list[DeclaredCell]()
    for field, levels in zip(("where", "minus"), hypothesis.sides, strict=False):
        wanted = {factor: label_of(level) for factor, level in levels.items()}
        there = [cell for cell in cells if all(cell.labels[factor] == level for factor, level in wanted.items())]
        if not there:
            why = "the page leaves them out, or they are not runs"
            yield (*key, field), InputError("no cell has these levels", why=why)
            return
        about += there
    arms = [(cell, cell.arms) for cell in about]
    yield from _named(hypothesis.arm, "arm", "no cell has the arm", arms, key)
    yield from _named(hypothesis.outcome, "outcome", "no cell has the outcome", [(c, c.outcomes) for c in about], key)
    other = hypothesis.compared_with
    if other and other == hypothesis.arm:
        yield (*key, "compared_with"), InputError("an arm is compared with itself", fix="Name another one.")
    elif other:
        yield from _named(other, "compared_with", "no cell has the arm", arms, key)
    elif hypothesis.measure == "from_comparator":
        for cell, there in arms:
            if hypothesis.arm in there and not there[hypothesis.arm]:
                said = f"the arm {hypothesis.arm!r} has no comparator"
                fix = (
                    "Say compared_with: here, or in its settings; or measure: rate of a win rate, from_base of a probe."
                )
                yield (*key, "arm"), InputError(said, why=f"as in {cell.name}" if cell.labels else "", fix=fix)
                break
    yield from _measure(hypothesis, key)


def _measure(hypothesis: Hypothesis, key: Key) -> Iterator[tuple[Key, InputError]]:
    at: Key = (*key, "measure")
    if hypothesis.measure == "rate" and hypothesis.outcome not in OF_VOTES:
        why = "the rate of a probe has no expected value without learning"
        yield at, InputError("rate can be tested for win rates only", why=why, fix="Say from_comparator or from_base.")
    elif hypothesis.measure == "from_base" and hypothesis.outcome in OF_VOTES:
        why = "its votes are already between the arm and base"
        yield at, InputError("a win rate has no difference from base", why=why, fix="Say rate or from_comparator.")
    elif hypothesis.compared_with and hypothesis.measure != "from_comparator":
        said = f"{hypothesis.measure} is compared with no arm"
        yield (*key, "compared_with"), InputError(said, fix="Leave compared_with out, or say measure: from_comparator.")
    if hypothesis.minus and (hypothesis.compared_with or not hypothesis.measure.startswith("from_")):
        why = "from_comparator, with the arm's own comparator, or from_base"
        fix = "Leave out compared_with, and measure or minus."
        yield (*key, "minus"), InputError("minus takes two measures only", why=why, fix=fix)


def _named(
    name: str, field: str, said: str, cells: Sequence[tuple[DeclaredCell, Sequence[str] | Mapping[str, str]]], key: Key
) -> Iterator[tuple[Key, InputError]]:
    lacking = [cell for cell, there in cells if name not in there]
    if not lacking:
        return
    known = list(dict.fromkeys(each for _, there in cells for each in there))
    if name not in known:
        yield (*key, field), InputError(f"{said} {name!r}", fix=_instead(name, known, "There are"))
        return
    why = f"{len(lacking)} of {len(cells)} combinations lack it, such as {lacking[0].name}"
    fix = "Name the levels that have it: where: {FACTOR: LEVEL}."
    yield (*key, field), InputError(f"not all cells have {field} {name!r}", why=why, fix=fix)


def _instead(name: str, known: Mapping[str, object] | Sequence[str], what: str) -> str:
    meant = get_close_matches(name, known, n=1)
    return f"{f'Did you mean {meant[0]!r}? ' if meant else ''}{what} {'are ' if not what.endswith('are') else ''}{', '.join(known) or 'none'}."
