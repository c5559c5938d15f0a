"""What a run's settings, files and arms must be to each other: each check refuses with an error that says what is wrong, where, and why.

Knows what was read; reads nothing. A run is checked whole before it begins, so that no mistake leaves a half-begun run behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from abm.arenas import Arena
from abm.arenas.anchors import AnchorSplit, clean
from abm.audience import Audience, SourceFindings, informed
from abm.probe import PROBES
from abm.worlds.networked.settings import Intervention
from abm.worlds.roles import POLICY, competitor_class, member_class
from learning.arms.arm import Arm, declares_rows
from learning.arms.markets import SOLO
from learning.methods import METHODS, InstructionMethod, check_options
from learning.plan.parts import Evaluate, Plan, Simulate, Survey
from learning.settings.config import LLM_AUDIENCE, RunConfig
from learning.training.settings import LoraSettings
from moloch.errors import InputError


def check_methods(config: RunConfig, arms: Mapping[str, Arm], lora: Mapping[str, LoraSettings]) -> None:
    """Refuse an option that no method of the run has, or not the arm's own, and values that a method does not take."""
    check_options([arm.method for arm in arms.values()], config.lora.get("options") or ())
    if config.audience == LLM_AUDIENCE and config.reader.answer == "letters":  # evaluation teaches nothing
        for arm in arms.values():
            if METHODS.get(arm.method).reads_thoughts:
                raise InputError(
                    f"arm {arm.name!r} learns from thoughts, and there are none",
                    why="reader.answer is letters: readers write nothing",
                    fix="Leave the arm out, or set reader.answer=tags.",
                )
    for arm in arms.values():
        check_options([arm.method], arm.lora.get("options") or ())
        METHODS.get(arm.method).configured(lora[arm.name].for_methods)
        if arm.rows_of and (arm.market != SOLO or declares_rows(config.arms, arm.name)):
            _check_alike(arm, arms[arm.rows_of], lora)


def _check_alike(arm: Arm, other: Arm, lora: Mapping[str, LoraSettings]) -> None:
    """Refuse an arm that was declared to learn from as much as another, and would not."""
    kinds = [METHODS.get(each.method) for each in (arm, other)]
    told = [issubclass(kind, InstructionMethod) for kind in kinds]
    if not any(told):
        _check_steps(arm, lora)
        return
    if not all(told):
        raise InputError(
            f"{arm.name} cannot have the rows of {other.name}",
            why=f"one of {arm.method} and {other.method} learns weights from rows, the other instructions",
            fix="Leave rows_of out, or name a twin that learns in the same way: for prompt it is prompt_random.",
        )
    own, its = (kind.configured(lora[each.name].for_methods) for kind, each in zip(kinds, (arm, other), strict=True))
    for name in InstructionMethod.__struct_fields__:
        if getattr(own, name) != getattr(its, name):
            raise InputError(
                f"with the rows of {other.name}, {arm.name} would not make as many calls",
                why=f"lora.options.{name} is {getattr(own, name)} for {arm.name} and {getattr(its, name)} for {other.name}",
                fix=f"Set lora.options.{name} for the run, or to the same value for both.",
            )


def _check_steps(arm: Arm, lora: Mapping[str, LoraSettings]) -> None:
    """Refuse an arm that was declared to have the rows of another, and would take other steps with them."""
    for name in ("batch", "repeat"):
        own, other = (getattr(lora[each], name) for each in (arm.name, arm.rows_of))
        if own != other:
            raise InputError(
                f"with the rows of {arm.rows_of}, {arm.name} would not take as many steps",
                why=f"lora.{name} is {own} for {arm.name} and {other} for {arm.rows_of}",
                fix=f"Set lora.{name} for the run, or to the same value for both.",
            )


