"""Parts of a run that are given as Python objects instead of by name. Knows which setting each one replaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from abm.audience import Audience
from abm.llm.backends import Backends
from abm.llm.port import LLM
from learning.methods import TrainingSet, learn_weights
from learning.runs.trainers import TrainersByArm
from learning.settings.audiences import check_audiences
from learning.settings.config import LLM_AUDIENCE, RunConfig
from learning.training.settings import LoraSettings, check_preset
from learning.training.trainer import TRAINERS, LoRATrainer, Trained, Trainer
from moloch import extras
from moloch.errors import InputError, MolochError


@dataclass(frozen=True)
class Objects:
    """The objects that a run was given, and the settings that were given in their place.

    Attributes:
        settings: settings that arrived under an object's name, such as ``audience="neutral"``.
        reader_place: the server of the model that plays the personas, where that was given as an address.
    """

    llm: LLM | None = None
    reader: LLM | None = None
    audience: Audience | None = None
    trainer: Trainer | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    reader_place: str = ""

    @classmethod
    def of(
        cls,
        *,
        llm: LLM | str | None = None,
        reader: LLM | Mapping[str, Any] | str | None = None,
        audience: Audience | str | None = None,
        trainer: Trainer | None = None,
    ) -> Objects:
        """Tell objects from settings.

        Raises:
            InputError: one of them is neither.
        """
        _check("llm", llm, "complete")
        _check("reader", reader, "complete")
        _check("audience", audience, "react")
        _check("trainer", trainer, "train")
        settings: dict[str, Any] = {}
        if isinstance(llm, str):
            settings["serving"] = {"llm": llm}
        if isinstance(reader, Mapping):
            settings["reader"] = dict(reader)
        if isinstance(audience, str):
            settings["audience"] = audience
        return cls(
            llm=None if isinstance(llm, str) else llm,
            reader=None if isinstance(reader, Mapping | str) else reader,
            audience=None if isinstance(audience, str) else audience,
            trainer=trainer,
            settings=settings,
            reader_place=reader if isinstance(reader, str) else "",
        )

    def named(self, config: RunConfig) -> RunConfig:
        """Return the settings with the objects' names where a name is recorded."""
        names: dict[str, str] = {}
        if self.llm is not None:
            names["model"] = self.llm.name
        if self.audience is not None:
            names["audience"] = name_of(self.audience)
        elif self.reader is not None:
            names["audience"] = LLM_AUDIENCE
        return config.model_copy(update=names)

    def models(self, config: RunConfig, backends: Backends) -> tuple[LLM, LLM]:
        """Return the model that writes, and the one that plays the personas; by default they are the same."""
        self._check(config, backends)
        writer = self.llm or backends.llm(config.model)
        if not config.asks_reader:
            return writer, writer
        if self.reader is not None:
            return writer, self.reader
        same = self.llm is not None and config.reader_model == config.model
        return writer, writer if same else backends.llm(config.reader_model)

    def others(self, config: RunConfig, backends: Backends) -> dict[str, LLM]:
        """Return competitor -> model, for those for whom another one writes."""
        return {name: backends.llm(model) for name, model in config.other_writers.items()}

    def voting(self, config: RunConfig, backends: Backends) -> dict[str, LLM]:
        """Return evaluation audience -> the model that plays its personas, of those that one plays."""
        return {name: self._known(config, model) or backends.llm(model) for name, model in config.voting_models.items()}

    def reach(self, config: RunConfig, backends: Backends) -> None:
        """See that the servers that will be asked are there, before anything is loaded or written.

        Raises:
            InputError, ServiceError: as :meth:`abm.llm.backends.Backends.reach`.
        """
        self._check(config, backends)
        backends.reach(self._named(config))

    def _check(self, config: RunConfig, backends: Backends) -> None:
        """See that each name is one of an audience or a model."""
        check_audiences(config.evaluation_audiences, config.serving, (config.model, config.reader_model))
        backends.check(self._named(config))

    def _known(self, config: RunConfig, model: str) -> LLM | None:
        """Return the object that was given for a model; None where it is opened by its name."""
        if self.reader is not None and model == config.reader_model:
            return self.reader
        return self.llm if model == config.model else None

    def _named(self, config: RunConfig) -> list[str]:
        """Return the models that are opened by their names, not given as objects."""
        named = [] if self.llm is not None else [config.model]
        asked = (model for model in config.asked_models if self._known(config, model) is None)
        return list(dict.fromkeys([*named, *asked, *config.other_writers.values()]))

    def check_preset(self, config: RunConfig) -> None:
        """Refuse a preset that does not suit the model, unless a trainer of the caller's own learns.

        Raises:
            InputError: it is the pocket model's, and the model is another one.
        """
        if self.trainer is None:
            check_preset(config.preset, config.model)

    def trainer_of(self, config: RunConfig, adapters: Path) -> Trainer:
        """Return what learns the adapters.

        Raises:
            InputError: a model has no files here to learn with, or the learn extra is not installed.
        """
        if self.trainer is not None:
            return self.trainer
        learning = {arm.name: arm.model for arm in config.all_arms.values() if learn_weights([arm.method])}
        if not learning:
            return NoTrainer()
        trainers = {model: _trainer(model or config.model, adapters) for model in dict.fromkeys(learning.values())}
        usual = trainers.get("", NoTrainer())
        others = {name: trainers[model] for name, model in learning.items() if model}
        return TrainersByArm(usual, others) if others else usual


def _trainer(model: str, adapters: Path) -> Trainer:
    """Return what learns a model's adapters: LoRA, unless the model has a trainer of its own."""
    if model in TRAINERS:
        return TRAINERS.get(model)(model, adapters)
    extras.need("learn", "learning")
    return LoRATrainer(model, adapters)


class NoTrainer:
    """Stands for a trainer in a run whose arms learn no weights: it needs no files of a model, and is never asked."""

    def train(
        self, data: TrainingSet, *, parent: str, settings: LoraSettings, seed: int, lineage: dict[str, Any]
    ) -> Trained:
        """Learn nothing.

        Raises:
            MolochError: always.
        """
        raise MolochError("no arm of this run learns weights")


def _check(name: str, given: object, method: str) -> None:
    """Refuse what is neither a setting nor a part with its method."""
    if not (given is None or isinstance(given, str | Mapping) or callable(getattr(given, method, None))):
        raise InputError(
            f"{name} is neither a setting nor an object that serves as one: {type(given).__name__}",
            why=f"it has no method {method}()",
        )


def name_of(audience: Audience) -> str:
    """Return what records call an audience: its ``name``, or that of its class."""
    return str(getattr(audience, "name", type(audience).__name__))
