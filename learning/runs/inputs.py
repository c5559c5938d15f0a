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
from abm.arenas.anchors import AnchorSplit, load_anchors
from abm.audience import AUDIENCES, Audience, ChoiceModel, Labels, Voters
from abm.audience import audience as choice_model
from abm.audience.weights import BUILT_IN
from abm.events import Split
from abm.surveys import Questionnaire, load_questionnaire
from abm.tasks import TaskSet
from abm.worlds.networked.graphs import audience_graphs
from abm.worlds.networked.interventions import check_network, openings
from learning.arms.arm import Arm
from learning.arms.markets import Market
from learning.arms.rivals import Rival
from learning.methods import METHODS
from learning.plan.order import TRAIN_ANCHORS, plan
from learning.runs.input_checks import (
    check_classes,
    check_examples,
    check_instructions,
    check_interventions,
    check_methods,
    check_source_readers,
    check_surveys,
)
from learning.runs.other_arenas import OtherArena, other_arenas
from learning.runs.sides import anchors_of, crowd_of, people_of
from learning.runs.tasks import task_sets
from learning.settings.arena_mistakes import check_arena_file
from learning.settings.config import LLM_AUDIENCE, RunConfig
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
    if said is None:  # a run that has begun stays what it is
        check_arena_file(config.arena)
    anchors_read, people_read = cache(lambda: _anchors(config, rules)), cache(lambda: _people(config))
    personas_react = cache(lambda: audience or _audience(config.audience, said))
    crowd_reacts = cache(lambda: _model(config.crowd.audience, "crowd", said))
    asked = cache(lambda: tuple(load_questionnaire(survey.questions) for survey in config.surveys))
    vote_too = cache(lambda: _evaluation_audiences(config, said))
    check_all(anchors_read, people_read, personas_react, crowd_reacts, vote_too, asked, lambda: check_classes(config))
    anchors, people = anchors_read(), people_read()
    voters, originals = _voters(people, config)
    arms, lora = config.all_arms, lora_of(config)
    check_methods(config, arms, lora)
    train_anchors = min(config.train_anchors or TRAIN_ANCHORS, len(anchors.train))
    check_instructions(arms, train_anchors)
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
    check_source_readers(config, _choosers(config, inputs))
    check_interventions(config, parts)
    check_surveys(config, parts)
    return inputs


def _choosers(config: RunConfig, inputs: Inputs) -> list[Audience]:
    """Return all choice models that vote."""
    crowd = [inputs.crowd] if config.crowd.size else []
    return [each for each in (inputs.audience, *crowd, *inputs.evaluation_audiences.values()) if each is not None]


def _anchors(config: RunConfig, rules: Arena) -> AnchorSplit:
    anchors = load_anchors(config.anchors, rules, drop_near=config.near_duplicates == "drop")
    check_examples(rules, anchors)
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
            why="personas are asked one by one, and all count the same",
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


def largest_rank(lora: Mapping[str, LoraSettings]) -> int:
    """Return the largest rank of the arms' adapters, which a server has to have room for."""
    return max(settings.rank for settings in lora.values())


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
