"""Arms: what one run compares. An arm is a name for a way of learning with its settings, and for what it is compared with.

The short form of the setting ``arms`` is a list of methods, each an arm of that name. The long form names the arms::

    arms:
      slow: {method: rft, compared_with: control}
      fast: {method: rft, lora: {lr: 1e-2}, compared_with: control}
      gated: {method: rft, mitigations: [truth_gate], compared_with: control}
      control: {method: placebo, rows_of: slow}

Arms of a mapping go in the order of their names, as those of a log do: it has no order of its own. A list keeps its order, and an item
of it may have settings, too (:mod:`learning.arms.arm_list`). An arm of this setting competes with itself; those that meet rivals stand under ``markets`` (:mod:`learning.arms.markets`) and are arms as well.

Reads settings and records of old and new logs; knows nothing of how methods work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
)
from pydantic_core import PydanticCustomError

from learning.arms.arm_list import listed
from learning.arms.base_models import base_names, model_given
from learning.arms.markets import BASE, SHARED, SOLO, Market, entries, recorded_share, solo
from learning.arms.memory_settings import MemorySettings, RoundMemory, memory_of
from learning.arms.repeats import MOST, repeat_names, repeats_in
from moloch.records import InUnit
from moloch.yamls import Keys

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""Names of arms are parts of call sites, files and addresses."""


@dataclass(frozen=True)
class Arm:
    """One arm.

    Attributes:
        method: how it learns, by name.
        lora: settings of the trainer that differ from those of the run.
        compared_with: the arm that differences are taken from, beside those from the base model; empty for none.
        market: the name of the market in which it learns; ``solo`` where it meets nobody but itself.
        mitigations: what is done against misbehaviour in what it learns: name -> settings, in the order of names.
        rows_of: the arm to whose number of rows its training sets are brought, in every epoch; empty for none.
        evaluated: whether it meets the base model on held-out anchors.
        model: the base model on which it stands, where it is not the run's.
        memory: of its past rounds, in its prompts while it learns; None for none.
        source_readers: share of those who vote in its training contests who read the source, 0 .. 1; None: as in all of the run.
        repeat_of: the arm of which it is a further training, and ``repeat``: which one, from 2 (:mod:`learning.arms.repeats`);
            empty and 1 for an arm itself.
    """

    name: str
    method: str
    lora: Mapping[str, Any] = field(default_factory=dict)
    compared_with: str = ""
    market: str = SOLO
    mitigations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows_of: str = ""
    evaluated: bool = True
    model: str = ""
    memory: RoundMemory | None = None
    source_readers: float | None = None
    repeat_of: str = ""
    repeat: int = 1


def arms_of(record: Mapping[str, Any]) -> dict[str, Arm]:
    """Return name -> arm of recorded settings, in their order, the learners of markets after the rest; empty where they are
    not those of a run.

    Args:
        record: settings as a log holds them (:class:`abm.events.RunConfigured`), of the short or the long form.
    """
    model = record.get("model")
    arms = _solo_arms(record.get("arms"), model)
    for entry in entries(record.get("markets")):
        market = entry.market
        for name, given in entry.learners.items():
            evaluated, share = name in market.evaluated, market.source_readers
            arms[name] = replace(
                _arm(name, given, model), market=market.name, evaluated=evaluated, source_readers=share
            )
    return arms


def _solo_arms(arms: object, model: object) -> dict[str, Arm]:
    if isinstance(arms, Mapping):
        given = {str(name): settings for name, settings in arms.items() if isinstance(settings, Mapping)}
    else:
        given = listed(arms)
    return {
        arm.name: arm for name, settings in given.items() for arm in _repeated(_arm(name, settings, model), settings)
    }


def _repeated(arm: Arm, settings: Mapping[str, Any]) -> Iterator[Arm]:
    """Yield an arm, and its further trainings."""
    yield arm
    for number, name in enumerate(repeat_names(arm.name, repeats_in(settings))[1:], 2):
        yield replace(arm, name=name, repeat_of=arm.name, repeat=number)


def _arm(name: str, given: Mapping[str, Any], model: object) -> Arm:
    lora = given.get("lora")
    return Arm(
        name=name,
        method=str(given.get("method", "")),
        lora=lora if isinstance(lora, Mapping) else {},
        compared_with=str(given.get("compared_with") or ""),
        rows_of=str(given.get("rows_of") or ""),
        model=model_given(given, model),
        memory=memory_of(given.get("memory")),
        mitigations=_mitigations(given.get("mitigations")),
        source_readers=recorded_share(given.get("source_readers")),
    )


def bases_of(record: Mapping[str, Any], arms: Mapping[str, Arm]) -> dict[str, str]:
    """Return arm -> the name under which its base model writes, for those that do not stand on the run's model."""
    model = str(record.get("model", ""))
    names = base_names(model, (arm.model or model for arm in arms.values()))
    return {arm.name: names[arm.model] for arm in arms.values() if arm.model}


