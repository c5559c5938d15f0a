"""Adapters of rivals: found where the settings say, named by their content, and kept in the run's own folder.

An adapter of another run is the one whose training its log holds. Nothing is taken on trust: what is read is compared with its id and
with the model that it is to be used with. Knows files and logs; knows nothing of markets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from abm.events import AdapterTrained
from abm.llm.adapters import CONFIG, DOWN, UP, WEIGHTS, Adapter, adapter_at, is_here, read_adapter
from abm.llm.folders import local_folder
from abm.llm.port import LLM
from abm.llm.weights import weight_files
from abm.log import open_log
from learning.arms.rivals import Rival
from learning.runs.adapter_links import link
from learning.settings.config import RunConfig
from moloch.errors import InputError, MolochError


class FoundAdapter(NamedTuple):
    """An adapter where the settings say that it is."""

    folder: Path
    adapter: Adapter


def found(reference: str) -> FoundAdapter:
    """Return the adapter that a reference names: ``RUN#ARM``, ``RUN#ARM@EPOCH``, or a folder.

    Raises:
        InputError: there is none, or it is no plain LoRA adapter.
        LogError, CorruptLog: the run cannot be read, or its adapter is not the one that its log names.
    """
    folder = Path(reference)
    if not folder.is_dir() and "#" in reference:
        run, _, learnt = reference.rpartition("#")
        arm, _, epoch = learnt.partition("@")
        name = _learnt(run, arm, epoch, reference)
        adapters = Path(run) / "adapters"
        if not is_here(adapters, name):
            raise InputError("the adapter is gone", where=str(adapters / name), why=f"the log of {run} names it")
        return FoundAdapter(adapters / name, read_adapter(adapters, name))
    if not (folder / WEIGHTS).is_file() or not (folder / CONFIG).is_file():
        raise InputError(
            "no adapter",
            where=reference,
            why=f"it is not a folder with {WEIGHTS} and {CONFIG}",
            fix="Give such a folder, or an arm of a run: runs/first#rft, runs/first#rft@2.",
        )
    return FoundAdapter(folder, adapter_at(folder))


def _learnt(run: str, arm: str, epoch: str, reference: str) -> str:
    """Return the id of what an arm of a run learnt."""
    if not (Path(run) / "run.json").is_file():
        raise InputError("no run", where=run, why=f"{reference!r} names an adapter of one", fix="Give its folder.")
    if epoch and not epoch.isdecimal():
        raise InputError(
            "no epoch", where=reference, why=f"{epoch!r} is not a number", fix=f"For example {run}#{arm}@1."
        )
    trained = [event for event in open_log(run, write=False).read() if isinstance(event, AdapterTrained)]
    epochs = {event.epoch: event.adapter for event in trained if event.arm == arm}
    if not epochs:
        arms = ", ".join(dict.fromkeys(event.arm for event in trained)) or "none yet"
        raise InputError(f"arm {arm!r} has no adapter there", where=reference, why=f"Arms with adapters: {arms}")
    if (wanted := int(epoch) if epoch else max(epochs)) not in epochs:
        why = f"its epochs are {', '.join(map(str, sorted(epochs)))}"
        raise InputError(f"arm {arm!r} has no epoch {wanted} there", where=reference, why=why)
    return epochs[wanted]


def pinned(config: RunConfig, begun: Mapping[str, Rival]) -> RunConfig:
    """Return settings in which every rival's adapter has its id: of what is there, or of the run that was begun, where it is gone.

    Args:
        begun: rivals of the run as it was recorded; empty for one that has not begun.

    Raises:
        InputError, LogError, CorruptLog: as :func:`found`; or it is another adapter than the settings' id says.
    """
    ids = {rival.name: _id(rival, begun.get(rival.name)) for rival in config.all_rivals.values() if rival.adapter}
    if not ids:
        return config
    markets = {
        name: market.model_copy(
            update={
                "rivals": tuple(
                    each
                    if isinstance(each, str) or each.name not in ids
                    else each.model_copy(update={"id": ids[each.name]})
                    for each in market.rivals
                )
            }
        )
        if market.rivals
        else market
        for name, market in config.markets.items()
    }
    return config.model_copy(update={"markets": markets})


def _id(rival: Rival, begun: Rival | None) -> str:
    kept = begun.id if begun and begun.adapter == rival.adapter and rival.id in ("", begun.id) else ""
    try:
        now = found(rival.adapter).adapter.id
    except MolochError:
        if kept:  # the run has its own copy
            return kept
        raise
    if rival.id and now != rival.id:
        why = f"the settings say {rival.id}, the folder holds {now}"
        raise InputError(f"rival {rival.name!r} has another adapter", where=rival.adapter, why=why)
    return now


def to_adopt(config: RunConfig, adapters: Path) -> list[Rival]:
    """Return the rivals whose adapters a run's folder does not hold yet."""
    return [each for each in config.all_rivals.values() if each.adapter and not is_here(adapters, each.id)]


