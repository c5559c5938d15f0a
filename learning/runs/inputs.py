"""What a run reads before it begins, all of it checked: a mistake in it leaves no half-begun run behind.

Knows files, settings and who takes part; decides nothing of what happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from abm.arenas import Arena
from abm.arenas.anchors import AnchorSplit, clean, load_anchors
from abm.audience import AUDIENCES, Audience, ChoiceModel, Labels, SourceFindings, Voters, informed
from abm.audience import audience as choice_model
from abm.audience.weights import BUILT_IN
from abm.events import Split
from abm.probe import PROBES
from abm.surveys import Questionnaire, load_questionnaire
from abm.tasks import TaskSet
from abm.worlds.networked.graphs import audience_graphs
from abm.worlds.networked.interventions import check_network, openings
from abm.worlds.networked.settings import Intervention
from abm.worlds.roles import competitor_class, member_class
from learning.arms.arm import Arm, declares_rows
from learning.arms.markets import SOLO, Market
from learning.arms.rivals import Rival
from learning.methods import METHODS, InstructionMethod, check_options
from learning.runs.config import LLM_AUDIENCE, RunConfig
from learning.runs.other_arenas import OtherArena, other_arenas
from learning.runs.plan import TRAIN_ANCHORS, plan
from learning.runs.plan_parts import Evaluate, Plan, Simulate, Survey
from learning.runs.sides import anchors_of, crowd_of, people_of
from learning.runs.tasks import task_sets
from learning.training.settings import LoraSettings, lora_settings
from media_graph import CSR
from moloch.errors import InputError, check_all
from populations import Persona, PersonaSplit, trait_matrix
from populations.personas import first_alike
from populations.sources import read_pool

LORA_PRECISION = {"float32": "float32", "bfloat16": "bf16"}
"""Precision of a run's models -> its name among the trainer's settings."""

SPLITS: tuple[Split, ...] = ("train", "evaluate")
VOTES_TOO = "evaluation audience "
"""Before the name of an evaluation audience, where parts of audiences have names."""


@dataclass(frozen=True)
class Inputs:
    """What a run reads before it begins, checked; made by :func:`gather`.

    Attributes:
        audience: how the personas react; None where a language model plays them: it is opened when the run begins.
        arms: name -> arm, and ``lora``: name -> how its adapters are learnt; ``markets``: in which they learn.
        train_anchors: that an epoch takes.
        voters: the members of each split: its personas, and then its crowd.
        originals: persona index of the one whom each of them is, or is a copy of, shape (members,).
        graphs: who follows whom among them, in a networked world.
        questionnaires: of the surveys, in their order.
        other_arenas: name -> other arena in which arms are evaluated; ``tasks``: name -> set of tasks that writers are put, ``repeats``: answers
            of each writer to each task.
        rivals: name -> rival that does not learn, base left out.
        evaluation_audiences: name -> how members react there; None where a language model plays the personas.
    """

    arena: Arena
    audience: Audience | None
    anchors: AnchorSplit
    people: PersonaSplit
    arms: dict[str, Arm]
    lora: dict[str, LoraSettings]
    markets: tuple[Market, ...]
    crowd: ChoiceModel
    train_anchors: int
    voters: dict[Split, Voters]
    originals: dict[Split, NDArray[np.int64]]
    graphs: dict[Split, CSR]
    questionnaires: tuple[Questionnaire, ...] = ()
    other_arenas: Mapping[str, OtherArena] = field(default_factory=dict)
    tasks: Mapping[str, TaskSet] = field(default_factory=dict)
    repeats: int = 1
    rivals: dict[str, Rival] = field(default_factory=dict)
    evaluation_audiences: Mapping[str, Audience | None] = field(default_factory=dict)

    def market_of(self, arm: str) -> Market:
        """Return the market in which an arm learns."""
        return next(market for market in self.markets if arm in market.learners)

    @property
    def held_out_anchors(self) -> int:
        """Anchors of an evaluation."""
        return len(self.anchors.held_out)

    @property
    def elsewhere(self) -> dict[str, int]:
        """Other arena in which arms are evaluated -> its anchors."""
        return {name: len(other.anchors) for name, other in self.other_arenas.items()}

    @property
    def answers(self) -> dict[str, int]:
        """Set of tasks that are put to writers -> the answers of each, to all of its tasks together."""
        return {name: len(each.tasks) * self.repeats for name, each in self.tasks.items()}

    def split(self, split: Split) -> Sequence[Persona]:
        """Return a split's personas."""
        return self.people.train if split == "train" else self.people.held_out


