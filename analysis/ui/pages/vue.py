"""The pages' Vue templates as components. Texts reach them as data and are shown as text: no template renders markup of a log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis.ui.framework import solara

Go = Callable[[str], None]
Row = dict[str, Any]


@solara.component_vue("address.vue")
def AddressBar(search: str) -> None:
    """Keeps the browser's address at ``search``."""


@solara.component_vue("presence.vue")
def Presence(known: bool, event_seen: Callable[[bool], None]) -> None:
    """Reports whether the page is seen, whenever that changes: a tab in the background is not. ``known`` is what was heard of it."""


@solara.component_vue("header.vue")
def Header(run: Row | None, page: str, tabs: list[Row], home: str, event_go: Go) -> None:
    """A run's name, state and hashes, the pages' tabs, and the command that forks it."""


@solara.component_vue("state.vue")
def Notice(title: str, text: str = "", command: str = "", busy: bool = False) -> None:
    """A page that has nothing to show, and why; ``busy``: it will update by itself."""


@solara.component_vue("runs.vue")
def RunList(
    table: Row, where: str, said: str, empty: bool, find: str, pager: Row | None, event_go: Go, event_search: Go
) -> None:
    """All runs and studies."""


@solara.component_vue("study.vue")
def StudyView(
    head: Row,
    found: Row | None,
    waiting: Row,
    table: Row,
    failures: Row,
    next: list[Row],
    pager: Row | None,
    find: str,
    event_go: Go,
    event_search: Go,
) -> None:
    """One study: its answer, and its cells."""


@solara.component_vue("result.vue")
def ResultView(found: Row, event_go: Go) -> None:
    """What a run came to."""


@solara.component_vue("no_result.vue")
def NoResult(found: Row, event_go: Go) -> None:
    """A run that has evaluated nothing: what there is, and what is missing."""


@solara.component_vue("controls.vue")
def Controls(
    choices: list[Row], said: str, event_chose: Callable[[Row], None], event_room: Callable[[int], None] | None = None
) -> None:
    """Choices in a row: each with ``name``, ``label``, ``value`` and ``options``, pairs of value and label.

    ``event_room`` receives the height of the window, in pixels.
    """


@solara.component_vue("card.vue")
def MemberCard(name: str, text: str, facts: list[list[str]], to: str, event_go: Go) -> None:
    """Who the selected member is."""


@solara.component_vue("persona.vue")
def PersonaView(
    person: Row,
    rows: list[Row],
    lines: list[Row],
    end: float,
    society: str,
    total: str,
    place: str,
    before: str,
    after: str,
    pager: Row | None,
    missing: str,
    answers: list[Row],
    interview: Row,
    event_go: Go,
    event_more: Go,
    event_find: Go,
    event_ask: Go,
) -> None:
    """One persona, what it saw, what it answered to questionnaires, and the interview."""


@solara.component_vue("people.vue")
def PeopleTable(
    kind: str, tables: list[Row], table: Row, total: str, pager: Row | None, found: str, event_go: Go, event_find: Go
) -> None:
    """Members, messages or polls as a table whose columns a click sorts."""


@solara.component_vue("contests.vue")
def ContestList(rows: list[Row], pager: Row | None, found: str, event_go: Go, event_find: Go) -> None:
    """The contests that the filters let through."""


@solara.component_vue("contest.vue")
def ContestView(contest: Row, total: str, pager: Row | None, back: str, event_go: Go, event_more: Go) -> None:
    """One contest, whole."""


@solara.component_vue("agents.vue")
def AgentView(
    rows: list[Row],
    arm: str,
    lineage: list[Row],
    messages: list[Row],
    total: str,
    pager: Row | None,
    event_go: Go,
    event_more: Go,
) -> None:
    """Competitors: win rates, lineage, messages."""


@solara.component_vue("training.vue")
def TrainingView(rows: list[Row], alarms: list[str]) -> None:
    """Adapters."""


@solara.component_vue("probes.vue")
def ProbeView(tables: list[Row], title: str, text: str, command: str, judges: str) -> None:
    """Tables of probes and judges."""


@solara.component_vue("compare.vue")
def CompareView(found: Row, event_go: Go) -> None:
    """Two runs' settings, first difference and outcomes."""


@solara.component_vue("caption.vue")
def Caption(title: str, text: str) -> None:
    """A line above something."""
