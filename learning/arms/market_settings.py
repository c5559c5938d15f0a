"""The setting ``markets``: arms that meet rivals while they learn. Knows the form of settings; what a market is says
:mod:`learning.arms.markets`::

    markets:
      duel: {learners: {a: {method: rft}, b: {method: tfb}}, twins: [market]}   # co-trained
      siege: {learners: {c: {method: rft}}, rivals: [base]}                     # a rival that does not learn
      old: {learners: {d: {method: rft}}, rivals: [{name: veteran, adapter: runs/first#rft}]}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from learning.arms.arm import Arms, ArmSettings, Name, arms_in, check_references, mistake, stated
from learning.arms.markets import BASE, MOST_MESSAGES, OWN, WHOLE, Market, entries, twin_method
from learning.arms.repeats import repeat_names
from learning.arms.rival_settings import RivalGiven, RivalSettings, named_rivals
from moloch.records import InUnit

At = tuple[str | int, ...]
"""Keys of a setting, from the whole inwards."""


class LearnerSettings(ArmSettings):
    """A learner of a market: an arm, whose twin may be named."""

    twin: str | None = None
    """The learning method of this learner's twins. By default the placebo that belongs to its own method."""


class MarketSettings(BaseModel):
    """Who competes in a market's contests. Its record holds what was given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    learners: dict[Name, LearnerSettings] = Field(min_length=1, max_length=MOST_MESSAGES)
    """The arms that learn in this market, each from what it wrote itself: name -> settings as of an arm (``arms.NAME``)."""
    rivals: tuple[RivalGiven, ...] = ()
    """Writers beside them that do not learn: ``base``, or settings with a name."""
    messages: Annotated[int, InUnit("messages")] = Field(1, ge=1, le=MOST_MESSAGES)
    """Messages of each writer in a contest."""
    source_readers: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the voters in the market's contests who read the anchor. By default ``source_readers.train``."""
    twins: tuple[Literal["own", "market"], ...] = ()
    """Control markets: ``own`` adds for each learner a market in which only its own picks are random, ``market`` adds one in
    which all are."""

    @model_serializer(mode="wrap")
    def _given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


def _in_order(markets: dict[Name, MarketSettings]) -> dict[Name, MarketSettings]:
    return dict(sorted(markets.items()))


Markets = Annotated[dict[Name, MarketSettings], AfterValidator(_in_order)]
"""The type of the setting ``markets``."""


def given_alone(values: Any) -> Any:
    """Return settings in which markets without arms mean: no other arms."""
    if isinstance(values, Mapping) and values.get("markets") and "arms" not in values:
        return {**values, "arms": ()}
    return values


def check_together(arms: Arms, markets: Mapping[str, MarketSettings], model: str) -> None:
    """Reject arms and markets that cannot be distinguished, that compete with nobody, or that name what is not there.

    Args:
        model: the run's.

    Raises:
        PydanticCustomError: says which setting is wrong.
    """
    if not arms and not markets:
        raise mistake("a run has at least one arm", "For example [rft, placebo].", ("arms",))
    for at, learner in learners_in(markets):
        if learner.source_readers is not None:
            fix = f"Set it of the market: markets.{at[1]}.source_readers."
            raise mistake("all learners of a market share one audience", fix, (*at, "source_readers"))
        if learner.repeats > 1:
            why = "a learner cannot be trained again without the others in its contests"
            raise mistake(
                why, "Repeat an arm that competes with itself, or run the market with other seeds.", (*at, "repeats")
            )
    for name, market in markets.items():
        _check_size(("markets", name), market)
        _check_twins(("markets", name), market)
    _check_names(arms, markets)
    solo: dict[str, At] = {name: at for at, name, arm in stated(arms) if arm is not None}
    check_references(arms_in(arms, markets, model), solo | {str(at[-1]): at for at, _ in learners_in(markets)})


