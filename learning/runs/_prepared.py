"""A run before anything of it is written: settings, extensions, people, anchors, probes and learner, each seen to be in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from abm.events import SourceChecked
from abm.llm.backends import Backends
from abm.llm.budget import Bounds, Budget
from abm.llm.scores import check_scored
from abm.log import EventLog, check_folder
from abm.probe import PROBES, Probe, try_out
from learning.runs import own_data
from learning.runs.inputs import Inputs, gather, largest_rank
from learning.runs.objects import Objects
from learning.runs.other_arenas import all_of, probes_elsewhere
from learning.runs.parts import GivenProbes, chosen_probes, computing, settled
from learning.runs.rival_adapters import check_fit, largest_rival_rank, to_adopt
from learning.runs.verdicts import JUDGING, check_judges, check_source_probe
from learning.settings.config import LLM_AUDIENCE, RunConfig
from learning.settings.mitigated import all_probes
from learning.training.trainer import Trainer
from moloch import extensions
from moloch.errors import InputError
from moloch.extensions import Extension

LEFT_OVER = {own_data.FOLDER, "LOCK", "log", "run.json.new"}
"""What a run that could not begin, as on a full disk, leaves in its folder."""


@dataclass(frozen=True)
class PreparedRun:
    """A run that can be carried out.

    Attributes:
        loaded: its extensions.
        judges: the probes that judge in its arena; ``elsewhere``: in other arenas, by arena.
        learner: learns the adapters.
    """

    config: RunConfig
    folder: Path
    objects: Objects
    loaded: Sequence[Extension]
    inputs: Inputs
    judges: Sequence[Probe]
    elsewhere: dict[str, list[Probe]]
    budget: Budget
    learner: Trainer

    @property
    def adapters(self) -> Path:
        """The folder of its adapters."""
        return self.folder / "adapters"

    @property
    def is_new(self) -> bool:
        """Whether its folder holds no run yet."""
        return not (self.folder / "run.json").exists()

    @property
    def everybody(self) -> list[Probe]:
        """Every probe that judges anything in it: mitigations have some, too."""
        return all_of(all_probes(self.config, self.inputs.arena, self.judges), self.elsewhere)

    def backends(self) -> Backends:
        """Return what opens its models."""
        rank = max(largest_rank(self.inputs.lora), largest_rival_rank(self.config, self.adapters))
        return Backends(
            self.config.serving, adapters=self.adapters, rank=rank, budget=self.budget, **computing(self.config)
        )

    def check_models(self, backends: Backends) -> None:
        """See that models are where settings say and can do what is asked of them: those of a new run, and rivals that are adopted.

        Raises:
            InputError, ServiceError: one is not there, or cannot.
        """
        config, objects = self.config, self.objects
        if self.is_new:
            objects.reach(config, backends)
            _, asked = objects.models(config, backends)
            objects.check_preset(config)
            if config.reader.answer == "letters":
                own = [asked] if config.audience == LLM_AUDIENCE else []
                for model in {id(llm): llm for llm in (*own, *objects.voting(config, backends).values())}.values():
                    check_scored(model)
        if coming := to_adopt(config, self.adapters):
            check_fit(coming, objects.models(config, backends)[0], objects.others(config, backends))

    def check_judged(self, log: EventLog) -> None:
        """See that what a log holds was judged by these probes, in these versions.

        Raises:
            InputError: it was judged by others.
        """
        said = (event for block in log.blocks() for event in block.events(JUDGING))
        check_judges(said, self.judges, str(self.folder), self.everybody[len(self.judges) :])
        if self.config.source_shares:
            read = (event for block in log.blocks() for event in block.events({SourceChecked}))
            checked = (event for event in read if isinstance(event, SourceChecked))
            check_source_probe(checked, PROBES.get(self.config.source_readers.probe)(), str(self.folder))


def prepared(config: RunConfig, out: Path | str | None, probes: GivenProbes | None, objects: Objects) -> PreparedRun:
    """Return a run that can be carried out, or resumed; a mistake in what it needs leaves no half-begun run behind.

    Args:
        config, out, probes, objects: as :func:`learning.runs.run.stepwise` takes them.

    Raises:
        InputError: something is not valid, not there, or not fit to be a part.
        LogError: the folder holds a run that cannot be opened.
    """
    config = objects.named(config)
    folder = Path(out) if out is not None else config.default_folder()
    if not (folder / "run.json").exists():
        check_folder(folder)
        check_free(folder)  # before a model is loaded
    config = settled(config, folder)
    loaded = extensions.load(config.extensions)
    inputs = gather(own_data.at_hand(config, folder), audience=objects.audience)
    config, judges = chosen_probes(config, inputs.arena, probes)
    try_out(judges, inputs.anchors.held_out[0], inputs.arena)
    elsewhere = probes_elsewhere(config, judges, inputs.other_arenas)
    budget = Budget(Bounds(**config.budget.model_dump(exclude={"shared"})))
    learner = objects.trainer_of(config, folder / "adapters")  # what cannot be trained fails before a server is asked
    return PreparedRun(config, folder, objects, loaded, inputs, judges, elsewhere, budget, learner)


def check_free(folder: Path) -> None:
    """See that a folder holds nothing but what a run that could not begin leaves.

    Raises:
        InputError: it holds other files.
    """
    if folder.is_dir() and any(entry.name not in LEFT_OVER for entry in folder.iterdir()):
        why = "it holds other files, and no run.json"
        fix = "Choose an --out that is new or empty."
        raise InputError("the folder is not a run", where=str(folder), why=why, fix=fix)