def check_fit(rivals: Sequence[Rival], writer: LLM, others: Mapping[str, LLM]) -> None:
    """See that the adapters of rivals fit the models that they are to be used with, before anything begins.

    Args:
        others: competitor -> model, for those for whom another one writes than ``writer``.

    Raises:
        InputError: one was learnt on another model, or its factors are not of the model's shapes; names the first.
    """
    for rival in rivals:
        folder, adapter = found(rival.adapter)
        model = others.get(rival.name, writer)
        here = local_folder(model.name)
        if here is None or adapter.base == model.digest:
            continue
        why = _other_base(adapter, here) if adapter.base else _odd_shape(adapter, here)
        if why:
            raise InputError(
                f"the adapter of rival {rival.name!r} does not fit the model {model.name!r}",
                where=str(folder),
                why=why,
                fix=f"Name the model that it was learnt on: {{name: {rival.name}, model: ..., adapter: ...}}.",
            )


def _other_base(adapter: Adapter, model: Path) -> str:
    """Return on which other model an adapter was learnt; empty for this one."""
    from abm.llm.weights import model_digest

    digest = model_digest(model)
    return (
        "" if digest == adapter.base else f"it was learnt on the model {adapter.base[:12]}, this one is {digest[:12]}"
    )


def _odd_shape(adapter: Adapter, model: Path) -> str:
    """Return what an adapter adds to that a model's files do not have; empty for nothing."""
    from safetensors import safe_open

    shapes: dict[str, tuple[int, ...]] = {}
    with ExitStack() as stack:
        for path in weight_files(model):
            file = stack.enter_context(safe_open(path, framework="pt"))
            shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (no mapping)
    for name in sorted(name for name in adapter.stored if name.endswith(DOWN)):
        up, down = adapter.stored[name.replace(DOWN, UP)].shape, adapter.stored[name].shape
        weight = name.removeprefix("base_model.model.").removesuffix(DOWN) + ".weight"
        if (shape := (up[0], down[1])) != shapes.get(weight):
            return f"the model has no weight {weight} of shape {shape}"
    return ""


def adopt(config: RunConfig, adapters: Path) -> None:
    """Give the run's folder of adapters those of its rivals: the same bytes on disk, or copies.

    Raises:
        InputError, LogError, CorruptLog: as :func:`found`; or one cannot be written.
    """
    for rival in to_adopt(config, adapters):
        try:
            link(found(rival.adapter).folder, adapters / rival.id, (WEIGHTS, CONFIG, "lineage.json"))
        except OSError as error:
            where, why = str(adapters / rival.id), error.strerror or str(error)
            raise InputError("cannot keep the adapter", where=where, why=why) from error
        read_adapter(adapters, rival.id)


def largest_rival_rank(config: RunConfig, adapters: Path) -> int:
    """Return the largest rank of the adapters of rivals; 0 without any."""
    ranks = [0]
    for rival in config.all_rivals.values():
        if rival.adapter:
            held = read_adapter(adapters, rival.id) if is_here(adapters, rival.id) else found(rival.adapter).adapter
            ranks.append(int(held.config["r"]))
    return max(ranks)