def _mitigations(given: object) -> dict[str, Mapping[str, Any]]:
    """Return the mitigations of a record, of the short or the long form; what is none is left out."""
    if isinstance(given, list | tuple):
        return {name: {} for name in sorted({each for each in given if isinstance(each, str)})}
    if not isinstance(given, Mapping):
        return {}
    return {str(name): own for name, own in sorted(given.items()) if isinstance(own, Mapping)}


def markets_of(record: Mapping[str, Any], messages: int) -> tuple[Market, ...]:
    """Return the markets of all arms, those of arms that compete with themselves among them, in the order in which they learn.

    A market comes after those that hold the arms whose numbers of rows its learners take.

    Args:
        record: settings as a log holds them.
        messages: of a contest in which an arm competes with itself.
    """
    arms = arms_of(record)
    left = [solo(arm.name, messages, arm.source_readers) for arm in arms.values() if arm.market == SOLO]
    left += [entry.market for entry in entries(record.get("markets"))]
    if bases := bases_of(record, arms):
        own = [{each: bases[each] for each in market.learners if each in bases} for market in left]
        left = [replace(market, bases=its) for market, its in zip(left, own, strict=True)]
    ordered: list[Market] = []
    while left:
        waiting = {learner for market in left for learner in market.learners}
        free = (m for m in left if not {arms[each].rows_of for each in m.learners} & (waiting - set(m.learners)))
        ordered.append(following := next(free, left[0]))
        left.remove(following)
    return tuple(ordered)


