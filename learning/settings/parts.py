"""The parts of a run's settings that have settings of their own: how writers and readers are asked, crowd, budget, what is redrawn, surveys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from moloch.records import InUnit, RecordedSettings
from populations.splits import Draw

Share = Annotated[float, Field(gt=0, le=1)]
"""More than nothing, up to all."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SamplingConfig(_Settings):
    """How writers draw tokens."""

    temperature: float = Field(default=0.7, ge=0, le=2)
    """Randomness of what writers write; 0: always the likeliest token."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Tokens are drawn from the likeliest ones that have this probability together; 1: from all."""
    max_tokens: Annotated[int, InUnit("tokens")] = Field(default=192, ge=16, le=8192)
    """Limit on a writer's answer, its thinking included."""


class ReaderConfig(_Settings):
    """How a language model plays the personas, where ``audience`` is ``llm``."""

    model: str = ""
    """The model that plays the personas: ``pocket``, a folder, or a served model's name. By default the writers' model, without
    adapters."""
    temperature: float = Field(default=0.1, ge=0, le=2)
    """Randomness of what personas answer; 0: always the likeliest token."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Tokens are drawn from the likeliest ones that have this probability together; 1: from all."""
    max_tokens: Annotated[int, InUnit("tokens")] = Field(default=512, ge=8, le=8192)
    """Limit on a persona's answer."""
    answer: Literal["tags", "json", "letters"] = "tags"
    """How personas answer: ``tags``, a thought and a choice between tags; ``json``, one JSON object, whose schema servers
    enforce; ``letters``, no text: a vote is drawn from the probabilities of the options' letters, in both orders."""
    retries: Annotated[int, InUnit("times")] = Field(default=1, ge=0, le=1)
    """How often a persona is asked again, for the letter alone, after an answer that names no option."""

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

    size: Annotated[int, InUnit("members")] = Field(default=0, ge=0, le=10_000_000)
    """Members besides the personas, in training and in evaluation each."""
    audience: str = "default"
    """The choice model by which the crowd reacts: ``default``, ``neutral``, or the path of a YAML file."""


class SourceReadersConfig(_Settings, RecordedSettings):
    """Which share of the members reads the source of messages, the anchor, beside them. Drawn at random: who does at one share does at
    every larger one."""

    train: float = Field(default=0.0, ge=0, le=1)
    """Share of the members, drawn at random, who read the anchor beside the messages where votes are learnt from."""
    evaluate: float = Field(default=0.0, ge=0, le=1)
    """The same of held-out members, who judge all arms alike."""
    probe: str = "misrepresentation"
    """The probe that counts claims that the anchor does not support, for members who are a choice model."""

    LATER = ("train", "evaluate", "probe")


class BudgetConfig(_Settings):
    """Bounds on what a run may spend: on calls, tokens and money over all its processes, on minutes of this one.

    What models of this process compute is free, and counts as minutes alone.
    """

    calls: Annotated[int | None, InUnit("calls")] = Field(default=None, ge=0)
    """Most calls of models that the run may make, over all its processes. Models of this process are free."""
    tokens: Annotated[int | None, InUnit("tokens")] = Field(default=None, ge=0)
    """Most tokens, read and written, over all processes of the run."""
    usd: Annotated[float | None, InUnit("US dollars")] = Field(default=None, ge=0)
    """Most money that the run may cost, by the prices that ``serving`` gives, over all its processes."""
    minutes: Annotated[float | None, InUnit("minutes")] = Field(default=None, ge=0)
    """How long this process may work; the same command resumes."""
    shared: str = ""
    """Folder by which runs at the same time share their limits on calls, tokens and money. By default each has its
    own."""


class RedrawConfig(_Settings, RecordedSettings):
    """What is drawn from the pools anew for each seed (``per_seed``), and what is the same for all seeds (``common``).

    Left out: held-out anchors are the first ones of their file, whatever the seed; training anchors are drawn; personas are drawn,
    but of a side that their file declares (``split``), as in the built-in packs, the first ones are taken. Nobody, and no anchor, is
    ever on both sides.
    """

    train_anchors: Draw | None = None
    """Whether training anchors are drawn again for each seed (``per_seed``) or are the same for all seeds (``common``). By
    default they are drawn."""
    held_out_anchors: Draw | None = None
    """The same of held-out anchors. By default the first ones of their file."""
    train_personas: Draw | None = None
    """The same of training personas. By default they are drawn, or are the first ones where their file says who is on which
    side."""
    held_out_personas: Draw | None = None
    """The same of held-out personas. The crowd of a side goes with its personas."""

    LATER = ("train_anchors", "held_out_anchors", "train_personas", "held_out_personas")


class EpochMoment(_Settings):
    """When an epoch's contests are over."""

    epoch: Annotated[int, InUnit("epoch")] = Field(ge=1)
    """Ask when the contests of this epoch are over."""


class SurveyConfig(_Settings):
    """A questionnaire that is put to personas while the run goes on."""

    questions: str
    """Path of the questionnaire's YAML file."""
    at: tuple[Literal["start", "end"] | EpochMoment, ...] = Field(default=("end",), min_length=1)
    """When it is asked: ``start``, before anyone has read anything; ``{epoch: 1}``, when the contests of that epoch are over;
    ``end``, the same of the last epoch."""
    who: Literal["all", "train", "evaluate"] = "all"
    """Who is asked: personas whose votes are learnt from (``train``), held-out ones (``evaluate``), or ``all``."""
    share: Share = 1.0
    """Share of them who are asked, drawn at random."""
    remember: bool = False
    """Whether personas remember what they were asked and answered."""
    answer_tokens: Annotated[int, InUnit("tokens")] = Field(default=0, ge=0, le=8192)
    """Limit on answers that would have a lower one: room for models that think first."""

    @property
    def epochs(self) -> tuple[int | None, ...]:
        """The moments as epochs: 0 for the start, None for the last."""
        words: dict[str, int | None] = {"start": 0, "end": None}
        return tuple(each.epoch if isinstance(each, EpochMoment) else words[each] for each in self.at)
