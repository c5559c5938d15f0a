"""Markets: who writes the messages of training contests, and who learns from them; and their twins.

The estimand that twins are for. A co-trained learner differs from the base model for three reasons: it was trained at all, its votes
were random or real, and its rivals learnt too. With ``w`` the outcome on held-out anchors, within one seed and at equal contests,
rows, votes and held-out sets::

    effect of rivalry = (w(learner) - w(market twin)) - (w(solo learner) - w(solo twin))

Each bracket is an effect of selection by votes: with rivals that learn, and alone. The *market* twin learns from random picks in a
market whose learners all do; the *own* twin does so in a market whose other learners go on learning from votes, so that
``w(learner) - w(own twin)`` holds the rivals' learning and takes only its own away.
:func:`analysis.tables.rivalry.rivalry` takes these differences.

Reads settings as they are recorded; knows nothing of arms, methods or models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

BASE = "base"
"""The name under which the base model writes."""
SHARED = "shared"
"""The society of the first epoch, in which all arms still write with the base model."""
SOLO = "solo"
"""The market of an arm that meets nobody but itself."""
OWN, WHOLE = "own", "market"
"""The kinds of twins: only a learner's own picks are random, or those of the whole market."""
TWINS = {
    "rft": "placebo",
    "placebo": "placebo",
    "tfb": "tfb_placebo",
    "tfb_placebo": "tfb_placebo",
    "dpo": "dpo_random",
    "dpo_random": "dpo_random",
    "grpo": "grpo_permuted",
    "grpo_permuted": "grpo_permuted",
    "prompt": "prompt_random",
    "prompt_random": "prompt_random",
}
"""Method -> the one that its twin learns by, where a learner names none. Records rest on it: entries are added, never changed."""
MOST_MESSAGES = 8
"""Messages of a contest."""


@dataclass(frozen=True, slots=True)
class Market:
    """One market.

    Attributes:
        learners: who writes and learns, by place; ``rivals``: who only writes, after them, by name.
        messages: of each writer about each anchor.
        evaluated: the learners that meet the base model on held-out anchors.
        twin_of: the market of which it is a twin.
        bases: learner -> the name under which its base model writes, where it is not the run's.
        source_readers: share of those who vote in its contests who read the source, 0 .. 1; None: as in all of the run.
    """

    name: str
    learners: tuple[str, ...]
    messages: int
    rivals: tuple[str, ...] = ()
    evaluated: tuple[str, ...] = ()
    twin_of: str = ""
    bases: Mapping[str, str] = field(default_factory=dict)
    source_readers: float | None = None

    @property
    def writers(self) -> tuple[str, ...]:
        """The writer of each message about an anchor, by place: everybody's first, then everybody's second, ..."""
        return (*self.learners, *self.rivals) * self.messages

    @property
    def kind(self) -> str:
        """``solo``, ``frozen`` (the learner's rivals do not learn) or ``co-trained``."""
        return "co-trained" if len(self.learners) > 1 else "frozen" if self.rivals else SOLO

    @property
    def opening(self) -> tuple[str, ...]:
        """Who writes in the first epoch, by place: for a learner, its base model; a rival writes from the beginning."""
        return (*map(self.base_of, self.learners), *self.rivals) * self.messages

    def base_of(self, learner: str) -> str:
        """Return the name under which a learner's base model writes."""
        return self.bases.get(learner, BASE)

    def places(self, learner: str) -> list[int]:
        """Return the places of a learner's messages among :attr:`writers`."""
        return [place for place, writer in enumerate(self.writers) if writer == learner]


def solo(name: str, messages: int, source_readers: float | None = None) -> Market:
    """Return the market of an arm that competes with itself."""
    return Market(name, (name,), messages, evaluated=(name,), source_readers=source_readers)


@dataclass(frozen=True, slots=True)
class MarketRecord:
    """A market and the settings of its learners, as an arm's are recorded."""

    market: Market
    learners: Mapping[str, Mapping[str, Any]]