def comparators(record: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Return arm -> the arm that it is compared with, for those that are compared with one.

    Args:
        record: settings as a log holds them.
        names: the arms of the log; where the settings name none, they count as the short form.
    """
    arms = arms_of(record) or arms_of({"arms": list(names)})
    return {arm.name: arm.compared_with for arm in arms.values() if arm.compared_with}


# -- as a setting ------------------------------------------------------------------------------------------

NAMES, TABLE, BARE, ONE = "<names>", "<table>", "<bare>", "<one>"
"""Tags of the two forms, and of what a list holds; they appear in the paths of pydantic's errors, where :func:`setting_keys` takes them out."""


def _form(value: Any) -> str:
    return TABLE if isinstance(value, Mapping) else NAMES


MitigationSettings = Annotated[
    Annotated[tuple[str, ...], Tag(NAMES)] | Annotated[dict[str, dict[str, Any]], Tag(TABLE)], Discriminator(_form)
]
"""The type of the setting ``mitigations`` of an arm: names, or a mapping from names to settings."""


class ArmSettings(BaseModel):
    """An arm of the long form. Its record holds what was given, so that a later default changes no old record."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str
    """The learning method: ``rft``, ``tfb``, ``placebo``, ``dpo``, ... or one of an extension."""
    lora: dict[str, Any] = {}
    """Settings of the trainer that differ from those of the run (``lora``)."""
    compared_with: str | None = None
    """The arm that this one is compared with, besides the base model. In a list of arms by default ``placebo``."""
    rows_of: str | None = None
    """The arm to whose number of rows the training sets of this one are brought. In a list of arms the placebo has those of the
    first arm."""
    model: str | None = None
    """The base model of the arm. By default that of the run."""
    memory: MemorySettings | None = None
    """What it remembers of past rounds; see :mod:`learning.arms.memory_settings`."""
    mitigations: MitigationSettings = ()
    """What is done against misbehaviour in what the arm learns from: names, or names with settings."""
    source_readers: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the voters in the arm's training contests who read the anchor. By default ``source_readers.train``."""
    repeats: Annotated[int, InUnit("trainings")] = Field(1, ge=1, le=MOST)
    """Independent trainings of the arm, each with picks and weights of its own."""

    @model_serializer(mode="wrap")
    def _given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


def _name(name: str) -> str:
    if name in (BASE, SHARED, SOLO):
        raise mistake(f"the name {name!r} is reserved", "Give it another name.")
    if not NAME.fullmatch(name):
        raise mistake(
            "a name has lower-case letters, digits and _, and begins with a letter", f"Give {name!r} another name."
        )
    return name


def _checked(arms: Arms) -> Arms:
    """Reject arms that cannot be distinguished; records have no order of keys, and arms learn in the order of their names."""
    if isinstance(arms, Mapping):
        return dict(sorted(arms.items()))
    names = [name for _, name, _ in stated(arms)]
    if twice := next((name for i, name in enumerate(names) if name in names[:i]), ""):
        fix = f"Name them: {{{twice}: {{method: {twice}}}, other: {{method: {twice}, lora: {{lr: 1e-3}}}}}}."
        raise mistake(f"two arms are called {twice!r}", fix)
    return arms


def check_references(arms: Mapping[str, Arm], at: Mapping[str, Keys]) -> None:
    """Reject comparisons that are meaningless, and numbers of rows that are nobody's.

    Args:
        arms: all of a run, by name; ``at``: arm -> the keys under which its settings stand.
    """
    evaluated = [each.name for each in arms.values() if each.evaluated]
    for name, keys in at.items():
        arm = arms[name]
        _check_named(name, arm.compared_with, evaluated, "be compared with", (*keys, "compared_with"))
        _check_named(name, arm.rows_of, list(arms), "have the rows of", (*keys, "rows_of"))
        if arm.rows_of and (first := arms[arm.rows_of].rows_of):
            why = f"{arm.rows_of!r} is brought to the rows of {first!r} itself"
            raise mistake(why, f"Write rows_of: {first}.", (*keys, "rows_of"))
        if arm.compared_with and arm.model != arms[arm.compared_with].model:
            why = f"{arm.compared_with!r} is on another base model"
            fix = "Each is evaluated against its own base model: compare arms of one model."
            raise mistake(why, fix, (*keys, "compared_with"))


def _check_named(name: str, other: str, arms: Sequence[str], does: str, at: Keys) -> None:
    """Reject a setting that names no other arm."""
    if other == name:
        raise mistake(f"an arm cannot {does} itself", "Name another arm.", at)
    if other and other not in arms:
        near = get_close_matches(other, arms, n=1)
        fix = f"Did you mean {near[0]!r}? " if near else ""
        raise mistake(f"there is no arm {other!r}", f"{fix}Arms are {', '.join(arms)}.", at)


def mistake(why: str, fix: str, keys: Keys = ()) -> PydanticCustomError:
    """Return what is wrong with arms, how to fix it, and the further keys of the setting that it is in."""
    return PydanticCustomError("arms", "{why}", {"why": why, "fix": fix, "keys": keys})


def _item_form(item: Any) -> str:
    return ONE if isinstance(item, Mapping) else BARE


def _one(item: dict[str, ArmSettings]) -> dict[str, ArmSettings]:
    if len(item) != 1:
        raise mistake(
            f"an item of the list is one arm, and this one has {len(item)} keys", "Write {name: {method: …}}."
        )
    return item


Name = Annotated[str, AfterValidator(_name)]
Item = Annotated[
    Annotated[Name, Tag(BARE)] | Annotated[dict[Name, ArmSettings], AfterValidator(_one), Tag(ONE)],
    Discriminator(_item_form),
]
Arms = Annotated[
    Annotated[tuple[Item, ...], Tag(NAMES)] | Annotated[dict[Name, ArmSettings], Tag(TABLE)],
    Discriminator(_form),
    AfterValidator(_checked),
]
"""The type of the setting ``arms``; :func:`stated` yields its arms."""


def stated(arms: Arms) -> Iterator[tuple[Keys, str, ArmSettings | None]]:
    """Yield each arm of the setting: the keys under which it stands, its name, and its settings; None for a bare name."""
    if isinstance(arms, Mapping):
        yield from ((("arms", name), name, settings) for name, settings in arms.items())
        return
    for i, item in enumerate(arms):
        if isinstance(item, str):
            yield ("arms", i), item, None
        else:
            yield from ((("arms", i, name), name, settings) for name, settings in item.items())


def arms_in(arms: Arms, markets: Mapping[str, BaseModel] | None = None, model: str = "") -> dict[str, Arm]:
    """Return name -> arm of the settings ``arms`` and ``markets`` of a run whose model is ``model``."""
    return arms_of(as_recorded(arms, markets or {}, model))


def as_recorded(arms: Arms, markets: Mapping[str, BaseModel], model: str = "") -> dict[str, Any]:
    """Return the settings ``arms``, ``markets`` and ``model`` as a log holds them."""
    if isinstance(arms, Mapping):
        alone: Any = {name: arm.model_dump() for name, arm in arms.items()}
    else:
        alone = [name if arm is None else {name: arm.model_dump()} for _, name, arm in stated(arms)]
    return {"arms": alone, "markets": {name: market.model_dump() for name, market in markets.items()}, "model": model}


def named_methods(arms: Arms) -> Iterator[tuple[Keys, str]]:
    """Yield the methods that arms name, each with the keys of the setting that names it."""
    for keys, name, arm in stated(arms):
        yield (keys, name) if arm is None else ((*keys, "method"), arm.method)


def declares_rows(arms: Arms, name: str) -> bool:
    """Return whether an arm's settings name the arm whose rows it has, which the place in a list does else."""
    return any(arm is not None and bool(arm.rows_of) for _, each, arm in stated(arms) if each == name)


def setting_keys(error: Mapping[str, Any]) -> Keys:
    """Return the keys of the setting that one of pydantic's errors is about, as the settings' file has them."""
    keys = (key for key in error["loc"] if key not in (NAMES, TABLE, BARE, ONE, "[key]"))
    return (*keys, *error.get("ctx", {}).get("keys", ()))
