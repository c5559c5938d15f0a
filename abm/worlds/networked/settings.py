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
from moloch.records import InUnit, RecordedSettings

Rate = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=-100, le=100)]


class _NetworkSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GraphConfig(_NetworkSettings):
    """Who follows whom among the members."""

    kind: str = "watts_strogatz"
    """How the graph is built: ``watts_strogatz``, ``barabasi_albert``, ``homophilous``, ... or the path of a graph file whose
    nodes are personas."""
    options: dict[str, Any] = {}
    """Options of the builder, as ``{m: 3}``; those left out have the builder's defaults."""


class FeedConfig(_NetworkSettings):
    """What reaches a member of all that those it follows publish and share."""

    ranker: str = "chronological"
    """How a feed is ordered: ``chronological``, ``popularity``, ``engagement``, ``similarity``, ``random``, or a ranker of an
    extension."""
    slots: Annotated[int, InUnit("messages")] = Field(default=2, ge=1, le=127)
    """Messages that a member sees in a round."""
    discover: Rate = 0.0
    """Chance, per round and message, that the platform adds a message that nobody whom the member follows has shared."""


class EngagementConfig(_NetworkSettings):
    """What members do with a message that they see; each is a separate draw, and drawing none means ignoring it."""

    like: Rate = 0.15
    """Chance that a member likes a message that it sees, at appeal 0. Each reaction is drawn by itself; none means that the
    message is ignored."""
    share: Rate = 0.08
    """Chance that it shares the message."""
    reply: Rate = 0.03
    """Chance that it replies."""
    follow: Rate = 0.02
    """Chance that a member who liked or shared a message begins to follow its author."""
    unfollow: Rate = 0.01
    """Chance that a member who did nothing with a message stops following the account that it came from; appeal lowers it."""
    appeal: Annotated[Weight, InUnit("logits")] = 1.0
    """How much one unit of a message's appeal moves these chances."""


class InfluenceConfig(_NetworkSettings):
    """What others do to a member; all 0 gives members who only share a medium."""

    conformity: Annotated[Weight, InUnit("utility")] = 0.5
    """Added to a message for which all visible likes and shares of the member's contacts are."""
    bandwagon: Annotated[Weight, InUnit("utility")] = 0.0
    """Added to an option that everybody chose in the last poll."""
    trust: Annotated[Weight, InUnit("utility")] = 0.5
    """Added to a source that is fully trusted."""
    opinion: Annotated[Weight, InUnit("utility")] = 0.5
    """Added to a source of which the member thinks as well as possible."""
    persuasion: Rate = 0.1
    """How far a member's opinion of a competitor moves towards what a message just seen says, as a share of the distance."""
    pull: Rate = 0.1
    """How far a member's opinion moves towards the mean opinion of its contacts where it saw a message, as a share of the
    distance."""
    confidence: Annotated[float, InUnit("opinion, -1 to 1")] = Field(default=2.0, ge=0, le=2)
    """Largest difference of opinions at which a contact is listened to; 2: always."""
    trust_gain: Rate = 0.02
    """Trust that a competitor gains in a round in which the member likes a message of it."""


class MemoryConfig(_NetworkSettings):
    """What personas that a language model plays remember of a society: their newest notes, and counts of what they did."""

    by: Literal["rule", "model", "off"] = "rule"
    """How personas remember: ``rule`` writes a note of what they saw, did and chose in a round; ``model`` has the language
    model sum the notes up after each opening of the feeds, in a call of its own; ``off`` remembers nothing."""
    entries: Annotated[int, InUnit("notes")] = Field(default=12, ge=1, le=1000)
    """Notes that a persona keeps, the newest ones."""
    characters: Annotated[int, InUnit("characters")] = Field(default=800, ge=40, le=20_000)
    """Room for all notes of a persona together."""


class PostConfig(_NetworkSettings):
    """What personas that a language model plays may write: replies, and comments on what they share."""

    characters: Annotated[int, InUnit("characters")] = Field(default=160, ge=1, le=2000)
    """Limit on a reply or a comment, and on the reason for a choice."""
    most: Annotated[int, InUnit("texts")] = Field(default=128, ge=0, le=10_000)
    """Texts of personas that the feeds take up while they are open; others reach nobody. Each takes 11 bytes of memory per
    member."""


