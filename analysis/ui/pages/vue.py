"""The pages' Vue templates as components. Texts reach them as data and are shown as text: no template renders markup of a log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis.ui.framework import solara

Go = Callable[[str], None]
Row = dict[str, Any]


@solara.component_vue("address.vue")
def AddressBar(search: str, title: str) -> None:
    """Keeps the browser's address at ``search``, and names its tab."""


@solara.component_vue("presence.vue")
def Presence(known: bool, event_seen: Callable[[bool], None]) -> None:
    """Reports whether the page is seen, whenever that changes: a tab in the background is not. ``known`` is what was heard of it."""


@solara.component_vue("header.vue")
def Header(run: Row | None, page: str, tabs: list[Row], home: str, event_go: Go) -> None:
    """A run's name and state on one line, what else is known of it behind a button, the pages' tabs, and the command that forks it."""


@solara.component_vue("strip.vue")
def Strip(now: Row | None, follows: bool | None, event_follow: Callable[[bool], None]) -> None:
    """How a run that has not ended stands; ``follows``: whether the page moves on with it, None where it has nothing that moves."""


@solara.component_vue("state.vue")
def Notice(
    title: str,
    text: str = "",
    command: str = "",
    busy: bool = False,
    first: bool = False,
    link: Row | None = None,
    event_go: Go = lambda url: None,
) -> None:
    """A page that has nothing to show, and why; ``busy``: it will update by itself; ``link``: with ``url`` and ``text``, what to look at.

    ``first``: nothing above it on the page has a heading.
    """


@solara.component_vue("runs.vue")
def RunList(
    table: Row,
    where: str,
    paths: str,
    said: str,
    empty: bool,
    find: str,
    pager: Row | None,
    event_go: Go,
    event_search: Go,
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
    choices: list[Row],
    said: str,
    event_chose: Callable[[Row], None],
    event_room: Callable[[int], None] | None = None,
    take: Row | None = None,
) -> None:
    """Choices in a row: each with ``name``, ``label``, ``value`` and ``options``, pairs of value and label.

    ``event_room`` receives the height of the window, in pixels; ``take``: what can be taken along of what is below.
    """


@solara.component_vue("card.vue")
def MemberCard(name: str, text: str, facts: list[list[str]], to: str, event_go: Go) -> None:
    """Who the selected member is."""


@solara.component_vue("persona.vue")
def PersonaView(
    person: Row,
    items: list[Row],
    lines: list[Row],
    end: float,
    society: str,
    total: str,
    place: str,
    before: str,
    after: str,
    pager: Row | None,
    missing: str,
    take: Row,
    interview: Row,
    event_go: Go,
    event_more: Go,
    event_find: Go,
    event_ask: Go,
    event_anew: Callable[[Any], None],
) -> None:
    """One persona, the interview, and its story in the order of time."""


@solara.component_vue("people.vue")
def PeopleTable(
    kind: str,
    tables: list[Row],
    table: Row,
    total: str,
    pager: Row | None,
    found: str,
    wrong: Row | None,
    event_go: Go,
    event_find: Go,
) -> None:
    """Members, messages or polls as a table whose columns a click sorts; ``wrong``: why something in it is left out."""


@solara.component_vue("contests.vue")
def ContestList(rows: list[Row], take: Row, pager: Row | None, found: str, event_go: Go, event_find: Go) -> None:
    """The contests that the filters let through."""


@solara.component_vue("contest.vue")
def ContestView(contest: Row, total: str, pager: Row | None, back: str, event_go: Go, event_more: Go) -> None:
    """One contest, whole."""


@solara.component_vue("reach.vue")
def ReachView(curve: Row, take: Row, to: str, name: str, event_go: Go) -> None:
    """A curve of reach over rounds, what it says, and the page of the message ``name`` where it is one's."""


@solara.component_vue("message.vue")
def MessageView(
    message: Row,
    way: Row | None,
    viewers: Row | None,
    graph: str,
    total: str,
    pager: Row | None,
    wrong: Row | None,
    event_go: Go,
    event_more: Go,
) -> None:
    """One message; ``way``: its way through the feeds, and ``graph`` where that is drawn; ``wrong``: why that is not shown.

    ``viewers``: who saw it, instead of who chose it.
    """


@solara.component_vue("agents.vue")
def AgentView(
    rows: list[Row],
    arm: str,
    take: Row,
    lineage: list[Row],
    messages: list[Row],
    total: str,
    sort: str,
    pager: Row | None,
    event_go: Go,
    event_more: Go,
) -> None:
    """Competitors: win rates, lineage, messages."""


@solara.component_vue("training.vue")
def TrainingView(
    rows: list[Row],
    alarms: list[str],
    figures: list[Row],
    legend: list[Row],
    size: Row,
    tree: list[Row],
    note: str,
    drift: str,
    take: Row,
    steps: Row,
    event_go: Go,
) -> None:
    """Curves of the optimiser's steps, the lineage of adapters with their rates, and all adapters."""


@solara.component_vue("probes.vue")
def ProbeView(tables: list[Row], title: str, text: str, command: str, judges: str, event_go: Go) -> None:
    """Tables of probes and judges."""


@solara.component_vue("compare.vue")
def CompareView(found: Row, arms: bool, event_go: Go) -> None:
    """Two runs' settings, first difference and outcomes; or two ``arms`` of one."""


@solara.component_vue("anchors.vue")
def AnchorView(
    anchor: str,
    options: list[Row] | list[list[str]],
    before: str,
    after: str,
    place: str,
    said: str,
    cards: list[Row],
    rows: list[Row],
    sides: list[str],
    event_go: Go,
    event_pick: Go,
    event_more: Go,
) -> None:
    """What was written about one anchor, side by side, and who chose differently."""


@solara.component_vue("caption.vue")
def Caption(title: str, text: str) -> None:
    """A line above something."""


@solara.component_vue("rows.vue")
def RowsView(
    frame: str,
    total: str,
    columns: list[Row],
    rows: list[list[list[str]]],
    common: list[tuple[str, str]],
    filters: list[Row],
    fields: list[str],
    up: Row | None,
    unread: list[tuple[str, str]],
    meanings: list[list[str]],
    pager: Row | None,
    found: str,
    wrong: str,
    file: str,
    code: str,
    event_go: Go,
    event_find: Go,
    event_narrow: Callable[[Row], None],
) -> None:
    """Rows of a frame; ``file``: where they are as CSV; ``up``: the study that they are of, ``unread``: a sentence in pieces about its cells without rows."""


@solara.component_vue("event.vue")
def EventView(
    event: Row,
    file: str,
    code: str,
    commands: list[str],
    said: str,
    event_go: Go,
    event_more: Go,
    event_verify: Callable[[Any], None],
    event_seek: Go,
) -> None:
    """One event; ``said``: what the check of the whole log came to."""
