"""The settings of a run as command lines give them, of one run and of several that differ in their seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analysis.cli import options


@dataclass(frozen=True)
class RunOptions:
    """The options of ``moloch run``, and of ``moloch study`` without a page."""

    config: options.Config = None
    arena: options.Arena = None
    anchors: options.Anchors = None
    personas: options.Personas = None
    audience: options.Audience = None
    model: options.Model = None
    world: options.World = None
    epochs: options.Epochs = None
    profile: options.Profile = None
    llm: options.Llm = None
    reader: options.Reader = None
    max_calls: options.MaxCalls = None
    max_tokens: options.MaxTokens = None
    max_usd: options.MaxUsd = None
    max_minutes: options.MaxMinutes = None
    set_: options.Set = None
    extensions: options.Extensions = None

    def overrides(self, seed: int | None = None) -> dict[str, Any]:
        """Return the settings that have options of their own: name -> value, None where it was not given."""
        return options.given(
            self.arena, self.anchors, self.personas, self.audience, self.model, self.epochs, seed, self.world,
            self.extensions,
        )  # fmt: skip

    @property
    def changes(self) -> list[str]:
        """The others, as ``key=value``; what ``--set`` says comes last."""
        served = options.serving(self.llm, self.max_calls, self.max_tokens, self.max_usd, self.max_minutes)
        return served + (self.set_ or [])