class _Intervention(_NetworkSettings):
    phase: Split | None = None
    """Where it takes effect: ``train`` or ``evaluate``. By default in both."""
    epoch: Annotated[int | None, InUnit("epoch")] = Field(None, ge=1)
    """The epoch in which it takes effect. By default every one."""
    after: Annotated[int, InUnit("contests")] = Field(default=0, ge=0)
    """Contests that a society has held before it takes effect."""


class Rule(_Intervention):
    """The platform changes how it ranks."""

    kind: Literal["rule"]
    """What happens: ``rule`` changes how feeds are ranked, ``ban`` keeps a competitor's messages from everybody, ``fact_check``
    labels messages that probes find fault with, ``shock`` moves opinions of a competitor once."""
    ranker: str | None = None
    """Of a ``rule``: the new ranker."""
    slots: Annotated[int | None, InUnit("messages")] = Field(None, ge=1, le=127)
    """Of a ``rule``: the new number of messages that a member sees in a round."""


class Ban(_Intervention):
    """A competitor's messages no longer reach anybody."""

    kind: Literal["ban"]
    slot: int = Field(ge=0)
    """Of a ``ban`` or ``shock``: the competitor, by its place in the contest, from 0."""


class FactCheck(_Intervention):
    """A share of the messages is checked by probes; what they find fault with is labelled from the next round on."""

    kind: Literal["fact_check"]
    probes: tuple[str, ...] = ()
    """Of a ``fact_check``: the probes that check. By default all of the run."""
    share: Rate = 1.0
    """Of a ``fact_check``: the share of messages that are checked, drawn at random. Of a ``shock``: the share of members whom
    it reaches."""
    round: Annotated[int, InUnit("round")] = Field(default=1, ge=0)
    """Of a ``fact_check``: the round before which messages are checked; what was seen earlier was seen without a label."""
    penalty: Annotated[Weight, InUnit("appeal")] = 1.0
    """Of a ``fact_check``: what a label costs a message; of several checks the largest counts."""
    distrust: Rate = 0.2
    """Of a ``fact_check``: trust in its author that a label costs with everybody who saw the message."""


class Shock(_Intervention):
    """News from outside moves what members think of a competitor, once."""

    kind: Literal["shock"]
    slot: int = Field(ge=0)
    shift: Annotated[float, InUnit("opinion")] = Field(ge=-2, le=2)
    """Of a ``shock``: how far opinions move."""
    share: Rate = 1.0
    """Of the members whom it reaches, drawn at random."""


Intervention = Annotated[Rule | Ban | FactCheck | Shock, Field(discriminator="kind")]


class NetworkConfig(_NetworkSettings, RecordedSettings):
    """A networked world."""

    graph: GraphConfig = Field(default_factory=cache(GraphConfig))
    followers: Rate = 0.3
    """Share of the members that follow every competitor from the start; they follow all of them, so that none starts ahead."""
    placement: Literal["random", "hubs"] = "random"
    """Which members these are: ``random`` ones, or the most followed (``hubs``)."""
    together: Annotated[int, InUnit("contests")] = Field(default=4, ge=1)
    """Contests whose messages are in the feeds at the same time, at most those of a step (``batch``)."""
    rounds: Annotated[int, InUnit("rounds")] = Field(default=4, ge=1, le=500)
    """Rounds of serving feeds and reacting before a contest is decided."""
    purchases: Annotated[int, InUnit("choices")] = Field(default=1, ge=1)
    """How often each member chooses: after each of the last so many rounds. Others see what was chosen."""
    polls: tuple[int, ...] = ()
    """Rounds, from 0, after which those who saw a message of a contest are asked what they would choose."""
    outside: Annotated[Weight, InUnit("utility")] = 0.0
    """Utility of choosing nothing, if the audience does not declare its own."""
    churn: Rate = 0.0
    """Share of the ties among members that are replaced, at each opening of the feeds, by a tie to a contact's contact."""
    feed: FeedConfig = Field(default_factory=cache(FeedConfig))
    engagement: EngagementConfig = Field(default_factory=cache(EngagementConfig))
    influence: InfluenceConfig = Field(default_factory=cache(InfluenceConfig))
    interventions: tuple[Intervention, ...] = ()
    """What the platform or the world does while a society is held; each has a ``kind``."""
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