def learners_in(markets: Mapping[str, MarketSettings]) -> Iterator[tuple[At, LearnerSettings]]:
    """Yield the learners that markets declare, each with the keys of its settings."""
    for name, market in markets.items():
        yield from ((("markets", name, "learners", each), learner) for each, learner in market.learners.items())


def market_methods(markets: Mapping[str, MarketSettings]) -> Iterator[tuple[At, str]]:
    """Yield the methods that learners name, each with the keys of the setting that names it."""
    for at, learner in learners_in(markets):
        yield (*at, "method"), learner.method
        if learner.twin is not None:
            yield (*at, "twin"), learner.twin


def _check_size(at: At, market: MarketSettings) -> None:
    writers = len(market.learners) + len(market.rivals)
    if writers == 1:
        raise mistake(
            "one learner without a rival is not a market",
            f"Add a learner or rivals: [{BASE}], or move it to arms, where it competes with itself.",
            at,
        )
    if (messages := writers * market.messages) > MOST_MESSAGES:
        raise mistake(
            f"its contests would have {messages} messages, {market.messages} of each of {writers} writers",
            f"A contest has at most {MOST_MESSAGES}.",
            at,
        )


def _check_twins(at: At, market: MarketSettings) -> None:
    if twice := next((kind for kind, times in Counter(market.twins).items() if times > 1), ""):
        raise mistake(f"{twice!r} appears twice", "Name each kind of twin once.", (*at, "twins"))
    if len(market.learners) == 1 and len(market.twins) > 1:
        fix = f"Take one of {OWN} and {WHOLE}."
        raise mistake("with one learner the two kinds of twins are the same", fix, (*at, "twins"))
    for name, learner in market.learners.items() if market.twins else ():
        if not twin_method(learner.model_dump()):
            raise mistake(
                f"which method is the random twin of {learner.method!r} is not known",
                "Name it: twin: METHOD.",
                (*at, "learners", name),
            )


def _check_names(arms: Arms, markets: Mapping[str, MarketSettings]) -> None:
    """Reject a name that two arms or markets have, those of twins among them; an own twin and its market share one, as an arm and
    its society do."""
    taken: dict[str, str] = dict.fromkeys((name for _, name, _ in stated(arms)), "an arm")
    for at, name, arm in stated(arms):
        for further in repeat_names(name, arm.repeats if arm is not None else 1)[1:]:
            if further in taken:
                why = f"{further!r} is already {taken[further]}, and here a further training of {name!r}"
                raise mistake(why, "Rename the other one.", (*at, "repeats"))
            taken[further] = "a further training"
    for entry in entries({name: market.model_dump() for name, market in markets.items()}):
        for name, what, at in _named(entry.market):
            if name in taken:
                fix = "Give all arms, markets, learners and twins different names."
                raise mistake(f"{name!r} is already {taken[name]}, and here {what}", fix, at)
            taken[name] = what
    _check_rivals(markets, taken)


def _check_rivals(markets: Mapping[str, MarketSettings], taken: Mapping[str, str]) -> None:
    """Reject a rival with the name of somebody else; of one name in several places all is the same one."""
    known: dict[str, RivalSettings] = {}
    for market, settings in markets.items():
        for place, rival in named_rivals(settings.rivals):
            at = ("markets", market, "rivals", place)
            if rival.name in taken:
                fix = "Give all arms, markets, learners, twins and rivals different names."
                raise mistake(f"{rival.name!r} is already {taken[rival.name]}, and here a rival", fix, at)
            if known.setdefault(rival.name, rival) != rival:
                raise mistake(
                    f"{rival.name!r} is already the name of another rival", "Give one of them another name.", at
                )


def _named(market: Market) -> Iterator[tuple[str, str, At]]:
    """Yield each name that a market takes, what it names, and the keys of the setting that gives it."""
    if market.twin_of:
        for name in dict.fromkeys((market.name, *market.learners)):
            yield name, "a twin", ("markets", market.twin_of, "twins")
        return
    yield market.name, "a market", ("markets", market.name)
    for name in market.learners:
        yield name, "a learner", ("markets", market.name, "learners", name)