def gather(
    config: RunConfig, said: Mapping[str, ChoiceModel] | None = None, *, audience: Audience | None = None
) -> Inputs:
    """Read and check everything that the settings name.

    Args:
        said: part of the audience (``personas``, ``crowd``), or name of an evaluation audience behind :data:`VOTES_TOO` -> the choice
            model that a log holds of it, used in place of its file.
        audience: the personas' audience as an object, which comes before the setting.

    Raises:
        InputError: files cannot be read, or hold less than was asked for; what is wrong with any of them is reported together.
    """
    rules = config.rules()
    anchors_read, people_read = cache(lambda: _anchors(config, rules)), cache(lambda: _people(config))
    personas_react = cache(lambda: audience or _audience(config.audience, said))
    crowd_reacts = cache(lambda: _model(config.crowd.audience, "crowd", said))
    asked = cache(lambda: tuple(load_questionnaire(survey.questions) for survey in config.surveys))
    vote_too = cache(lambda: _evaluation_audiences(config, said))
    check_all(anchors_read, people_read, personas_react, crowd_reacts, vote_too, asked, lambda: _check_classes(config))
    anchors, people = anchors_read(), people_read()
    voters, originals = _voters(people, config)
    arms, lora = config.all_arms, lora_of(config)
    _check_methods(config, arms, lora)
    train_anchors = min(config.train_anchors or TRAIN_ANCHORS, len(anchors.train))
    _check_instructions(arms, train_anchors)
    if config.world == "networked":
        held: dict[Split, int] = {"train": train_anchors, "evaluate": len(anchors.held_out)}
        opened: dict[Split, list[int]] = {p: openings(held[p], config.batch, config.network.together) for p in SPLITS}
        fewest = min(len(market.writers) for market in config.all_markets)
        check_network(config.network, opened, {"train": fewest, "evaluate": 2})
    inputs = Inputs(
        arena=rules,
        audience=personas_react(),
        anchors=anchors,
        people=people,
        arms=arms,
        lora=lora,
        markets=config.all_markets,
        crowd=crowd_reacts(),
        train_anchors=train_anchors,
        voters=voters,
        originals=originals,
        graphs=_graphs(people, voters, config),
        questionnaires=asked(),
        rivals=config.all_rivals,
        evaluation_audiences=vote_too(),
        other_arenas=other_arenas(config, rules, anchors),
        tasks=task_sets(config),
        repeats=config.out_of_domain.answers,
    )
    parts = plan(config, inputs)
    _check_source_readers(config, inputs)
    check_interventions(config, parts)
    _check_surveys(config, parts)
    return inputs


def _anchors(config: RunConfig, rules: Arena) -> AnchorSplit:
    anchors = load_anchors(config.anchors, rules, drop_near=config.near_duplicates == "drop")
    _check_examples(rules, anchors)
    return anchors_of(config, anchors)


def _evaluation_audiences(config: RunConfig, said: Mapping[str, ChoiceModel] | None) -> dict[str, Audience | None]:
    return {
        name: None if each.asks_model else _audience(each.audience, said, f"{VOTES_TOO}{name}")
        for name, each in config.evaluation_audiences.items()
    }


def _people(config: RunConfig) -> PersonaSplit:
    people = people_of(config, read_pool(config.personas, config.mapping))
    if people.weighting and not config.resample and not config.crowd.size:
        raise InputError(
            "weights without effect",
            where=str(config.mapping),
            why="personas are asked one by one, and count alike",
            fix="Declare resample: true, or draw a crowd by their weights (crowd: {size: N}).",
        )
    return people


def lora_of(config: RunConfig) -> dict[str, LoraSettings]:
    """Return arm -> how its adapters are learnt: the preset, what its method and the run's models want, the run's settings,
    the arm's own.

    Each comes before those that stand before it; single options of methods, too.
    """
    models = {"precision": LORA_PRECISION.get(config.precision or ""), "threads": config.threads}
    asked = {name: value for name, value in models.items() if value is not None}
    lora: dict[str, LoraSettings] = {}
    for arm in config.all_arms.values():
        preset = config.preset_for(arm.model)
        layers = (METHODS.get(arm.method).trainer_defaults(preset), asked, config.lora, arm.lora)
        changes = {name: value for layer in layers for name, value in layer.items()}
        options = [layer["options"] for layer in layers if isinstance(layer.get("options"), Mapping)]
        if len(options) > 1:
            changes["options"] = {name: value for each in options for name, value in each.items()}
        lora[arm.name] = lora_settings(preset, changes)
    return lora


def _check_methods(config: RunConfig, arms: Mapping[str, Arm], lora: Mapping[str, LoraSettings]) -> None:
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
            fix="Leave rows_of out, or name a twin that learns alike: that of prompt is prompt_random.",
        )
    own, its = (kind.configured(lora[each.name].for_methods) for kind, each in zip(kinds, (arm, other), strict=True))
    for name in InstructionMethod.__struct_fields__:
        if getattr(own, name) != getattr(its, name):
            raise InputError(
                f"with the rows of {other.name}, {arm.name} would not ask as many calls",
                why=f"lora.options.{name} is {getattr(own, name)} for {arm.name} and {getattr(its, name)} for {other.name}",
                fix=f"Set lora.options.{name} for the run, or alike for both.",
            )


