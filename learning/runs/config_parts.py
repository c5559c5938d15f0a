"""The parts of a run's settings that have settings of their own: how writers and readers are asked, crowd, budget, what is redrawn, surveys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from moloch.records import RecordedSettings
from populations.splits import Draw

Share = Annotated[float, Field(gt=0, le=1)]
"""More than nothing, up to all."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SamplingConfig(_Settings):
    """How writers draw tokens."""

    temperature: float = Field(default=0.7, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=192, ge=16, le=8192)


class ReaderConfig(_Settings):
    """How a language model plays the personas, where ``audience`` is ``llm``."""

    model: str = ""
    """``pocket``, a folder, or a served model's name; empty: the writers' model, without adapter."""
    temperature: float = Field(default=0.1, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=512, ge=8, le=8192)
    answer: Literal["tags", "json", "letters"] = "tags"
    """``json``: one JSON object, to whose schema servers hold the model. ``letters``: the probabilities of the letters, in both
    orders, from which a vote is drawn; no thoughts, and temperature, top_p and max_tokens play no part."""
    retries: int = Field(default=1, ge=0, le=1)
    """Times that a member is asked for the letter alone, after an answer that names no option."""

    @model_validator(mode="after")
    def _letters_alone(self) -> ReaderConfig:
        if self.answer == "letters":
            for name in ("temperature", "top_p", "max_tokens"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(
                        f"answer: letters writes nothing and draws from the odds as they are; leave {name} out"
                    )
        return self


class CrowdConfig(_Settings):
    """Members besides the personas, known only by their traits; the personas are then the core of a mixed audience."""

    size: int = Field(default=0, ge=0, le=10_000_000)
    """Members of each split."""
    audience: str = "default"
    """How they react: a choice model."""


class SourceReadersConfig(_Settings, RecordedSettings):
    """Which share of the members reads the source of messages, the anchor, beside them. Drawn at random: who does at one share does at
    every larger one."""

    train: float = Field(default=0.0, ge=0, le=1)
    """Of those whose votes are learnt from."""
    evaluate: float = Field(default=0.0, ge=0, le=1)
    """Of those held out, who judge all arms alike."""
    probe: str = "misrepresentation"
    """What counts the claims that a source does not support, for members who are a choice model."""

    LATER = ("train", "evaluate", "probe")


class BudgetConfig(_Settings):
    """Bounds on what a run may spend: on calls, tokens and money over all its processes, on minutes of this one.

    What models of this process compute is free, and counts as minutes alone.
    """

    calls: int | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    usd: float | None = Field(default=None, ge=0)
    minutes: float | None = Field(default=None, ge=0)
    shared: str = ""
    """Folder by which runs that go on at the same time share the bounds on calls, tokens and money; empty: they are this run's."""


class RedrawConfig(_Settings, RecordedSettings):
    """What is drawn from the pools anew for each seed (``per_seed``), and what is the same for all seeds (``common``).

    Left out: held-out anchors are the first ones of their file, whatever the seed; training anchors are drawn; personas are drawn,
    but of a side that their file declares (``split``), as in the built-in packs, the first ones are taken. Nobody, and no anchor, is
    ever on both sides.
    """

    train_anchors: Draw | None = None
    held_out_anchors: Draw | None = None
    train_personas: Draw | None = None
    held_out_personas: Draw | None = None
    """The crowd of a side is drawn from its personas, and is common where they are declared to be."""

    LATER = ("train_anchors", "held_out_anchors", "train_personas", "held_out_personas")


class EpochMoment(_Settings):
    """When an epoch's contests are over."""

    epoch: int = Field(ge=1)


class SurveyConfig(_Settings):
    """A questionnaire that is put to personas while the run goes on."""

    questions: str
    """Path of its YAML file: :class:`abm.surveys.Questionnaire`."""
    at: tuple[Literal["start", "end"] | EpochMoment, ...] = Field(default=("end",), min_length=1)
    """``start``: before anybody read anything; ``{epoch: 1}``: when the contests of that epoch are over, in each society that it
    held; ``end``: the same of the last epoch."""
    who: Literal["all", "train", "evaluate"] = "all"
    """Personas whose votes are learnt from, held-out ones, or both."""
    share: Share = 1.0
    """Of them, drawn at random."""
    remember: bool = False
    """Whether they remember what they were asked and answered."""
    answer_tokens: int = Field(default=0, ge=0, le=8192)
    """Bound of every answer that would have a lower one: room for models that think first."""

    @property
    def epochs(self) -> tuple[int | None, ...]:
        """The moments as epochs: 0 for the start, None for the last."""
        words: dict[str, int | None] = {"start": 0, "end": None}
        return tuple(each.epoch if isinstance(each, EpochMoment) else words[each] for each in self.at)
