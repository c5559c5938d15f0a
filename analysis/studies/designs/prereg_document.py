"""A preregistration as a document: all that a page fixes before the first call, as data. Reads inputs and the study's log; asks no model.

Its sections are those that experiments with AI agents are asked for (arXiv 2606.11217), ordered as simulation studies are reported: aims,
data-generating mechanism, estimands, methods, performance measures (ADEMP; Morris, White & Crowther, Statistics in Medicine 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from abm.arenas.anchors import load_anchors
from abm.log import open_log
from abm.probe import probes
from analysis.statistics.look_boundaries import nominal_levels, spent
from analysis.studies.designs.plan import plan_study
from analysis.studies.pages.cells import Cell, Cells, cells_of
from analysis.studies.pages.declarations import amended, in_force
from analysis.studies.pages.declared_mistakes import judging_probes
from analysis.studies.pages.page import WrittenPage
from analysis.studies.pages.preregistration import TEXTS, Preregistration
from analysis.studies.record.additions import page_id
from analysis.studies.record.code_state import code_state
from analysis.studies.record.identity import contents_of
from analysis.studies.record.layout import Layout, default_folder, is_study
from analysis.studies.record.study_log import PACKAGE, StudyLog, StudyState
from learning import RunConfig
from learning.runs.parts import settled
from moloch.content import content_id
from moloch.errors import InputError
from populations.sources import read_pool

SERVED = "of a server"
"""In place of the digest of a model that a server has."""


@dataclass(frozen=True)
class PreregistrationDocument:
    """What a page fixes.

    Attributes:
        status: where it stands in the log of a study; None for one that has not begun.
        fixed: everything else; ``id`` is its content id.
        wording: arena -> ``write``, ``react`` and ``feedback``, each with its ``system`` and ``user`` text, and ``examples`` that writers are shown; ``fixed`` holds their digests.
    """

    status: dict[str, Any] | None
    fixed: dict[str, Any]
    wording: dict[str, dict[str, dict[str, str]]]

    @property
    def id(self) -> str:
        return content_id(self.fixed)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as a JSON-able mapping."""
        return {"document": self.id, "status": self.status, **self.fixed, "wording": self.wording}

    def markdown(self) -> str:
        """Return it as Markdown."""
        from analysis.studies.designs.prereg_markdown import markdown

        return markdown(self.as_dict())


def preregistration_document(written: WrittenPage, folder: Path | None = None) -> PreregistrationDocument:
    """Return the document of a page.

    Args:
        folder: of its study; by default the one that the page comes to. It need not exist.

    Raises:
        PageMistakes: everything that is wrong with the page.
        InputError: it declares nothing, or names what cannot be read.
        LogError: the study's log cannot be read.
    """
    made, primary = cells_of(written), written.page.primary
    if primary is None or primary.is_earlier:
        raise InputError(
            "the page declares nothing beforehand",
            where=written.source.where,
            fix="Say primary: {hypotheses: [{name: H1, arm: rft, outcome: win_rate}]}; docs/preregistration.md has all keys.",
        )
    folder = folder or default_folder(written.page.name, made.base)
    fixed = {
        "name": written.page.name,
        "preregistration": primary.id,
        "page_id": page_id(made.page),
        "declared": primary.model_dump(mode="json", exclude=set(TEXTS)),
        "texts": {name: getattr(primary, name) for name in TEXTS},
        "looks": _looks(primary, len(written.page.each_seed)),
        "seeds": list(written.page.each_seed),
        "stop": written.page.stop.model_dump(exclude_none=True),
        "page": {key: value for key, value in made.page.items() if key != "primary"},
        **_design(made),
        **_planned(written, folder),
        "versions": {PACKAGE: metadata.version(PACKAGE), "code": code_state()},
    }
    wording = _wording([cell.config for cell in made.cells])
    return PreregistrationDocument(_status(folder), msgspec.json.decode(msgspec.json.encode(fixed)), wording)


def _looks(primary: Preregistration, seeds: int) -> list[dict[str, Any]]:
    """Return each look with what it may use up of alpha, the end among them."""
    places = (*primary.looks, seeds)
    fractions = [place / seeds for place in places]
    levels = nominal_levels(fractions, primary.spending, primary.alpha)
    return [
        {
            "seeds": place,
            "spent": round(2 * spent(primary.alpha / 2, fraction, primary.spending), 6),
            "level": round(level, 6),
        }
        for place, fraction, level in zip(places, fractions, levels, strict=True)
    ]


def _design(made: Cells) -> dict[str, Any]:
    """Return what cells are, and what they read and are asked by."""
    first = list({content_id(dict(cell.factors)): cell for cell in made.cells}.values())
    configs = [settled(cell.config, None) for cell in first]
    return {
        "cells": [
            {"cell": cell.name, "factors": cell.factors, "seed": cell.seed, "settings": cell.settings}
            for cell in made.cells
        ],
        "impossible": [{"factors": each.factors, "why": str(each.why)} for each in made.impossible],
        "settings": {
            _label(cell): config.model_dump(mode="json", exclude={"seed"})
            for cell, config in zip(first, configs, strict=True)
        },
        "arms": _arms([_label(cell) for cell in first], configs),
        "models": _models(configs),
        "files": _files(configs),
        "prompts": _prompts(configs),
        "probes": _judges(configs),
        "anchors": _anchors(configs),
        "people": _people(configs),
    }


