"""A page per contest: what was written about, the messages with evidence, votes and thoughts, and which way each message went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from abm.events import Event, Reacted, ReactedMany, ReactionInvalid
from abm.log import open_log
from analysis.formats import count
from analysis.readings.book import Contest
from analysis.readings.cascades import CascadeReading
from analysis.readings.reading import read
from analysis.site.sources import SiteSource, of_contests
from analysis.ui.address import PageAddress
from analysis.ui.data import contests as data
from analysis.ui.data.cascade import cascade_view
from analysis.ui.data.film import society_of
from analysis.ui.data.places import names_of

REACTIONS = 100
"""Votes with a thought that a contest's page shows."""
_ORDER = ("evaluate", "elsewhere", "train")


def contest_values(source: SiteSource, address: PageAddress) -> Iterator[tuple[Contest, dict[str, Any]]]:
    """Yield contests with what their page shows: evaluations first, of each phase the newest. A step's events are read once."""
    judged = of_contests(source.verdicts)
    for contests in _by_step(source):
        events = _events(source, contests[0])
        of_contest: dict[str, list[Event]] = {}
        for event in events:
            if isinstance(event, Reacted | ReactionInvalid | ReactedMany):
                of_contest.setdefault(event.contest, []).append(event)
        ways = _cascades(source, contests, events)
        for contest in contests:
            reactions = of_contest.get(contest.contest, [])
            made = data.one(source.book, contest, reactions, address, judged.get(contest.contest, []))
            for slot, message in zip(sorted(contest.messages), made["messages"], strict=True):
                message |= {"slot": slot, "bad": any(verdict["bad"] for verdict in message["verdicts"])}
            yield contest, _values(made) | {"ways": list(_ways(source, contest, ways, address))}


def _by_step(source: SiteSource) -> list[list[Contest]]:
    steps: dict[int, list[Contest]] = {}
    for contest in reversed(source.book.contests.values()):
        steps.setdefault(contest.step.first, []).append(contest)
    phase = lambda contests: contests[0].step.phase  # noqa: E731
    return sorted(steps.values(), key=lambda each: _ORDER.index(phase(each)) if phase(each) in _ORDER else len(_ORDER))


def _events(source: SiteSource, contest: Contest) -> list[Event]:
    step = contest.step
    stop = step.last + 1 if step.last >= 0 else source.book.seq
    return list(open_log(source.path, write=False).read(step.first, stop))


def _values(made: dict[str, Any]) -> dict[str, Any]:
    """Return the page's values: reactions as far as they are shown, each with the number of its colour, since many have the same."""
    rows = made["reactions"]
    shown = rows[:REACTIONS]
    colours = list(dict.fromkeys(row["colour"] for row in shown))
    for row in shown:
        row |= {"shade": colours.index(row["colour"]), "seq": int(row["id"].rpartition("/")[2])}
    more = len(rows) - len(shown)
    return {
        "contest": made | {"reactions": shown},
        "colours": colours,
        "total": count(len(rows), "persona"),
        "hidden": f"{count(more, 'more persona')} voted, with a thought: they are in the log." if more else "",
    }


def _cascades(source: SiteSource, contests: Sequence[Contest], events: Sequence[Event]) -> dict[str, CascadeReading]:
    if not source.book.networked:
        return {}
    names = [message.message for contest in contests for message in contest.messages.values()]
    readings = {name: CascadeReading(name) for name in names}
    read(events, *readings.values())
    return readings


def _ways(
    source: SiteSource, contest: Contest, ways: dict[str, CascadeReading], address: PageAddress
) -> Iterator[dict[str, Any]]:
    """Yield each message's way through the feeds, of those that were in any."""
    key = society_of(source.book, contest.step.number)
    names = contest.competitors()
    for slot, message in sorted(contest.messages.items()):
        spread = source.spread_of.get(message.message)
        if spread is None or key is None or message.message not in ways:
            continue
        cascade, members = ways[message.message].result(), len(names_of(source.book.people, key.split))
        graph = PageAddress(page="diffusion", society=str(key), fill="reach", contest=contest.contest, slot=slot)
        view = cascade_view(cascade, spread, source.book, members, address.at(society=str(key)))
        yield view | {"slot": slot, "name": names[slot], "graph": graph.url}