def check_instructions(arms: Mapping[str, Arm], train_anchors: int) -> None:
    """Refuse an arm that learns instructions where there is no anchor to try them on."""
    for arm in arms.values():
        if not issubclass(METHODS.get(arm.method), InstructionMethod):
            continue
        if train_anchors < 2:
            raise InputError(
                f"arm {arm.name!r} needs two training anchors",
                why="it reads contests about some of them, and tries its proposals on others",
                fix="Raise train_anchors.",
            )


def check_examples(rules: Arena, anchors: AnchorSplit) -> None:
    """Refuse an example about a held-out anchor: its message would be known before it is written."""
    held_out = {clean(anchor.text) for anchor in anchors.held_out}
    for number, example in enumerate(rules.examples):
        if clean(example.anchor) in held_out:
            raise InputError(
                f"examples.{number} is about a held-out anchor",
                why=f"the writers would see an anchor of the evaluation: {example.anchor.splitlines()[0]}",
                fix="Invent an anchor for it, or use one to train on.",
            )


def check_classes(config: RunConfig) -> None:
    """Refuse classes of members and competitors that are not there."""
    if config.competitor != POLICY:
        competitor_class(config.competitor)
    for name in config.members:
        member_class(name)


def check_interventions(config: RunConfig, coming: Plan, kept: Sequence[Intervention] = ()) -> None:
    """Refuse an intervention that waits for a society which does not come.

    Args:
        coming: the parts of the plan in which one can still take effect.
        kept: interventions that may be over, being those of the run that a fork continues.

    Raises:
        InputError: names the first.
    """
    societies = [part.makes for part in coming if isinstance(part, Simulate | Evaluate)]
    for number, item in enumerate(config.network.interventions):
        comes = any(item.phase in (None, each.phase) and item.epoch in (None, each.epoch) for each in societies)
        if not comes and item not in kept:
            raise _never(config, coming, f"network.interventions.{number}", item)


def _never(config: RunConfig, coming: Plan, where: str, item: Intervention) -> InputError:
    if item.epoch is not None and item.epoch > config.epochs:
        return InputError(f"{where} waits for epoch {item.epoch}, and there are {config.epochs}")
    evaluated = sorted({part.epoch for part in coming if isinstance(part, Evaluate)})
    if item.phase == "evaluate" and config.evaluate == "last" and item.epoch not in (None, config.epochs):
        return InputError(
            f"{where} waits for the evaluation of epoch {item.epoch}",
            why=f"only epoch {evaluated[0]} is evaluated",
            fix="Set evaluate: every.",
        )
    society = " ".join(filter(None, [item.phase or "", f"epoch {item.epoch}" if item.epoch else ""]))
    return InputError(f"{where} waits for {society}", why="its contests are held before the fork")


def check_source_readers(config: RunConfig, audiences: Sequence[Audience]) -> None:
    """Refuse members who are to read the source and cannot, and a probe that is not there.

    Args:
        audiences: those in which some members read the source, models that play personas left out.

    Raises:
        InputError: says which audience, and what it lacks.
    """
    if not config.source_shares:
        return
    PROBES.get(config.source_readers.probe)
    for each in audiences:
        informed(each, SourceFindings("", (0, 0)))


def check_surveys(config: RunConfig, parts: Plan) -> None:
    """Refuse a questionnaire that waits for a moment which does not come, or comes twice."""
    for number, survey in enumerate(config.surveys):
        epochs = [config.epochs if epoch is None else epoch for epoch in survey.epochs]
        for i, epoch in enumerate(epochs):
            where = f"surveys.{number}.at.{i}"
            if epoch > config.epochs:
                raise InputError(f"{where} waits for epoch {epoch}, and there are {config.epochs}")
            if epoch in epochs[:i]:
                raise InputError(
                    f"{where} names a moment twice", why=f"epoch {epoch} is the last one, the end" if i else ""
                )
            if not any(isinstance(part, Survey) and (part.survey, part.epoch) == (number, epoch) for part in parts):
                why = f"held-out personas read nothing in epoch {epoch}: only epoch {config.epochs} is evaluated"
                raise InputError(f"{where} does not ask anybody", why=why, fix="Set evaluate: every, or who: train.")
