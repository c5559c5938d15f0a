"""The settings of a run: what decides it, and nothing else. Knows nothing of files, nor of how a run goes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_serializer, field_validator, model_validator

from abm.arenas import Arena, Attempts, Cut, ExampleMessage, Format, Stops, arena
from abm.llm.backends import Serving
from abm.llm.precision import Precision
from abm.worlds.networked.settings import NetworkConfig
from abm.worlds.tie_rules import Ties
from learning.alarms import AlarmConfig
from learning.arms.arm import Arm, Arms, arms_in, as_recorded, markets_of
from learning.arms.market_settings import Markets, check_together, given_alone
from learning.arms.markets import Market
from learning.arms.rivals import Rival, other_models, rivals_of
from learning.settings.audiences import LLM_AUDIENCE, EvaluationAudiences
from learning.settings.out_of_domain import OutOfDomainConfig
from learning.settings.parts import (
    BudgetConfig,
    CrowdConfig,
    ReaderConfig,
    RedrawConfig,
    SamplingConfig,
    Share,
    SourceReadersConfig,
    SurveyConfig,
)
from learning.training.settings import preset_of
from moloch.content import content_id
from moloch.records import InUnit, RecordedSettings

MOST = 1_000_000
"""Anchors, personas and contests of a step: each is an object; more people are a ``crowd``, in columns."""


class RunConfig(RecordedSettings, BaseModel):
    """Everything that decides a run; equal settings give an equal digest.

    Counts left at ``None`` take the default where the source has as many, else all of it. A count that is
    given and larger than the source is an error, but with ``up_to``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    arena: str = "sales"
    """The kind of contest: ``sales``, ``elections``, ``social``, an arena of an extension, or the path of an arena's YAML."""
    format: Format | None = None
    """Where the message stands in a completion: ``tags``, between the tags of the arena, or ``plain``, the whole text, for
    models that were not trained for tags. By default as the arena says; so are ``examples``, ``stop``, ``attempts`` and
    ``cut``."""
    examples: tuple[ExampleMessage, ...] | None = None
    """Anchors with a message each, which writers see before they are asked. An empty list: none."""
    stop: Stops | None = None
    """Texts that end a completion where they occur."""
    attempts: Annotated[Attempts | None, InUnit("answers")] = None
    """How often a writer is asked at most for a message, until an answer can be read."""
    cut: Cut | None = None
    """What is done with a message that met the limit on tokens: ``sentence`` cuts it after its last whole sentence, ``none``
    takes it as it is."""
    anchors: str | None = None
    """Folder with files of ``train`` and ``test`` anchors (jsonl, csv, parquet, ...). By default the built-in pack of the
    arena."""
    personas: str = "biographic"
    """The population: ``biographic``, ``demographic`` or ``adults``, or a file (jsonl, csv, parquet, xlsx, sav, dta, graphml,
    gexf, ...)."""
    mapping: str | None = None
    """YAML file that says what the columns of ``personas`` mean, for survey data."""
    stratify: tuple[str, ...] = ()
    """Attributes of personas that have the same mix among training and held-out personas."""
    resample: bool = False
    """Draw as many personas as asked for, in proportion to their weights; the same one may be drawn several times."""
    audience: str = "default"
    """Who votes: ``default`` or ``neutral``, choice models; the path of a choice model's YAML; or ``llm``, a language model
    that plays the personas (see ``reader``)."""
    reader: ReaderConfig = Field(default_factory=cache(ReaderConfig))
    """The language model that plays the personas."""
    crowd: CrowdConfig = Field(default_factory=cache(CrowdConfig))
    """Members besides the personas."""
    model: str = "pocket"
    """The model that writes and learns: ``pocket``, the folder or GGUF file of a causal language model, or the name of a
    downloaded or served one (see ``serving``)."""
    arms: Arms = ("rft", "tfb", "placebo")
    """What is compared with the base model and with each other: a list of learning methods, or a mapping from names to
    settings. ``rft`` and ``tfb`` learn from votes; ``placebo`` learns as much from messages picked at random, and shows what
    training alone does."""
    markets: Markets = {}
    """Arms that meet rivals while they learn, each market with contests of its own: name -> settings. Where only markets are
    given, there are no other arms."""
    epochs: Annotated[int, InUnit("epochs")] = Field(2, ge=1, le=10_000)
    """Rounds of simulating and learning."""
    messages: Annotated[int, InUnit("messages")] = Field(2, ge=2, le=8)
    """Messages in a training contest of an arm that competes with itself."""
    train_anchors: Annotated[int | None, InUnit("anchors")] = Field(None, ge=1, le=MOST)
    """Training anchors in each epoch. By default 96, or all where there are fewer."""
    held_out_anchors: Annotated[int | None, InUnit("anchors")] = Field(None, ge=2, le=MOST)
    """Held-out anchors of each evaluation. By default 96, or all where there are fewer."""
    train_personas: Annotated[int | None, InUnit("personas")] = Field(None, ge=1, le=MOST)
    """Personas whose votes are learnt from. By default all that the population has for training, else half of it."""
    held_out_personas: Annotated[int | None, InUnit("personas")] = Field(None, ge=2, le=MOST)
    """Personas who vote in evaluations and never in training. By default all that the population holds out, else half
    of it."""
    ties: Ties = "skip"
    """What happens to a contest whose votes are tied: ``skip`` learns nothing from it, ``random`` draws a winner."""
    batch: Annotated[int, InUnit("contests")] = Field(32, ge=1, le=MOST)
    """Contests of one step, whose calls go to the models together."""
    sampling: SamplingConfig = Field(default_factory=cache(SamplingConfig))
    preset: str | None = None
    """Settings of the LoRA trainer to start from: ``pocket``, ``general``, ``paper``, ``qwen3-8b`` or ``llama-3.1-8b``. By
    default ``pocket`` for the pocket model and ``general`` for every other."""
    lora: dict[str, Any] = {}
    """Single settings of the trainer that differ from the preset."""
    evaluate: Literal["last", "every"] = "last"
    """When arms are evaluated against the base model: after the ``last`` epoch, or after ``every`` epoch."""
    seed: int = Field(1, ge=0, lt=2**31)
    """Seed of everything random in the run: equal settings and seed give an equal digest."""
    world: Literal["isolated", "networked"] = "isolated"
    """``isolated``: every member sees every contest, and no other member. ``networked``: messages travel through feeds, and
    members see what others do (see ``network``)."""
    network: NetworkConfig = Field(default_factory=cache(NetworkConfig))
    """The networked world's settings."""
    serving: Serving = Field(default_factory=cache(Serving), exclude=True)
    """Where models are served: no part of what decides the run, and of no record of it."""
    budget: BudgetConfig = Field(default_factory=cache(BudgetConfig), exclude=True)
    """What may be spent; likewise."""
    gate: Literal["flag", "stop"] | None = Field(default=None, exclude=True)
    """What happens after the first step if a model is not fit to write or to read: ``stop`` ends the run, and ``flag`` only
    says so. By default ``stop`` where answers may cost money, else ``flag``. It is not recorded."""
    extensions: tuple[str, ...] = ()
    """Modules of your own that are imported before the run begins; they register the parts that other settings name."""
    probes: tuple[str, ...] | None = None
    """Names of the probes that judge the messages of evaluations. By default those of the arena."""
    members: dict[str, Share] = {}
    """Class of members -> the share of all members, drawn at random, who decide as that class says. The rest react as
    ``audience`` says."""
    competitor: str = "policy"
    """Class of competitors by which every arm writes; ``policy`` asks the model."""

    up_to: bool = False
    """Take fewer anchors and personas than the counts say where there are fewer; otherwise that is an error."""
    near_duplicates: Literal["keep", "drop"] | None = None
    """What happens to held-out anchors that nearly repeat a training anchor. By default ``drop`` for anchors of your own and
    ``keep`` for built-in ones."""
    precision: Precision | None = None
    """Numbers with which models of this process write, read and learn. ``auto``: bfloat16 with CUDA and on CPUs with
    AVX512-BF16 or AMX, else float32; a run records what it took. By default bfloat16 with CUDA, float32 on a CPU, and for
    learning that of the preset. ``lora.precision`` comes before it."""
    threads: Annotated[int | None, InUnit("threads")] = Field(None, ge=1, le=1024)
    """CPU threads of models of this process. By default two for a small model, else as many as torch takes."""

    surveys: tuple[SurveyConfig, ...] = ()
    """Questionnaires that personas answer during the run; the reader's model answers for them."""
    redraw: RedrawConfig = Field(default_factory=cache(RedrawConfig))
    """Which anchors and personas are others for each seed."""
    alarms: AlarmConfig = Field(default_factory=AlarmConfig)
    """When an arm counts as collapsed, and what then happens."""
    head_to_head: Literal["none", "all"] | Annotated[int, Field(ge=1)] = "none"
    """Which arms are evaluated against each other, besides each against the base model: ``none``, ``all`` pairs, or so many
    pairs. No further message is written for it."""
    out_of_domain: OutOfDomainConfig = Field(default_factory=cache(OutOfDomainConfig))
    """What arms are evaluated on beside their own arena's held-out anchors."""
    source_readers: SourceReadersConfig = Field(default_factory=cache(SourceReadersConfig))
    """The share of the audience that checks facts; an arm or a market may have another one in training."""
    evaluation_audiences: EvaluationAudiences = {}
    """Audiences that vote on the same held-out messages as well: name -> audience, or a list of audiences."""

    LATER = (
        "extensions",
        "probes",
        "members",
        "competitor",
        "up_to",
        "near_duplicates",
        "precision",
        "threads",
        "format",
        "examples",
        "stop",
        "attempts",
        "cut",
        "surveys",
        "redraw",
        "markets",
        "alarms",
        "head_to_head",
        "out_of_domain",
        "source_readers",
        "evaluation_audiences",
    )

    @model_validator(mode="before")
    @classmethod
    def _markets_alone(cls, values: Any) -> Any:
        return given_alone(values)

    @model_validator(mode="after")
    def _somebody_learns(self) -> RunConfig:
        check_together(self.arms, self.markets, self.model)
        return self

    @field_validator("members")
    @classmethod
    def _at_most_everybody(cls, members: dict[str, float]) -> dict[str, float]:
        if (total := sum(members.values())) > 1 + 1e-9:
            raise ValueError(f"the shares of members add up to {total:g}; together they may be at most 1")
        return members

    @field_validator("world")
    @classmethod
    def _letters_in_isolation(cls, world: str, info: ValidationInfo) -> str:
        reader, audience = info.data.get("reader"), info.data.get("audience")
        if world == "networked" and audience == LLM_AUDIENCE and reader and reader.answer == "letters":
            raise ValueError(
                "reader.answer: letters is for isolated; in a networked world a persona answers a whole feed at once"
            )
        return world

    @field_validator("surveys")
    @classmethod
    def _somebody_answers(cls, surveys: tuple[SurveyConfig, ...], info: ValidationInfo) -> tuple[SurveyConfig, ...]:
        reader, audience = info.data.get("reader"), info.data.get("audience", LLM_AUDIENCE)
        if surveys and audience != LLM_AUDIENCE and reader and not reader.model:
            raise ValueError(
                "a choice model plays the personas, so nobody can answer; name a model that plays them: reader.model"
            )
        return surveys

    @field_validator("evaluation_audiences")
    @classmethod
    def _others(cls, audiences: EvaluationAudiences, info: ValidationInfo) -> EvaluationAudiences:
        """Leave out the run's own audience, which votes in any case."""
        own = info.data.get("audience")
        kept = {name: each for name, each in audiences.items() if (each.audience, each.source_readers) != (own, None)}
        reader, world = info.data.get("reader"), info.data.get("world")
        played = [name for name, each in kept.items() if each.asks_model]
        if played and world == "networked" and reader and reader.answer == "letters":
            raise ValueError(
                f"reader.answer: letters is for isolated; in a networked world {played[0]} answers a whole page"
            )
        return kept

    @property
    def all_arms(self) -> dict[str, Arm]:
        """Name -> arm, the learners of markets and their twins among them."""
        return arms_in(self.arms, self.markets, self.model)

    @property
    def all_markets(self) -> tuple[Market, ...]:
        """The markets of all arms, those of arms that compete with themselves among them, in the order in which they learn."""
        return markets_of(as_recorded(self.arms, self.markets, self.model), self.messages)

    @property
    def all_rivals(self) -> dict[str, Rival]:
        """Name -> rival that does not learn, base left out."""
        return rivals_of(as_recorded(self.arms, self.markets))

    @property
    def other_writers(self) -> dict[str, str]:
        """Competitor -> model, for those for whom another one writes than ``model``."""
        return dict(other_models(as_recorded(self.arms, self.markets, self.model)))

    def preset_for(self, model: str) -> str:
        """Return the preset that adapters of an arm on a base model are learnt with: that of the run, unless it is only what is usual
        for the run's model."""
        usual = self.preset is None or self.preset == preset_of(self.model)
        return preset_of(model) if model and usual else self.trainer_preset

    @property
    def asks_reader(self) -> bool:
        """Whether the reader's model is asked anything: it plays the personas, or answers questionnaires for them."""
        return self.audience == LLM_AUDIENCE or bool(self.surveys)

    @property
    def reader_model(self) -> str:
        """The model that plays the personas."""
        return self.reader.model or self.model

    @property
    def voting_models(self) -> dict[str, str]:
        """Audience -> the model that plays its personas, of the evaluation audiences that are no choice models."""
        models = {name: each.model(self.reader_model) for name, each in self.evaluation_audiences.items()}
        return {name: model for name, model in models.items() if model}

    @property
    def asked_models(self) -> tuple[str, ...]:
        """The models that are asked for votes and answers, each once."""
        own = [self.reader_model] if self.asks_reader else []
        return tuple(dict.fromkeys([*own, *self.voting_models.values()]))

    @property
    def trainer_preset(self) -> str:
        """The preset that adapters are learnt with, as records name it."""
        return self.preset or preset_of(self.model)

    @field_serializer("preset")
    def _recorded_preset(self, preset: str | None) -> str:
        return self.trainer_preset

    @property
    def source_shares(self) -> dict[str, float]:
        """Where anybody reads the source -> the share of members who do: ``train``, ``evaluate``, a market's or an evaluation audience's
        name."""
        own = {"train": self.source_readers.train, "evaluate": self.source_readers.evaluate}
        markets = {market.name: market.source_readers for market in self.all_markets}
        others = {name: each.source_readers for name, each in self.evaluation_audiences.items()}
        return {name: share for name, share in (own | markets | others).items() if share}

    @property
    def shows_source(self) -> bool:
        """Whether the source stands in prompts of language models that play personas."""
        return bool(self.source_shares) and (self.audience == LLM_AUDIENCE or bool(self.voting_models))

    def rules(self) -> Arena:
        """Return the arena, asked as these settings say.

        Raises:
            InputError: there is no such arena, or it cannot be asked so.
        """
        how = (self.format, self.examples, self.stop, self.attempts, self.cut)
        return arena(self.arena).asked(*how, self.shows_source)

    @property
    def id(self) -> str:
        """Content id of the settings."""
        return content_id(self.model_dump(mode="json"))

    def default_folder(self) -> Path:
        """Return the default folder of a run with these settings."""
        return Path("runs") / f"{Path(self.arena).stem}-{Path(self.audience).stem}-s{self.seed}-{self.id[:8]}"


UNRECORDED = frozenset(name for name, field in RunConfig.model_fields.items() if field.exclude)
"""Settings that decide nothing of a run, and are of no record of it: where models are served, what may be spent."""
