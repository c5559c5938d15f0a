"""The settings of a run as command lines give them: of a new run, of several that differ in their seed, of one that goes on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.cli import options

if TYPE_CHECKING:
    from learning import RunConfig
    from learning.settings.sources import GivenSettings, OptionSetting


@dataclass(frozen=True)
class ServingOptions:
    """The options of every command that carries a run out: where models are served, and what may be spent."""

    llm: options.Llm = None
    reader: options.Reader = None
    max_calls: options.MaxCalls = None
    max_tokens: options.MaxTokens = None
    max_usd: options.MaxUsd = None
    max_minutes: options.MaxMinutes = None

    @property
    def changes(self) -> list[str]:
        """The settings that they give, as ``key=value``; ``--reader`` needs the settings of the run, see :func:`analysis.cli.options.read_by`."""
        return options.serving(self.llm, self.max_calls, self.max_tokens, self.max_usd, self.max_minutes)


@dataclass(frozen=True)
class RunOptions:
    """The options of ``moloch run``, and of ``moloch study`` without a page."""

    config: options.Config = None
    like: options.Like = None
    arena: options.Arena = None
    anchors: options.Anchors = None
    personas: options.Personas = None
    audience: options.Audience = None
    model: options.Model = None
    world: options.World = None
    epochs: options.Epochs = None
    profile: options.Profile = None
    serving: ServingOptions = field(default_factory=ServingOptions)
    set_: options.Set = None
    extensions: options.Extensions = None

    def __post_init__(self) -> None:
        if self.like is not None and self.config is not None:
            raise options.bad("--like gives the settings of a run, and the file gives others", "Leave one of them out.")
        if self.serving.reader is not None and self.audience not in (None, "llm"):
            raise options.bad(
                f"--reader has a model play the personas, and --audience {self.audience} has something else react",
                "Leave one of them out.",
            )

    @property
    def file(self) -> Path | None:
        """The file of settings, which may be a run's."""
        return self.like / "run.json" if self.like is not None else self.config

    def read(self, seed: int | None = None) -> tuple[GivenSettings, RunConfig]:
        """Return the settings that the options give, as given and checked.

        Raises:
            InputError: they are not valid.
        """
        from learning.settings.sources import OptionSetting, read_settings

        self._refuse_others()
        changes: list[str | OptionSetting] = [
            OptionSetting(each, options.OPTION_OF[each.partition("=")[0]]) for each in self.serving.changes
        ]
        changes += self.set_ or []

        def given(more: Sequence[OptionSetting]) -> GivenSettings:
            overrides, profile = self.overrides(seed), self.profile or ""
            return read_settings(self.file, overrides, [*changes, *more], profile=profile, environ=os.environ)

        reader = self.serving.reader
        read_by = options.read_by(reader, given([]).config(effects=False)) if reader else []
        return (final := given([OptionSetting(each, "--reader") for each in read_by])), final.config()

    def _refuse_others(self) -> None:
        from analysis.cli.places import page_keys, refuse_other_kind
        from moloch.errors import InputError

        if self.config is not None:
            refuse_other_kind(self.config)
        if self.config is not None and (page := page_keys(self.config)):
            raise InputError(
                "this is the page of a study, not the settings of a run",
                where=str(self.config),
                why=f"it has the keys {', '.join(page)}",
                fix=f"moloch study run {self.config} carries it out, with the seeds that the page gives.",
            )

    def overrides(self, seed: int | None = None) -> dict[str, Any]:
        """Return the settings that have options of their own: name -> value, None where it was not given."""
        return options.given(
            self.arena, self.anchors, self.personas, self.audience, self.model, self.epochs, seed, self.world,
            self.extensions,
        )  # fmt: skip
