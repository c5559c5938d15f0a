"""The networked world: competitors are accounts, messages reach members through feeds, and members reach each other.

A step holds a planned batch of contests. All messages are written at once; then the feeds open for a few contests at a
time (``together``), and round by round the platform ranks and serves, members act, and opinions move. At the end everybody
who saw a message of a contest chooses among those that it saw, or nothing. Every round is decided, appended and only then
applied: it sees nothing of itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import msgspec
import networkx as nx
import numpy as np
from numpy.typing import NDArray

from abm.arenas.anchors import Anchor
from abm.audience import SourceFindings
from abm.columns import Float32s, Int32s, pack
from abm.events import (
    Event,
    FeedOpened,
    MembersPosted,
    MessagePublished,
    PlatformOpened,
    TiesCut,
    TiesFormed,
)
from abm.journal import Journal
from abm.probe import Probe
from abm.state.platform import Platform, account
from abm.worlds import contests
from abm.worlds.causes import FIRST, emit_all
from abm.worlds.contests import Slate, Votes
from abm.worlds.model import Model, Society, Stage
from abm.worlds.networked import interventions, posts
from abm.worlds.networked.choices import Choices, Entry, Own, choose, offer_of, poll, reacted, with_own
from abm.worlds.networked.churn import churned
from abm.worlds.networked.feed_answers import FeedAnswer, Unreadable
from abm.worlds.networked.narrator import Narrator, account_names
from abm.worlds.networked.notes import brought, noted, summed_up
from abm.worlds.networked.pages import ChoiceNow, Views, pages
from abm.worlds.networked.personas import ask_personas, sum_up
from abm.worlds.networked.readers import asked_members, asked_part, reader, source_weights
from abm.worlds.networked.round import hold, serve_feeds
from abm.worlds.networked.scene import Said, Scene, SourceChecks
from abm.worlds.networked.settings import NetworkConfig, Shock
from moloch import keyed


class NetworkedModel(Model):
    """A Mesa model of contests in the networked world.

    Args:
        society: what does not change between the stages of a run.
        journal: the run's log, which holds the members' ties (``ties_formed``, ``graph``).
        stage: who competes about what before whom.
        network: the world's settings.
        checkers: probes that a fact-check may use.

    Raises:
        InputError: the audience cannot read in a networked world, or an intervention names what is not there.
    """

    def __init__(
        self,
        society: Society,
        journal: Journal,
        stage: Stage,
        network: NetworkConfig,
        checkers: Sequence[Probe] = (),
    ) -> None:
        order = np.argsort(stage.voters.ids, kind="stable")
        if not np.array_equal(
            order, np.arange(len(order))
        ):  # rows go by persona index: no result depends on their order
            stage = msgspec.structs.replace(stage, voters=stage.voters.of(order))
        super().__init__(society, journal, stage)
        self.network, self.checkers = network, checkers
        self.reader = reader(society.audience, network.outside)
        self.asked_members = asked_members(self.reader, stage.voters.ids)
        self._source_weights, self._claims = np.zeros(0), dict[tuple[str, str], int]()
        if (reads := self.reads_source) is not None:
            self._source_weights = np.where(reads, source_weights(self.reader, self.voters), 0.0)
        self.plan = interventions.make_plan(
            network,
            checkers,
            phase=stage.phase,
            epoch=stage.epoch,
            competitors=len(self.competitors),
            starts=interventions.openings(len(stage.anchors), society.batch, network.together),
        )

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

    def hold(self, batch: Sequence[Anchor]) -> None:
        """Have messages written, let them spread through the feeds, and have them judged."""
        with self.journal.transaction():
            slates = list(self.write(batch))
            if not self.done:
                emit_all(self.journal, self._opened_platform())
        written: list[Said] = []
        for start in range(0, len(batch), self.network.together):
            written += self._feed(self.done + start, slates[start : start + self.network.together])
        verdicts = [verdict for slate in slates for verdict in self.verdicts(slate)]
        probes, arena = self.stage.probes, self.society.arena
        self.append([*verdicts, *posts.judged(written, probes, arena, self.state.step)])

    def _opened_platform(self) -> Iterator[Event]:
        """Yield the opening of the platform, who follows each competitor from the start, and what personas remember from before."""
        ids, feed = self.voters.ids, self.network.feed
        contiguous = np.array_equal(ids, ids[0] + np.arange(len(ids)))
        yield PlatformOpened(
            step=self.state.step,
            competitors=len(self.competitors),
            first=int(ids[0]),
            size=len(ids),
            personas=b"" if contiguous else pack(ids, Int32s),
            ranker=feed.ranker,
            slots=feed.slots,
            tastes=self.reader.topics([""]).shape[1] if interventions.needs_tastes(self.network) else 0,
        )
        followers = self._first_followers()
        for competitor in self.competitors:
            followed = np.full(len(followers), account(competitor.slot))
            yield from self._ties(TiesFormed, "audience", followers, followed, cause=FIRST)
        played = ids[self.asked_members].tolist()
        yield from brought(self.stage.remembered, played, self.state.step, self.network.memory)

    def _first_followers(self) -> NDArray[np.int64]:
        """Return the members who follow every competitor from the start, as persona indices."""
        ids, share = self.voters.ids, self.network.followers
        wanted = max(1, round(share * len(ids))) if share else 0
        lots = keyed.uniforms(ids, self.society.seed, self.phase, "followers")
        followed = np.zeros(len(ids), dtype=np.int64)
        if self.network.placement == "hubs":
            inside = np.isin(self.state.sources, ids) & np.isin(self.state.targets, ids)
            followed = np.bincount(np.searchsorted(ids, self.state.targets[inside]), minlength=len(ids))
        return np.sort(ids[np.lexsort((lots, -followed))[:wanted]])

    # -- the feeds -----------------------------------------------------------------------------------------

    def _feed(self, held: int, slates: Sequence[Slate]) -> list[Said]:
        """Let the messages of some contests spread, and decide the contests; return what members wrote meanwhile."""
        society = (self.society.seed, self.phase, self.epoch)
        due = self.plan.due(held, self.platform.interventions)
        interventions.check_tastes(due, self.platform)
        cut, formed = churned(self.platform, self.network.churn, (*society, "churn", held))
        with self.journal.transaction():
            emit_all(self.journal, (interventions.intervened(each, held, self.state.step) for each in due))
            emit_all(self.journal, self._ties(TiesCut, "churn", *cut))
            emit_all(self.journal, self._ties(TiesFormed, "churn", *formed))
            opened = emit_all(self.journal, (contests.opened(slate, self.state.step) for slate in slates))
            emit_all(self.journal, self._sources_checked(slates, opened))
            cause = self.journal.emit(self._feed_opened(slates))
        entries = _entries(slates, opened)
        said = [self._said(slate, message) for slate in slates for message in slate.messages]
        shocks = [intervention for intervention in due if isinstance(intervention, Shock)]
        for i, shock in enumerate(shocks):
            number = sum(before.slot == shock.slot for before in shocks[:i])
            self.append(interventions.shocked(self._scene(held, said), shock, held, society, number))
        votes = {slate.contest: [contests.NOBODY] for slate in slates}
        for round_ in range(self.network.rounds):
            self._check_facts(held, round_, said)
            cause, answers = self._round(held, round_, cause, said, entries)
            for contest, cast in self._choose(self._scene(held, said), round_, entries).items():
                votes[contest].append(cast)
            if answers:
                self.append(noted(self._narrator(self._scene(held, said)), answers, round_, self.network.memory))
        self.append(
            self.decided(entry.slate, contests.together(votes[entry.contest]), entry.opened) for entry in entries
        )
        if self.network.memory.by == "model":
            self._sum_up(held, self._scene(held, said), cause)
        return [each for each in said if each.author >= 0]

    def _sources_checked(self, slates: Sequence[Slate], opened: Sequence[int]) -> Iterator[Event]:
        """Yield what members know of each contest who read its source."""
        readers = self.stage.source
        for slate, seq in zip(slates, opened, strict=True) if readers else ():
            if readers and slate.competes and (source := self.source_of(slate)):
                yield contests.source_checked(slate, source, readers, self.state.step, seq)

    def _checked(self, said: Sequence[Said]) -> SourceChecks | None:
        """Return what members find who read the source of what is in the feeds; each message is checked once."""
        readers, reads = self.stage.source, self.reads_source
        if readers is None or reads is None:
            return None
        counted = self._claims
        for each in said:
            if (key := (each.anchor.id, each.text)) not in counted:
                counted[key] = readers.claims(each.text, each.anchor, self.society.arena)
        claims = tuple(counted[(each.anchor.id, each.text)] for each in said)
        return SourceChecks(reads, self._source_weights, SourceFindings("", claims).unsupported)

    def _said(self, slate: Slate, message: MessagePublished) -> Said:
        place = (*self._place(slate.anchor), message.slot)
        return Said(message.message, slate.contest, message.text, slate.anchor, place, message.seq)

    def _round(
        self, held: int, round_: int, cause: int, said: list[Said], entries: Sequence[Entry]
    ) -> tuple[int, list[FeedAnswer | Unreadable]]:
        """Serve the feeds and let members act; return the cause of what comes next, and what personas answered.

        What members wrote joins ``said``.
        """
        scene = self._scene(held, said)
        views = serve_feeds(scene, round_)
        answers = self._page_answers(scene, views, held, round_, cause, entries)
        events = hold(scene, round_, cause, views, answers)
        seqs = self.append(events)
        for event, seq in zip(events, seqs, strict=True):
            if isinstance(event, MembersPosted):
                said += posts.written(event, seq, said)
        return (seqs[0] if len(views.rows) else cause), answers

    def _feed_opened(self, slates: Sequence[Slate]) -> FeedOpened:
        messages = [message for slate in slates for message in slate.messages]
        return FeedOpened(
            step=self.state.step,
            cause=messages[0].seq if messages else -1,
            messages=[message.message for message in messages],
            topics=pack(self.reader.topics([message.text for message in messages]), Float32s),
        )

    def _scene(self, held: int, said: Sequence[Said]) -> Scene:
        in_feeds = self.platform.posts
        assert in_feeds is not None  # the feeds are open
        return Scene(
            step=self.state.step,
            platform=self.platform,
            posts=in_feeds,
            voters=self.voters,
            audience=self.society.audience,
            reader=self.reader,
            network=self.network,
            said=said,
            asked=self.asked_members,
            penalty=self.plan.penalty(held),
            checked=self._checked(said),
        )

    def _check_facts(self, held: int, round_: int, said: Sequence[Said]) -> None:
        arena = self.society.arena
        for number, (start, check) in enumerate(self.plan.checks):
            if held >= start and check.round == round_:
                scene = self._scene(held, said)
                self.append(interventions.checked(scene, check, round_, arena, self.checkers, number))

    def _buys(self, round_: int) -> bool:
        """Return whether members choose for good after a round."""
        return round_ >= self.network.rounds - self.network.purchases

    def _choose(self, scene: Scene, round_: int, entries: Sequence[Entry]) -> dict[str, Votes]:
        """Take the polls and make the purchases of a round; return what members chose, by contest."""
        first_purchase = self.network.rounds - self.network.purchases
        buys, asks = self._buys(round_), round_ in self.network.polls
        competing = [entry for entry in entries if entry.slate.competes] if buys or asks else []
        choices = [self._choices(scene, entry, max(round_, first_purchase), buys) for entry in competing]
        for entry, made in zip(competing, choices, strict=True):
            if asks:
                self.append([poll(scene, entry, made, round_, len(self.competitors))])
            if buys:
                self.append(reacted(scene, entry, made, round_, self.society.bulk))
        if not buys:
            return {}
        return {e.contest: Votes(made.slots, len(made.invalid)) for e, made in zip(competing, choices, strict=True)}

    def _choices(self, scene: Scene, entry: Entry, occasion: int, buys: bool) -> Choices:
        """Return what those who saw a contest choose, once those who decide by themselves have done so."""
        choices = choose(scene, entry, occasion)
        if not self.asks_singly:
            return choices
        before_them = offer_of(scene, entry, choices, "purchase" if buys else "poll")
        options = self.answers(before_them, (*entry.slate.place, occasion))
        own = Own(np.array(list(self.own_members), dtype=np.int64), partial(self.explanation, before_them))
        return with_own(scene, entry, choices, options, own)

    def _ties(
        self, kind: type[Event], why: str, sources: NDArray[np.int64], targets: NDArray[np.int64], cause: int = -1
    ) -> Iterator[Event]:
        """Yield the event of ties that form or are cut, if there are any."""
        if len(sources):
            columns = {"sources": pack(sources, Int32s), "targets": pack(targets, Int32s)}
            yield kind(step=self.state.step, cause=cause, why=why, **columns)  # pyright: ignore[reportCallIssue]

    # -- personas that a language model plays --------------------------------------------------------------

    def _page_answers(
        self, scene: Scene, views: Views, held: int, round_: int, cause: int, entries: Sequence[Entry]
    ) -> list[FeedAnswer | Unreadable]:
        """Ask the personas that have anything before them, all at once; nobody where no model plays any."""
        asked = asked_part(self.reader)
        if asked is None:
            return []
        chooses = self._buys(round_) or round_ in self.network.polls
        now = [ChoiceNow(e.contest, e.slate.place, e.items) for e in entries if e.slate.competes] if chooses else []
        return ask_personas(
            asked,
            self._narrator(scene),
            pages(scene, views, now),
            f"{self._site(held)}/{round_}",
            (self.society.seed, self.phase, self.epoch, held, round_),
            partial(self.journal.ask, step=self.state.step, cause=cause),
        )

    def _sum_up(self, held: int, scene: Scene, cause: int) -> None:
        """Let personas put what they remember into their own words."""
        asked = asked_part(self.reader)
        if asked is None:
            return
        notes = sum_up(
            asked,
            scene,
            [persona for persona, memory in sorted(self.platform.memories.items()) if len(memory.notes) > 1],
            self._site(held),
            (self.society.seed, self.phase, self.epoch, held),
            partial(self.journal.ask, step=self.state.step, cause=cause),
        )
        self.append(summed_up(notes, self.state.step, self.network.rounds - 1, self.network.memory))

    def _narrator(self, scene: Scene) -> Narrator:
        names = account_names(len(self.competitors), self.society.seed, self.phase, self.epoch)
        return Narrator(scene, self.society.arena, names)

    def _site(self, held: int) -> str:
        """Return the place in the plan of an opening of the feeds."""
        return f"{self.phase}/{self.epoch}/{self.arm}/{held}"


def _entries(slates: Sequence[Slate], opened: Sequence[int]) -> list[Entry]:
    """Return the positions of the contests' messages in the feeds."""
    starts = np.cumsum([0, *(len(slate.messages) for slate in slates)]).tolist()
    return [
        Entry(slate, list(range(starts[i], starts[i + 1])), seq)
        for i, (slate, seq) in enumerate(zip(slates, opened, strict=True))
    ]