def _label(cell: Cell) -> str:
    return ", ".join(f"{name}={value}" for name, value in cell.factors.items()) or "all cells"


def _arms(labels: Sequence[str], configs: Sequence[RunConfig]) -> list[dict[str, Any]]:
    """Return each arm with how it learns; one that combinations of levels have otherwise stands once for each way, with which they are."""
    arms: dict[str, dict[str, Any]] = {}
    for label, config in zip(labels, configs, strict=True):
        for name, arm in config.all_arms.items():
            told = {
                "arm": name, "method": arm.method, "compared_with": arm.compared_with, "market": arm.market, "rows_of": arm.rows_of,
                "mitigations": list(arm.mitigations), "model": arm.model or config.model, "evaluated": arm.evaluated,
            }  # fmt: skip
            arms.setdefault(content_id(told), {**told, "in": []})["in"].append(label)
    return list(arms.values())


def _models(configs: Sequence[RunConfig]) -> dict[str, str]:
    """Return model -> digest of its files; one that a server has is known by its name."""
    models: dict[str, str] = {}
    for config in configs:
        for model, digest in (contents_of(config).models or {config.model: ""}).items():
            models[model] = digest or SERVED
    return models


def _files(configs: Sequence[RunConfig]) -> dict[str, str]:
    """Return file or extension that settings name -> SHA-256."""
    contents = [contents_of(config) for config in configs]
    return {name: sum_ for each in contents for of in (each.files, each.extensions) for name, sum_ in of.items()}


def _prompts(configs: Sequence[RunConfig]) -> dict[str, dict[str, str]]:
    """Return arena -> digests of what writers and readers are asked."""
    rules = {config.arena: config.rules() for config in configs}
    return {
        name: {
            "arena": each.digest,
            "write": each.write_digest,
            "react": each.react.digest,
            "feedback": each.feedback.digest,
        }
        for name, each in rules.items()
    }


def _wording(configs: Sequence[RunConfig]) -> dict[str, dict[str, dict[str, str]]]:
    """Return arena -> what is asked -> the texts, as they are before anchors, people and messages are filled in."""
    rules = {config.arena: config.rules() for config in configs}
    return {
        name: {asked: getattr(each, asked).model_dump() for asked in ("write", "react", "feedback")}
        | {
            "examples": {
                f"example {n}": f"{shown.anchor}\n\n{shown.message}" for n, shown in enumerate(each.examples, 1)
            }
        }
        for name, each in rules.items()
    }


def _judges(configs: Sequence[RunConfig]) -> dict[str, dict[str, Any]]:
    versions = judging_probes(configs)
    return {each.name: {"judge": each.judge_name, "version": versions[each.name]} for each in probes(list(versions))}


def _anchors(configs: Sequence[RunConfig]) -> list[dict[str, Any]]:
    """Return the pools that runs draw anchors from: equal ones once."""
    found: dict[str, dict[str, Any]] = {}
    for config in configs:
        pool = load_anchors(config.anchors, config.rules(), drop_near=config.near_duplicates == "drop")
        told = {
            "source": str(config.anchors or f"the built-in pack of {config.arena}"),
            "arena": config.arena,
            **{
                side: {"number": len(of), "digest": content_id([each.id for each in of])}
                for side, of in (("train", pool.train), ("held_out", pool.held_out))
            },
        }
        found.setdefault(content_id(told), told)
    return list(found.values())


def _people(configs: Sequence[RunConfig]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for config in configs:
        pool = read_pool(config.personas, config.mapping)
        ids = [each.persona.id for each in pool.people]
        told = {"source": str(config.personas), "number": len(ids), "digest": content_id(ids)}
        found.setdefault(content_id(told), told)
    return list(found.values())


def _planned(written: WrittenPage, folder: Path) -> dict[str, Any]:
    """Return what the study will cost in calls, and which anchors and people it takes; as a plan before the first cell."""
    planned = plan_study(written, folder.with_name(f".{folder.name}.not-begun"))  # of all cells, whatever has ended
    told = planned.as_dict()
    return {name: told[name] for name in ("plan", "pools", "scope", "new_people", "detectable")}


def _status(folder: Path) -> dict[str, Any] | None:
    """Return where the declaration stands in a study's log."""
    if not is_study(folder):
        return None
    state = StudyLog(folder).state()
    declared = in_force(state.declarations)
    if declared is None:
        return {"study": str(folder), "event": None, "said": "the study declared nothing before results could be seen"}
    return {
        "study": str(folder),
        "preregistration": declared.preregistration.id,
        "page_id": declared.page_id,
        "event": declared.seq,
        "at": declared.at,
        "head": _head(folder, declared.seq),
        "amendments": _amendments(state, declared.seq),
    }


def _head(folder: Path, seq: int) -> str:
    """Return the hash of the log's chain as it was when an event had been written."""
    for block in open_log(Layout(folder).log, write=False).blocks():
        if seq < block.commit.seq + block.commit.n:
            return block.commit.hash
    return ""


def _amendments(state: StudyState, seq: int) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    later = [each for each in state.declarations if each.seq >= seq]
    for before, now in pairwise(later):
        if before.preregistration.id != now.preregistration.id:
            words = amended(before.preregistration, now.preregistration)
            told.append({"event": now.seq, "at": now.at, "ended": now.ended, "looks": now.looks, "what": words})
    return told
