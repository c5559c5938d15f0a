"""The networked world: accounts, feeds, what members do there and what it does to them.

An account is a persona index (0, 1, ...) or a competitor: -2 - slot. -1 is the platform itself.
"""

from __future__ import annotations

from typing import Any, Literal

from abm.columns import Float32s, Int8s, Int16s, Int32s
from abm.events._event import Event


class TiesFormed(Event, frozen=True, kw_only=True, tag="ties_formed"):
    """Accounts began to follow others; what the followed publish or share reaches them."""

    why: Literal["graph", "audience", "follow", "churn"]
    """``graph``: before any step; ``audience``: a competitor's first followers; then by members' own doing."""
    sources: Int32s
    """Who follows, shape (ties,); persona indices."""
    targets: Int32s
    """Whom, shape (ties,); accounts."""


class TiesCut(Event, frozen=True, kw_only=True, tag="ties_cut"):
    """Accounts no longer follow others."""

    why: Literal["unfollow", "churn"]
    sources: Int32s
    targets: Int32s


class PlatformOpened(Event, frozen=True, kw_only=True, tag="platform_opened"):
    """A society begins: its members' ties are those of the graph, opinions and trust are 0, nobody is banned."""

    competitors: int
    first: int
    """Index of the first persona; the others follow it where ``personas`` is empty."""
    size: int
    """Members."""
    personas: Int32s = b""
    """Persona indices, shape (members,), where they are not one unbroken range."""
    ranker: str
    slots: int
    tastes: int = 0
    """Message features of which the platform keeps each member's taste; 0 where no ranker asks for it."""


class FeedOpened(Event, frozen=True, kw_only=True, tag="feed_opened"):
    """Messages went to the feeds together; they compete for the same slots."""

    messages: list[str]
    """Their index in this list is what the events of the feed call an item."""
    topics: Float32s
    """What they are like, shape (messages, features), row by row."""


class FeedServed(Event, frozen=True, kw_only=True, tag="feed_served"):
    """What members saw in one round, best first, as columns of equal length."""

    round: int
    """0, 1, ... since the feed opened."""
    ranker: str
    members: Int32s
    """Persona indices."""
    items: Int16s
    ranks: Int8s
    """Place in that member's feed, from 0."""
    scores: Float32s
    """What the ranker gave."""
    sources: Int32s
    """Account from which it came: the author, or who shared it; -1 where the platform recommended it."""


class Engaged(Event, frozen=True, kw_only=True, tag="engaged"):
    """Members liked, shared or replied to what they had just seen; the rest ignored it."""

    round: int
    action: Literal["like", "share", "reply"]
    members: Int32s
    items: Int16s


class MembersPosted(Event, frozen=True, kw_only=True, tag="members_posted"):
    """Members wrote what others can see: replies, and comments on what they shared. They join what is in the feeds, in this order.

    They belong to no arm: no vote can be for one, and no verdict on one counts for or against a competitor.
    """

    round: int
    messages: list[str]
    """``<contest>/said/<persona>.<round>.<item>``, one for each text."""
    personas: Int32s
    """Who wrote each."""
    items: Int16s
    """What each is about."""
    kinds: list[Literal["reply", "share"]]
    texts: list[str]
    topics: Float32s
    """What they are like, shape (texts, features), row by row."""
    unplaced: int = 0
    """Texts that members wrote and that reach nobody: the feeds had no room left."""


class FeedAnswerInvalid(Event, frozen=True, kw_only=True, tag="feed_answer_invalid"):
    """A persona's answer to its feed that could not be read, after its retry; it did nothing then: counted, never guessed."""

    round: int
    persona: int
    why: str
    raw: str


class Remembered(Event, frozen=True, kw_only=True, tag="remembered"):
    """What personas remember from here on: a note each, after those that they have, or instead of them."""

    round: int
    personas: Int32s
    notes: list[str]
    tallies: list[dict[str, int]]
    """What each did in the round, such as ``{"saw": 2, "liked": 1}``; added to what it did before."""
    entries: int
    """Notes that a persona keeps, the newest ones."""
    characters: int
    """Of all its notes together; older ones are forgotten first."""
    anew: bool = False
    """Whether the note takes the place of all that came before it: a language model wrote it as their summary."""


class OpinionsShifted(Event, frozen=True, kw_only=True, tag="opinions_shifted"):
    """What members think of a competitor changed, or how far they trust it."""

    round: int
    about: Literal["opinion", "trust"]
    why: Literal["influence", "fact_check", "shock", "reader"]
    """``reader``: a language model that plays the members said so itself."""
    slot: int
    """Whom it is about."""
    members: Int32s
    values: Int16s
    """The new values, in units of 0.0001, -10000 .. 10000."""


class PollTaken(Event, frozen=True, kw_only=True, tag="poll_taken"):
    """Members were asked what they would choose now; everybody learns the result."""

    contest: str
    round: int
    asked: int
    votes: list[int]
    """Members per slot; those missing chose nothing."""


class Intervened(Event, frozen=True, kw_only=True, tag="intervened"):
    """Something from outside came into force: a rule of the platform, a ban, a fact-check, a shock."""

    kind: Literal["rule", "ban", "fact_check", "shock"]
    contests: int
    """Contests that this society had held before."""
    settings: dict[str, Any]


class MessagesLabelled(Event, frozen=True, kw_only=True, tag="messages_labelled"):
    """A fact-check found fault with messages; everyone who sees them from now on sees that."""

    round: int
    items: Int16s
    probes: list[str]
    """The probe that found it, one per item."""
