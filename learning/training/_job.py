"""One training as data: everything that decides it, carried out here or, from a file, in separate processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from abm.llm.adapters import BASE_DIGEST, read_adapter
from learning.methods import LossTerm
from learning.training._adapters import save_adapter
from learning.training._ranks import Ranks
from learning.training.equal_rows import RowsBefore
from learning.training.examples import Examples, Unit
from learning.training.figures import Figures
from learning.training.measured import Drift, StepMeasures, TrainingDiverged, TrainingMeasures
from learning.training.settings import LoraSettings
from learning.training.step import Loss, TrainingStep, likelihood, loss_named, with_terms
from learning.training.unmoved import Unmoved
from moloch.errors import InputError

if TYPE_CHECKING:
    import torch
    from peft import PeftModel


class Trained(msgspec.Struct, frozen=True):
    """What a training did.

    Attributes:
        adapter: id of the adapter.
        rows: examples that were learnt from, before they were repeated.
        over_long: examples refused for their length, and those left out with their contest.
        tokens: tokens that carried loss, over all steps; ``steps``: optimiser steps.
        loss_before, loss_after: mean negative log-likelihood per completion token over the trajectories, without
            dropout; the same quantity for every method, regardless of its loss.
        figures: what the loss says of the training beside its value: name -> mean over it.
        rows_before: what there was before it was brought to another arm's number of rows; None where that changed nothing.
        measured: how it went; None where the trainer does not say.
    """

    adapter: str
    rows: int
    over_long: int
    tokens: int
    steps: int
    loss_before: float
    loss_after: float
    figures: dict[str, float] = {}
    rows_before: RowsBefore | None = None
    measured: TrainingMeasures | None = None


class Job(msgspec.Struct, frozen=True):
    """What is to be learnt, and from where to where.

    Attributes:
        model: folder of the base model, and ``base``: what an adapter calls it.
        adapters: folder that adapters are read from and written to.
        parent: adapter to continue from; empty for a fresh one.
        loss, options, terms: of the training set.
        facts: what the adapter's lineage says beside the versions.
        before: the loss before, where it is known already.
    """

    model: str
    base: str
    adapters: str
    parent: str
    settings: LoraSettings
    seed: int
    examples: Examples
    loss: str
    options: dict[str, Any]
    facts: dict[str, Any]
    before: float | None = None
    terms: list[LossTerm] = []


def learn(job: Job, ranks: Ranks = Ranks()) -> Trained:  # noqa: B008 (immutable)
    """Learn the adapter; with several processes each calls this, and the first writes it.

    Raises:
        InputError: the settings ask for what this machine does not have, the loss cannot be imported, or the parent was learnt with others.
        TrainingDiverged: the loss is not finite; no adapter is written.
        MolochError: memory does not suffice; likewise.
    """
    from learning.training._fit import quiet
    from learning.training.hardware import device_of, on_device

    quiet()
    device = device_of()
    with on_device(device, job.settings):
        return _learn(job, ranks, device)


def _learn(job: Job, ranks: Ranks, device: torch.device) -> Trained:
    import torch

    from abm.llm.local.threads import SMALL, like_one, torch_threads
    from learning.training._fingerprint import logprobs, measure, piece
    from learning.training._fit import finite, fit
    from learning.training.losses import whole_inputs

    settings, units, loss = job.settings, job.examples.units, with_terms(loss_named(job.loss), job.terms)
    model = _model(job, device)
    few = not settings.threads and model.num_parameters() < SMALL
    threads = settings.threads or (_few(model, job, loss, ranks) if few else torch.get_num_threads())
    with torch_threads(threads):
        passes = like_one if few else iter
        text = piece(units[0][0])
        parents = logprobs(model, text) if job.parent else []
        figures = Figures()
        unmoved = Unmoved(model, units, settings.tokens_per_pass, ranks, shared=settings.shares, fresh=not job.parent)

        def step_of(step: Sequence[Unit]) -> TrainingStep:
            held = (settings.tokens_per_pass, ranks, settings.shares, figures, unmoved)
            return TrainingStep(model, step, job.options, *held)

        measures = StepMeasures()
        with whole_inputs(model), _with_measures(measures):
            before = _loss(model, job, ranks) if job.before is None else job.before
            drift_before = _drift(model, job, ranks) if job.parent else None
            steps = fit(
                model,
                units,
                lambda step: passes(loss(step_of(step))),
                settings,
                job.seed,
                ranks,
                _tokenizer(job),
                measures,
            )
            after = _loss(model, job, ranks)
            finite(after, "after training", settings)
            measured = measures.measured(drift_before, _drift(model, job, ranks))
        adapter = ""
        if ranks.rank == 0:
            # engines serve the base unquantised, with other log-probabilities
            known = measure(model, text, parents) if settings.quantize == "none" else None
            lineage = {**job.facts, "versions": _versions()}
            adapter = save_adapter(Path(job.adapters), *_adapter_of(model, job), lineage, known)
    return Trained(
        adapter=adapter,
        rows=sum(map(len, units)),
        over_long=job.examples.over_long + job.examples.orphaned,
        tokens=settings.repeat * sum(row.learnt for unit in units for row in unit),
        steps=steps,
        loss_before=round(before, 6),
        loss_after=round(after, 6),
        figures=figures.means(ranks, device),
        measured=measured,
    )


@contextmanager
def _with_measures(measures: StepMeasures) -> Iterator[None]:
    """Let a divergence inside the block say what was measured before it."""
    try:
        yield
    except TrainingDiverged as error:
        error.measured = measures.measured()
        raise


def _drift(model: PeftModel, job: Job, ranks: Ranks) -> Drift:
    """Return how far the model is from its base now, on some of the trajectories."""
    from learning.training._drift import drift_rows, measure_drift

    rows = drift_rows(job.examples.trajectories, job.settings.repeat)
    return measure_drift(model, rows, job.settings.tokens_per_pass, ranks)


def _few(model: PeftModel, job: Job, loss: Loss, ranks: Ranks) -> int:
    """Return the CPU threads of a small model's training: several if they learn the tensors that one does, as far as is known of its loss."""
    from abm.llm.local.threads import share, usual

    if ranks.size > 1 or loss is not likelihood or job.settings.shares:
        return 1
    base = model.get_base_model()
    threads = usual(base)
    share(base, threads)
    return threads