def _check_instructions(arms: Mapping[str, Arm], train_anchors: int) -> None:
    """Refuse an arm that learns instructions where there is no anchor to try them on."""
    for arm in arms.values():
        if not issubclass(METHODS.get(arm.method), InstructionMethod):
            continue
        if train_anchors < 2:
            raise InputError(
                f"arm {arm.name!r} needs two training anchors",
                why="it looks back at contests about some, and tries what it proposes on others",
                fix="Raise train_anchors.",
            )


def _check_steps(arm: Arm, lora: Mapping[str, LoraSettings]) -> None:
    """Refuse an arm that was declared to have the rows of another, and would take other steps with them."""
    for name in ("batch", "repeat"):
        own, other = (getattr(lora[each], name) for each in (arm.name, arm.rows_of))
        if own != other:
            raise InputError(
                f"with the rows of {arm.rows_of}, {arm.name} would not take as many steps",
                why=f"lora.{name} is {own} for {arm.name} and {other} for {arm.rows_of}",
                fix=f"Set lora.{name} for the run, or alike for both.",
            )


def largest_rank(lora: Mapping[str, LoraSettings]) -> int:
    """Return the largest rank of the arms' adapters, which a server has to have room for."""
    return max(settings.rank for settings in lora.values())


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


def _check_source_readers(config: RunConfig, inputs: Inputs) -> None:
    """Refuse members who are to read the source and cannot, and a probe that is not there.

    Raises:
        InputError: says which audience, and what it lacks.
    """
    if not config.source_shares:
        return
    PROBES.get(config.source_readers.probe)
    audiences = [inputs.audience] if inputs.audience is not None else []
    audiences += [inputs.crowd] if config.crowd.size else []
    audiences += [each for each in inputs.evaluation_audiences.values() if each is not None]
    for each in audiences:
        informed(each, SourceFindings("", (0, 0)))


def _check_surveys(config: RunConfig, parts: Plan) -> None:
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
                raise InputError(f"{where} asks nobody", why=why, fix="Set evaluate: every, or who: train.")


def _check_examples(rules: Arena, anchors: AnchorSplit) -> None:
    """Refuse an example about a held-out anchor: its message would be known before it is written."""
    held_out = {clean(anchor.text) for anchor in anchors.held_out}
    for number, example in enumerate(rules.examples):
        if clean(example.anchor) in held_out:
            raise InputError(
                f"examples.{number} is about a held-out anchor",
                why=f"what is evaluated would be shown to its writers: {example.anchor.splitlines()[0]}",
                fix="Make up an anchor for it, or take one to train on.",
            )


def _check_classes(config: RunConfig) -> None:
    """Refuse classes of members and competitors that are not there."""
    competitor_class(config.competitor)
    for name in config.members:
        member_class(name)


def _audience(name: str, said: Mapping[str, ChoiceModel] | None, part: str = "personas") -> Audience | None:
    """Return how personas react, by the name of the setting; None where a language model plays them."""
    if name == LLM_AUDIENCE:
        return None
    return AUDIENCES.get(name)() if name in AUDIENCES else _model(name, part, said)


def _model(name: str, part: str, said: Mapping[str, ChoiceModel] | None) -> ChoiceModel:
    """Return the choice model of a part of the audience; a log never redefines a built-in name."""
    return said[part] if said and part in said and name not in BUILT_IN else choice_model(name)


def _voters(people: PersonaSplit, config: RunConfig) -> tuple[dict[Split, Voters], dict[Split, NDArray[np.int64]]]:
    """Return the members of each split, and the persona index of each one's original."""
    voters: dict[Split, Voters] = {}
    originals: dict[Split, NDArray[np.int64]] = {}
    first = 0
    sides: dict[Split, tuple[list[Persona], NDArray[np.float64] | None]] = {
        "train": (people.train, people.weights("train")),
        "evaluate": (people.held_out, people.weights("held_out")),
    }
    for split, (personas, weights) in sides.items():
        names, traits = trait_matrix(personas)
        labels: Sequence[str] = [p.name for p in personas]
        ids = np.arange(first, first + len(personas) + config.crowd.size)
        originals[split] = first + np.array(first_alike(personas), dtype=np.int64)
        if config.crowd.size:
            drawn = crowd_of(config, split, len(personas), weights)
            originals[split] = np.concatenate([originals[split], originals[split][drawn]])
            traits, labels = np.concatenate([traits, traits[drawn]]), Labels(ids, "member ")
        voters[split] = Voters(ids, labels, names, traits)
        first += len(ids)
    return voters, originals


def _graphs(people: PersonaSplit, voters: dict[Split, Voters], config: RunConfig) -> dict[Split, CSR]:
    if config.world != "networked":
        return {}
    personas = {"train": people.train, "evaluate": people.held_out}
    names: dict[Split, list[str]] = {
        split: [*(p.name for p in personas[split]), *(f"member {i}" for i in members.ids[len(personas[split]) :])]
        for split, members in voters.items()
    }
    return audience_graphs(config.network.graph, voters, names, config.seed)
