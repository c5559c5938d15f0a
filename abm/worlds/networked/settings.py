"""The settings of a networked world, with their defaults; docs/networked.md gives each one's reason.

Rates are chances at appeal 0 (a message without any feature that this member weighs); appeal moves them in logits.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from abm.events import Split
from moloch.records import RecordedSettings

Rate = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=-100, le=100)]


class _NetworkSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GraphConfig(_NetworkSettings):
    """Who follows whom among the members."""

    kind: str = "watts_strogatz"
    """A builder of :mod:`media_graph`, or the path of a graph file whose nodes are personas."""
    options: dict[str, Any] = {}
    """The builder's, such as ``{m: 3}``; those left out have the builder's defaults."""


class FeedConfig(_NetworkSettings):
    """What reaches a member of all that those it follows publish and share."""

    ranker: str = "chronological"
    slots: int = Field(default=2, ge=1, le=127)
    """Messages that a member sees in a round."""
    discover: Rate = 0.0
    """Chance, per round and message, that the platform adds one which nobody whom the member follows has shared."""


class EngagementConfig(_NetworkSettings):
    """What members do with a message that they see; each is a separate draw, and drawing none means ignoring it."""

    like: Rate = 0.15
    share: Rate = 0.08
    reply: Rate = 0.03
    follow: Rate = 0.02
    """The author, by members who liked or shared it and do not follow yet."""
    unfollow: Rate = 0.01
    """The account it came from, by members who did nothing with it; appeal lowers this rate."""
    appeal: Weight = 1.0
    """Logits per unit of appeal."""


class InfluenceConfig(_NetworkSettings):
    """What others do to a member; all 0 gives members who only share a medium."""

    conformity: Weight = 0.5
    """Utility of a message that all visible likes and shares of the member's own contacts are for."""
    bandwagon: Weight = 0.0
    """Utility of an option that everybody chose in the last poll."""
    trust: Weight = 0.5
    """Utility of a source that is fully trusted."""
    opinion: Weight = 0.5
    """Utility of a source that is fully approved of."""
    persuasion: Rate = 0.1
    """Share of the way from a member's opinion of a competitor to what the message seen just now says to it."""
    pull: Rate = 0.1
    """Share of the way from a member's opinion to the mean opinion of its contacts, where it saw a message."""
    confidence: float = Field(default=2.0, ge=0, le=2)
    """Largest distance of opinions (-1 .. 1) at which a contact is listened to; 2: always."""
    trust_gain: Rate = 0.02
    """Of a competitor, in a round in which the member likes a message of it, or several."""


class MemoryConfig(_NetworkSettings):
    """What personas that a language model plays remember of a society: their newest notes, and counts of what they did."""

    by: Literal["rule", "model", "off"] = "rule"
    """``rule``: a note says what the persona saw, did and chose in a round; ``model``: after each opening of the feeds the
    model sums the notes up, in a call of its own; ``off``: nothing is remembered."""
    entries: int = Field(default=12, ge=1, le=1000)
    """Notes that a persona keeps."""
    characters: int = Field(default=800, ge=40, le=20_000)
    """Of all of them together."""


class PostConfig(_NetworkSettings):
    """What personas that a language model plays may write: replies, and comments on what they share."""

    characters: int = Field(default=160, ge=1, le=2000)
    """Of a text at most, and of the reason for a choice."""
    most: int = Field(default=128, ge=0, le=10_000)
    """Texts that the feeds take up while they are open; others reach nobody. Each takes 11 bytes for each member."""


class _Intervention(_NetworkSettings):
    phase: Split | None = None
    """``train`` or ``evaluate`` only; both by default."""
    epoch: int | None = Field(None, ge=1)
    after: int = Field(default=0, ge=0)
    """Contests that a society has held before it comes into force."""


class Rule(_Intervention):
    """The platform changes how it ranks."""

    kind: Literal["rule"]
    ranker: str | None = None
    slots: int | None = Field(None, ge=1, le=127)


class Ban(_Intervention):
    """A competitor's messages no longer reach anybody."""

    kind: Literal["ban"]
    slot: int = Field(ge=0)


class FactCheck(_Intervention):
    """A share of the messages is checked by probes; what they find fault with is labelled from the next round on."""

    kind: Literal["fact_check"]
    probes: tuple[str, ...] = ()
    """Their names; by default all that the run has."""
    share: Rate = 1.0
    """Of the messages that are checked; which ones is drawn at random."""
    round: int = Field(default=1, ge=0)
    """Round before which the check is done; what was seen earlier was seen without a label."""
    penalty: Weight = 1.0
    """Appeal that a label costs a message; with several checks in force, the largest counts."""
    distrust: Rate = 0.2
    """Trust in its author that a check costs with everybody who saw what it found, once for one or several messages."""


class Shock(_Intervention):
    """News from outside moves what members think of a competitor, once."""

    kind: Literal["shock"]
    slot: int = Field(ge=0)
    shift: float = Field(ge=-2, le=2)
    """Of opinion."""
    share: Rate = 1.0
    """Of the members whom it reaches, drawn at random."""


Intervention = Annotated[Rule | Ban | FactCheck | Shock, Field(discriminator="kind")]


class NetworkConfig(_NetworkSettings, RecordedSettings):
    """A networked world."""

    graph: GraphConfig = Field(default_factory=cache(GraphConfig))
    followers: Rate = 0.3
    """Share of the members that follow every competitor from the start: the same ones, so that nobody starts ahead."""
    placement: Literal["random", "hubs"] = "random"
    """Which members those are: drawn at random, or the most followed ones."""
    together: int = Field(default=4, ge=1)
    """Contests whose messages are in the feeds at the same time; at most those of a step, and fewer where these run out."""
    rounds: int = Field(default=4, ge=1, le=500)
    """Rounds of serving and reacting before a contest is decided."""
    purchases: int = Field(default=1, ge=1)
    """How often each member chooses: after each of the last so many rounds. Others see what was chosen."""
    polls: tuple[int, ...] = ()
    """Rounds (0, 1, ...) after which those who saw a message of a contest are asked what they would choose."""
    outside: Weight = 0.0
    """Utility of choosing nothing, if the audience does not declare its own."""
    churn: Rate = 0.0
    """Share of the ties among members that are replaced, at each opening of the feeds, by a contact's contact."""
    feed: FeedConfig = Field(default_factory=cache(FeedConfig))
    engagement: EngagementConfig = Field(default_factory=cache(EngagementConfig))
    influence: InfluenceConfig = Field(default_factory=cache(InfluenceConfig))
    interventions: tuple[Intervention, ...] = ()
    memory: MemoryConfig = Field(default_factory=cache(MemoryConfig))
    posts: PostConfig = Field(default_factory=cache(PostConfig))

    LATER = ("memory", "posts")

    @model_validator(mode="after")
    def _check(self) -> NetworkConfig:
        if self.purchases > self.rounds:
            raise ValueError(f"{self.purchases} purchases do not fit into {self.rounds} rounds")
        if late := [at for at in self.polls if not 0 <= at < self.rounds]:
            raise ValueError(f"a poll after round {late[0]}: rounds are 0 to {self.rounds - 1}")
        return self