def _loss(model: PeftModel, job: Job, ranks: Ranks) -> float:
    """Return the mean loss per completion token of all trajectories."""
    from learning.training.losses import layout_of, summed_loss

    base, rows = model.get_base_model(), job.examples.trajectories
    share = ranks.share(rows, lambda row: len(row.ids))
    summed = summed_loss(base, share, job.settings.tokens_per_pass, layout_of(base, job.settings.shares))
    return ranks.total(summed, model.device) / sum(row.learnt for row in rows)


def _tokenizer(job: Job) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(job.model, local_files_only=True)


def _model(job: Job, device: torch.device) -> PeftModel:
    """Return the base model with a fresh LoRA, or with the parent's, to continue from."""
    import torch
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict

    from learning.training.hardware import load_base

    settings = job.settings
    base = load_base(Path(job.model), settings, device)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.targets),
        task_type="CAUSAL_LM",
        bias="none",
    )
    torch.manual_seed(job.seed)
    model = get_peft_model(base, config)
    if job.parent:
        parent = read_adapter(Path(job.adapters), job.parent, base=job.facts.get("model_digest", ""))
        learnt = parent.config
        wanted = {"r": settings.rank, "lora_alpha": settings.alpha, "target_modules": sorted(settings.targets)}
        if differs := [
            f"{key} {learnt.get(key)}, not {value}" for key, value in wanted.items() if learnt.get(key) != value
        ]:
            raise InputError(
                "the parent adapter has other settings",
                where=job.parent,
                why="; ".join(differs),
                fix="Keep the settings that it was learnt with.",
            )
        set_peft_model_state_dict(model, parent.tensors())
    return model  # type: ignore[return-value]


def _adapter_of(model: PeftModel, job: Job) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return the adapter's tensors, and the part of PEFT's configuration that is plain data, with its base model."""
    from peft import get_peft_model_state_dict

    tensors = {name: tensor.detach().cpu() for name, tensor in get_peft_model_state_dict(model).items()}
    config = model.peft_config["default"].to_dict()
    config["target_modules"] = sorted(config["target_modules"])
    config["inference_mode"], config["base_model_name_or_path"] = True, job.base
    config[BASE_DIGEST] = job.facts["model_digest"]
    plain = {key: getattr(value, "value", value) for key, value in config.items()}
    return tensors, {
        key: value for key, value in plain.items() if isinstance(value, str | int | float | bool | list | None)
    }


def _versions() -> dict[str, str]:
    from learning.training._fit import with_trl

    names = ("torch", "transformers", "peft", "trl") if with_trl() else ("torch", "transformers", "peft")
    return {name: metadata.version(name) for name in names}