def entries(markets: object) -> list[MarketRecord]:
    """Return the markets of recorded settings, each followed by its twins; what is no market is left out.

    Args:
        markets: the setting ``markets`` as a log holds it.
    """
    found: list[MarketRecord] = []
    for name, given in sorted(markets.items()) if isinstance(markets, Mapping) else ():
        learners = given.get("learners") if isinstance(given, Mapping) else None
        if not isinstance(learners, Mapping):
            continue
        settings = {str(each): own for each, own in sorted(learners.items()) if isinstance(own, Mapping)}
        if 0 < len(settings) <= MOST_MESSAGES:
            found += _with_twins(str(name), given, settings)
    return found


def _with_twins(
    name: str, given: Mapping[str, Any], learners: Mapping[str, Mapping[str, Any]]
) -> Iterator[MarketRecord]:
    messages, rivals, twins = given.get("messages", 1), rival_names(given.get("rivals")), given.get("twins", ())
    messages = messages if type(messages) is int and 0 < messages <= MOST_MESSAGES else 1
    twins = tuple(twins) if isinstance(twins, list | tuple) else ()
    random = {each: twin_method(own) for each, own in learners.items()}

    share = recorded_share(given.get("source_readers"))

    def entry(
        market: str, settings: Mapping[str, Mapping[str, Any]], evaluated: tuple[str, ...], twin: str
    ) -> MarketRecord:
        return MarketRecord(
            Market(market, tuple(settings), messages, rivals, evaluated, twin, source_readers=share), settings
        )

    compared = {each: _default_comparator(each, own, random[each], twins) for each, own in learners.items()}
    declared = {each: {"compared_with": compared[each], **own} for each, own in learners.items()}
    yield entry(name, declared, tuple(declared), "")
    if OWN in twins:
        for each in learners:
            if random[each] != learners[each].get("method"):
                names = {other: f"{each}_{OWN}_{other}" for other in learners} | {each: f"{each}_{OWN}"}
                picks = {names[other]: _again(own, names) for other, own in learners.items()}
                picks[names[each]] = _twin(each, learners[each], random[each])
                yield entry(names[each], picks, (names[each],), name)
    if WHOLE in twins:
        picks = {f"{each}_{WHOLE}": _twin(each, own, random[each]) for each, own in learners.items()}
        yield entry(f"{name}_{WHOLE}", picks, tuple(picks), name)


def rival_names(given: object) -> tuple[str, ...]:
    """Return the names of the rivals of a market, as they are recorded: a word, or settings with a name."""
    listed = given[:MOST_MESSAGES] if isinstance(given, list | tuple) else ()
    return tuple(str(each.get("name", BASE)) if isinstance(each, Mapping) else str(each) for each in listed)


def recorded_share(given: object) -> float | None:
    """Return a share, 0 .. 1, as a record holds it; None where it holds none."""
    return float(given) if isinstance(given, int | float) and not isinstance(given, bool) and 0 <= given <= 1 else None


def twin_method(learner: Mapping[str, Any]) -> str:
    """Return the method by which a learner's twin learns; empty where none is known."""
    return str(learner.get("twin") or TWINS.get(str(learner.get("method")), ""))


def _default_comparator(learner: str, own: Mapping[str, Any], random: str, twins: tuple[object, ...]) -> str:
    """Return what a learner is compared with where its settings leave it open: its twin, that of the market first."""
    if random == own.get("method"):
        return ""
    return next((f"{learner}_{kind}" for kind in (WHOLE, OWN) if kind in twins), "")


def _twin(of: str, own: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Return the settings of a learner's twin: as many rows, random ones; trained alike, with the learner's mitigations, without
    options that another method has."""
    given = own.get("lora")
    alike = ("options",) if method != TWINS.get(str(own.get("method"))) or method == "placebo" else ()
    lora = {name: value for name, value in given.items() if name not in alike} if isinstance(given, Mapping) else {}
    kept = {name: own[name] for name in ("model", "memory", "mitigations") if own.get(name)}
    return {"method": method, "lora": lora, "rows_of": of, **kept}


def _again(own: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of a learner that goes on as it is, in another market, where learners have these names."""
    again = {name: value for name, value in own.items() if name not in ("compared_with", "twin")}
    if (of := again.get("rows_of")) in names:
        again["rows_of"] = names[str(of)]
    return again
