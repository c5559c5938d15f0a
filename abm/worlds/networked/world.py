"""The networked world: competitors are accounts, messages reach members through feeds, and members reach each other.

A step holds a planned batch of contests. All messages are written at once; then the feeds open for a few contests at a
time (``together``), and round by round the platform ranks and serves, members act, and opinions move. At the end everybody
who saw a message of a contest chooses among those that it saw, or nothing. Every round is decided, appended and only then
applied: it sees nothing of itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import networkx as nx
import numpy as np
from numpy.typing import NDArray

from abm.arenas.anchors import Anchor
from abm.audience import Voters
from abm.columns import Float32s, Int32s, pack
from abm.events import Event, FeedOpened, MessagePublished, PlatformOpened, TiesCut, TiesFormed
from abm.probe import Probe
from abm.state.platform import Platform, account
from abm.worlds.model import Model, Votes, Written
from abm.worlds.networked import interventions
from abm.worlds.networked.choices import Entry, choose, poll, reacted
from abm.worlds.networked.churn import churned
from abm.worlds.networked.readers import reader
from abm.worlds.networked.round import hold
from abm.worlds.networked.scene import Scene
from abm.worlds.networked.settings import NetworkConfig, Shock
from moloch import keyed


class NetworkedModel(Model):
    """A Mesa model of contests in the networked world.

    Args:
        network: the world's settings.
        checkers: probes that a fact-check may use.
        others: as :class:`abm.worlds.model.Model` takes them; the members' ties stand in the log (``ties_formed``, ``graph``).

    Raises:
        InputError: the audience cannot read in a networked world, or an intervention names what is not there.
    """

    def __init__(
        self, *args: Any, voters: Voters, network: NetworkConfig, checkers: Sequence[Probe] = (), **others: Any
    ) -> None:
        order = np.argsort(voters.ids, kind="stable")
        if not np.array_equal(order, np.arange(len(order))):  # rows go by persona index: no result hangs on their order
            voters = voters.of(order)
        super().__init__(*args, voters=voters, **others)
        self.network, self.checkers = network, checkers
        self.reader = reader(self.society.audience, network.outside)
        self.plan = interventions.make_plan(
            network, checkers, phase=self.phase, epoch=self.epoch, competitors=len(self.competitors),
            starts=interventions.openings(len(self.anchors), self.society.batch, network.together),
        )  # fmt: skip

    @property
    def platform(self) -> Platform:
        """The state of this society's platform.

        Raises:
            RuntimeError: no step has begun.
        """
        if self.state.platform is None:
            raise RuntimeError("the platform opens with the first step")
        return self.state.platform

    def graph(self) -> nx.DiGraph:
        """Return who follows whom now: members by row, competitors by account (-2 for slot 0, -3 for slot 1, ...).

        Members have the node attribute ``persona`` (their row), competitors ``competitor`` (their name).
        """
        graph = nx.DiGraph()
        graph.add_nodes_from((row, {"persona": row}) for row in range(len(self.voters.ids)))
        graph.add_nodes_from((account(each.slot), {"competitor": each.name}) for each in self.competitors)
        if self.state.platform is not None:
            graph.add_edges_from(zip(*(column.tolist() for column in self.platform.follows.ties()), strict=True))
            slots, rows = np.nonzero(self.platform.audience)
            graph.add_edges_from(zip(rows.tolist(), account(slots).tolist(), strict=True))
        return graph

    # -- one step ------------------------------------------------------------------------------------------

    def _hold(self, batch: Sequence[Anchor]) -> None:
        with self.journal.transaction():
            written = list(self._written(batch))
            if not self.done:
                self._open_platform()
        for start in range(0, len(batch), self.network.together):
            self._feed(self.done + start, written[start : start + self.network.together])
        with self.journal.transaction():
            for anchor, published in written:
                for message in published:
                    self._judge(message, anchor)

    def _open_platform(self) -> None:
        ids, feed = self.voters.ids, self.network.feed
        contiguous = np.array_equal(ids, ids[0] + np.arange(len(ids)))
        opened = self.journal.emit(
            PlatformOpened(
                step=self.state.step, competitors=len(self.competitors), first=int(ids[0]), size=len(ids),
                personas=b"" if contiguous else pack(ids, Int32s), ranker=feed.ranker, slots=feed.slots,
                tastes=self.reader.topics([""]).shape[1] if interventions.needs_tastes(self.network) else 0,
            )
        )  # fmt: skip
        followers = self._first_followers()
        for competitor in self.competitors if len(followers) else ():
            followed = np.full(len(followers), account(competitor.slot))
            self._tie(TiesFormed, "audience", followers, followed, cause=opened)

    def _first_followers(self) -> NDArray[np.int64]:
        """Return the members who follow every competitor from the start, as persona indices."""
        ids, share = self.voters.ids, self.network.followers
        wanted = max(1, round(share * len(ids))) if share else 0
        lots = keyed.uniforms(ids, self.seed, self.phase, "followers")
        followed = np.zeros(len(ids), dtype=np.int64)
        if self.network.placement == "hubs":
            inside = np.isin(self.state.sources, ids) & np.isin(self.state.targets, ids)
            followed = np.bincount(np.searchsorted(ids, self.state.targets[inside]), minlength=len(ids))
        return np.sort(ids[np.lexsort((lots, -followed))[:wanted]])

    # -- the feeds -----------------------------------------------------------------------------------------

    def _feed(self, held: int, group: Sequence[Written]) -> None:
        """Let the messages of some contests spread, and decide the contests."""
        society = (self.seed, self.phase, self.epoch)
        due = self.plan.due(held, self.platform.interventions)
        interventions.check_tastes(due, self.platform)
        cut, formed = churned(self.platform, self.network.churn, (*society, "churn", held))
        with self.journal.transaction():
            self._emit(interventions.intervened(intervention, held, self.state.step) for intervention in due)
            self._tie(TiesCut, "churn", *cut)
            self._tie(TiesFormed, "churn", *formed)
            entries, cause = self._enter(group)
        messages = [(message, anchor) for anchor, published in group for message in published]
        shocks = [intervention for intervention in due if isinstance(intervention, Shock)]
        for i, shock in enumerate(shocks):
            number = sum(before.slot == shock.slot for before in shocks[:i])
            self._commit(interventions.shocked(self._scene(held, messages), shock, held, society, number))
        votes = {entry.contest: [np.zeros(0, dtype=np.int8)] for entry in entries}
        for round_ in range(self.network.rounds):
            self._check_facts(held, round_, messages)
            cause = self._round(self._scene(held, messages), round_, cause)
            for contest, slots in self._ask(self._scene(held, messages), round_, entries).items():
                votes[contest].append(slots)
        with self.journal.transaction():
            for entry, (anchor, published) in zip(entries, group, strict=True):
                chosen = np.concatenate(votes[entry.contest])
                self._decide(entry.contest, anchor, published, entry.opened, Votes(chosen))

    def _enter(self, group: Sequence[Written]) -> tuple[list[Entry], int]:
        """Open the contests and the feeds; return the contests, and the ``seq`` of the feeds' opening."""
        entries, messages = [], []
        for anchor, published in group:
            contest = self._contest_id(anchor)
            items = list(range(len(messages), len(messages) + len(published)))
            opened = self._open(contest, anchor, published)
            entries.append(Entry(contest, items, opened, (self.seed, self.phase, self.epoch, anchor.id)))
            messages += published
        topics = self.reader.topics([message.text for message in messages])
        ids = [message.message for message in messages]
        cause = messages[0].seq if messages else -1
        return entries, self.journal.emit(
            FeedOpened(step=self.state.step, cause=cause, messages=ids, topics=pack(topics, Float32s))
        )

    def _scene(self, held: int, messages: Sequence[tuple[MessagePublished, Anchor]]) -> Scene:
        posts = self.platform.posts
        assert posts is not None  # the feeds are open
        return Scene(
            step=self.state.step, platform=self.platform, posts=posts, voters=self.voters, audience=self.society.audience, reader=self.reader,
            network=self.network, texts=[message.text for message, _ in messages],
            places=[(self.seed, self.phase, self.epoch, anchor.id, message.slot) for message, anchor in messages],
            penalty=self.plan.penalty(held),
        )  # fmt: skip

    def _check_facts(self, held: int, round_: int, messages: Sequence[tuple[MessagePublished, Anchor]]) -> None:
        for number, (start, check) in enumerate(self.plan.checks):
            if held >= start and check.round == round_:
                scene = self._scene(held, messages)
                self._commit(interventions.checked(scene, check, round_, messages, self.arena, self.checkers, number))

    def _round(self, scene: Scene, round_: int, cause: int) -> int:
        """Serve and let members act; return the ``seq`` of what was served, or ``cause`` if nothing was."""
        events = hold(scene, round_, cause)
        with self.journal.transaction():
            for i, event in enumerate(events):
                if i == 0:  # what was served; it is the cause of the rest
                    cause = self.journal.emit(event)
                else:
                    self.journal.emit(msgspec.structs.replace(event, cause=cause))
        return cause

    def _ask(self, scene: Scene, round_: int, entries: Sequence[Entry]) -> dict[str, NDArray[np.int8]]:
        """Take the polls and make the purchases of a round; return the slots that members chose, by contest."""
        network = self.network
        first_purchase = network.rounds - network.purchases
        buys, asks = round_ >= first_purchase, round_ in network.polls
        contests = [entry for entry in entries if len(entry.items) >= 2] if buys or asks else []
        choices = [choose(scene, entry, max(round_, first_purchase)) for entry in contests]
        for entry, made in zip(contests, choices, strict=True):
            if asks:
                self._commit([poll(scene, entry, made, round_, len(self.competitors))])
            if buys:
                self._commit(reacted(scene, entry, made, round_, self.society.bulk))
        return {entry.contest: made.slots for entry, made in zip(contests, choices, strict=True)} if buys else {}

    # -- events --------------------------------------------------------------------------------------------

    def _tie(
        self, kind: type[Event], why: str, sources: NDArray[np.int64], targets: NDArray[np.int64], cause: int = -1
    ) -> None:
        if len(sources):
            columns = {"sources": pack(sources, Int32s), "targets": pack(targets, Int32s)}
            self.journal.emit(kind(step=self.state.step, cause=cause, why=why, **columns))  # pyright: ignore[reportCallIssue]

    def _emit(self, events: Iterable[Event]) -> None:
        for event in events:
            self.journal.emit(event)

    def _commit(self, events: Iterable[Event]) -> None:
        decided = list(events)  # before the first is applied
        with self.journal.transaction():
            self._emit(decided)
