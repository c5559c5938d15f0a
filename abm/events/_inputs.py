"""Who and what a run has: its settings, arena, people, anchors, models and audiences, each whole, so that the log needs no other file."""

from __future__ import annotations

from typing import Any, Literal

from abm.columns import Float32s, Int32s
from abm.events._event import Event, Split


class RunConfigured(Event, frozen=True, kw_only=True, tag="run_configured"):
    """The settings that decide the run; the first deterministic event of every log."""

    config: dict[str, Any]


class Forked(Event, frozen=True, kw_only=True, tag="forked"):
    """The run parts here from the one it was forked from: what follows was decided with other settings."""

    config: dict[str, Any]
    """All settings from here on."""
    changed: list[str]
    """Names of those that differ from before."""


class ArenaSet(Event, frozen=True, kw_only=True, tag="arena_set"):
    """The arena's templates and schema, whole, so that every prompt can be rebuilt from the log."""

    arena: dict[str, Any]
    digest: str


class PersonasJoined(Event, frozen=True, kw_only=True, tag="personas_joined"):
    """Personas, as columns; row i of ``ids`` is persona index ``first + i``."""

    split: Split
    """``train``: votes are learnt from; ``evaluate``: held out."""
    first: int
    ids: list[str]
    names: list[str]
    texts: list[str]
    """The persona as prompts render it."""
    traits: dict[str, Float32s]
    """Trait -> one value per persona, each in -1 .. 1."""
    originals: Int32s = b""
    """Persona index of the one whom each is a copy of, its own for the first; empty where nobody is a copy of another."""


class CrowdJoined(Event, frozen=True, kw_only=True, tag="crowd_joined"):
    """Members known only by their traits, as columns; row i is persona index ``first + i``."""

    split: Split
    first: int
    size: int
    """Members."""
    origin: str
    """Where they were drawn from."""
    traits: dict[str, Float32s]
    """Trait -> one value per member, each in -1 .. 1."""
    originals: Int32s = b""
    """Persona index of the one from whom each was drawn; empty where there is none, and in logs of release 0.1."""


class AnchorsListed(Event, frozen=True, kw_only=True, tag="anchors_listed"):
    """The anchors of one split, whole, in plan order."""

    split: Split
    anchors: list[dict[str, Any]]
    """:class:`abm.arenas.anchors.Anchor` as a mapping."""
    dropped: dict[str, int]
    """Reason -> rows of the source left out."""


class OtherArenaSet(Event, frozen=True, kw_only=True, tag="other_arena_set"):
    """Another arena in which arms will be evaluated from here on: the arena and its held-out anchors, whole."""

    arena: dict[str, Any]
    digest: str
    anchors: list[dict[str, Any]]
    """As of ``anchors_listed``, in plan order."""
    dropped: dict[str, int]
    probes: list[str]
    """Names of the probes that judge what is written there."""


class CompetitorsJoined(Event, frozen=True, kw_only=True, tag="competitors_joined"):
    """The models that write."""

    names: list[str]
    model: str
    model_digest: str
    """SHA-256 over the model's tensors."""
    models: dict[str, str] = {}
    """Competitor -> model, for those for whom another one writes."""
    model_digests: dict[str, str] = {}
    """Of those models: model -> digest."""
    adapters: dict[str, str] = {}
    """Rival -> id of the adapter that it writes with from the beginning."""


class ReaderJoined(Event, frozen=True, kw_only=True, tag="reader_joined"):
    """The language model that plays the personas from here on."""

    model: str
    model_digest: str


class AudienceSet(Event, frozen=True, kw_only=True, tag="audience_set"):
    """The choice model by which members react from here on, whole, so that every choice can be computed again."""

    part: Literal["personas", "crowd"]
    """Of the audience."""
    choice_model: dict[str, Any]
    """As its YAML file says it: :func:`abm.audience.as_mapping`."""
    features: str
    """Digest of what its features mean."""


class EvaluationAudienceSet(Event, frozen=True, kw_only=True, tag="evaluation_audience_set"):
    """An audience that votes on held-out messages beside the run's own, from here on."""

    audience: str
    """Its name, as steps and contests have it."""
    reader: str = ""
    """The language model that plays its personas; empty: a choice model votes."""
    reader_digest: str = ""
    choice_model: dict[str, Any] = {}
    """As in :class:`AudienceSet`; empty where a language model votes."""
    features: str = ""
    """Digest of what its features mean."""
