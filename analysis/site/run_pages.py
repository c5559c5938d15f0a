"""The pages of one run, from what was read of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from typing import Any

from analysis.formats import count
from analysis.readings.book import Contest
from analysis.reports.origin import settings_code
from analysis.site.contest_pages import contest_values
from analysis.site.graphs import DrawnSociety, drawn_society
from analysis.site.links import SiteLinks
from analysis.site.page_templates import SitePage, page
from analysis.site.sources import SiteSociety, SiteSource
from analysis.ui.address import PageAddress
from analysis.ui.data import contests as contest_data
from analysis.ui.data import people as people_data
from analysis.ui.data import probes as probe_data
from analysis.ui.data import writings
from analysis.ui.data.curves import FOOT, HEIGHT, LEFT, WIDTH, legend, step_figures
from analysis.ui.data.failures import failures
from analysis.ui.data.head import headline
from analysis.ui.data.lineage import NodeRates, node_rates, tree
from analysis.ui.data.result import nothing_yet, run_result
from analysis.ui.data.training import DRIFT, alarm_lines, training_rows

TABS = ("result", "contests", "messages", "diffusion", "people", "training", "probes")
LISTED = 2_000
"""Contests that the table lists."""
MESSAGES = 1_500
"""Messages that a table lists: those that misbehaved and reached most come first."""
MEMBERS = 500
"""Members that a table of people lists."""
SHARES = {"contests": 0.5, "graphs": 0.25}
"""How the room is divided between pages of contests and graphs; the rest is small."""
BEYOND = (
    "moloch ui shows more of the log itself: every event with its causes, rows of every frame, each persona’s story, a page per "
    "message, comparisons of runs; and societies of any size."
)
Files = Iterator[tuple[str, bytes]]


class RunSite:
    """A run's part of a site.

    Args:
        most: bytes that it takes, about.
        up: name and address of the study whose cell it is.
        home: from its folder to that of the assets.
    """

    def __init__(self, source: SiteSource, most: int, *, up: tuple[str, str] | None = None, home: str = "") -> None:
        self.source, self.left_out = source, list[str]()
        self._most, self._up, self._home = most, up, home
        self._address, self._links = PageAddress(run=source.info.key), SiteLinks()
        self._graphs: list[DrawnSociety] = []

    def files(self) -> Files:
        """Yield the run's files, by names relative to its folder; the first page comes last, since it says what is left out."""
        yield from self._drawn()
        yield from self._contests()
        yield from self._people()
        yield self._page("contests", self._contest_table())
        yield self._page("messages", self._messages())
        yield self._page("diffusion", self._diffusion())
        yield self._page("training", self._training())
        yield self._page("probes", self._probes())
        yield self._page("index", self._result())

    # -- one page after the other ------------------------------------------------------------------------------

    def _page(self, name: str, values: dict[str, Any], template: str = "", title: str = "") -> tuple[str, bytes]:
        """Return a page; ``name`` without its ending."""
        template = template or name
        tab = "result" if template == "index" else template
        up = "../" * name.count("/")
        place = SitePage(f"{title or tab.capitalize()} · {self.source.info.key} · Moloch", up, f"{self._home}{up}")
        shown = {"contest": "contests"}.get(template, template)
        return f"{name}.html", page(template, place, self._links.to, self._common | {"shown": shown} | values)

    @cached_property
    def _common(self) -> dict[str, Any]:
        """What every page shows."""
        info = self.source.info
        up = {"name": self._up[0], "url": self._up[1]} if self._up else None
        files = {tab: "index.html" if tab == "result" else f"{tab}.html" for tab in TABS}
        return {
            "run": headline(info, self.source.book) | {"up": up},
            "tabs": [{"file": file, "label": tab.capitalize()} for tab, file in files.items()],
            "head": info.head,
            "events": info.events,
            "version": version("moloch-abm"),
        }

    def _result(self) -> dict[str, Any]:
        source, counted = self.source, self.source.counted
        there = bool(counted.tables["arms"])
        found = run_result(counted.tables, counted.outcomes, self._address, source.info) if there else None
        nothing = nothing_yet(source.book, source.info.state, self._address)
        nothing |= {"missing": counted.why} if counted.why else {}
        return {
            "found": found,
            "nothing": nothing,
            "inside": self._inside(),
            "left_out": self.left_out,
            "beyond": BEYOND,
            "facts": [[name, long or short] for name, short, long in self._common["run"]["facts"]],
            "again": settings_code(source.book.config or source.info.config),
        }

    def _inside(self) -> list[list[str]]:
        contests, pages = len(self.source.book.contests), len(self._links.contests)
        every = "each with a page" if pages == contests else f"{pages:,} of them with a page"
        return [
            ["Contests", "contests.html", f"{count(contests, 'contest')}, {every}"],
            ["Messages", "messages.html", "those that misbehaved first, of these the ones that reached most"],
            ["Diffusion", "diffusion.html", f"{count(len(self._graphs), 'society', 'societies')} over time"],
            ["People", "people.html", "how each chose, and whose mind changed"],
            ["Training", "training.html", count(len(self.source.book.adapters), "adapter")],
            ["Probes", "probes.html", "rates of base and of each arm"],
        ]

    # -- contests ----------------------------------------------------------------------------------------------

    def _contests(self) -> Files:
        """Yield pages of contests until their part of the room is taken."""
        numbers = {contest: number for number, contest in enumerate(self.source.book.contests, 1)}
        room, contests = SHARES["contests"] * self._most, self._links.contests
        self._note_adapters()
        for contest, values in contest_values(self.source, self._address):
            name = f"contests/{numbers[contest.contest]}"
            title = str(values["contest"]["subject"])[:80]
            made = self._page(name, values, "contest", title)
            room -= len(made[1])
            if room < 0:
                break
            contests[contest.contest] = made[0]
            self._note_events(contest, made[0])
            yield made
        if (without := len(numbers) - len(contests)) > 0:
            some = count(without, "contest has", "contests have")
            self.left_out.append(
                f"{some} no page, for lack of space: those of evaluations, and the newest, come first."
            )

    def _note_events(self, contest: Contest, file: str) -> None:
        self._links.events[contest.seq] = file
        for slot, message in contest.messages.items():
            self._links.events[message.seq] = f"{file}#m{slot}"
            self._links.events |= {verdict.seq: f"{file}#m{slot}" for verdict in message.verdicts}

    def _note_adapters(self) -> None:
        book = self.source.book
        self._links.events |= {each.seq: f"training.html#a{each.seq}" for each in book.adapters}
        self._links.events |= {each.seq: f"training.html#alarm{i}" for i, each in enumerate(book.alarms)}

    def _contest_table(self) -> dict[str, Any]:
        book = self.source.book
        every = contest_data.listed(book, PageAddress())
        shown = every[:LISTED]
        rows = contest_data.contest_rows(book, shown, self._address)
        for row, contest in zip(rows, shown, strict=True):
            kinds = {kind for message in contest.messages.values() for kind in failures(message)}
            found = {probe for each in contest.messages.values() for probe in (*each.misbehaved, *each.miscopied)}
            row |= {"tags": "|".join([row["outcome"], *sorted(kinds)]), "probes": "|".join(sorted(found))}
        choices = contest_data.contest_choices(book, PageAddress())
        probes = sorted({probe for row in rows for probe in row["probes"].split("|") if probe})
        found = {"name": "probe", "label": "Found", "options": [["", "all"], *([each, each] for each in probes)]}
        left_out = [f"The {LISTED:,} newest of {count(len(every), 'contest')} are listed."] * (len(every) > LISTED)
        self.left_out += left_out
        return {"rows": rows, "choices": [_unfiltered(each) for each in [*choices, found]], "left_out": left_out}

    def _messages(self) -> dict[str, Any]:
        book = self.source.book
        spreads = self.source.spreads if book.networked else []
        reached = {each.message: writings.Reached(each.seen, each.likes, len(each.sharers)) for each in spreads}
        table = writings.message_table(book, reached, self._address)
        for number in range(1, -(-min(table["total"], MESSAGES) // writings.PAGE)):
            table["rows"] += writings.message_table(book, reached, self._address.at(page_no=number))["rows"]
        more = table["total"] - len(table["rows"])
        left_out = [
            f"{len(table['rows']):,} of {count(table['total'], 'message')} are in the table of messages."
        ] * bool(more)
        self.left_out += left_out
        writers = sorted({row["writer"] for row in table["rows"]})
        probes = sorted({chip["text"] for row in table["rows"] for chip in row["failed"]})
        choices = [("arm", "Writer", writers), ("probe", "Found", probes)]
        return {
            "table": table,
            "choices": [
                {"name": name, "label": label, "options": [["", "all"], *([each, each] for each in values)]}
                for name, label, values in choices
            ],
            "left_out": left_out,
        }

    # -- societies ---------------------------------------------------------------------------------------------

    def _drawn(self) -> Files:
        """Yield the files that graphs are drawn from."""
        societies = self.source.societies
        room = int(SHARES["graphs"] * self._most / max(1, len(societies)))
        for society in societies:
            made = drawn_society(self.source, society, room)
            if isinstance(made, str):
                self.left_out.append(f"Not drawn: {made}")
                continue
            self._graphs.append(made)
            self.left_out += [made.note] if made.note else []
            self._links.reaches |= dict.fromkeys(made.messages, made.key)
            yield f"graphs/{len(self._graphs)}.js", made.script
        if self.source.unseen:
            self.left_out.append(f"{count(self.source.unseen, 'further society', 'further societies')} are not shown.")
        self._links.societies = frozenset(each.key for each in self._graphs)

    def _diffusion(self) -> dict[str, Any]:
        societies = [
            {"key": each.key, "label": each.label, "file": f"graphs/{number}.js"}
            for number, each in enumerate(self._graphs, 1)
        ]
        return {"societies": societies, "left_out": [each.note for each in self._graphs if each.note]}

    def _people(self) -> Files:
        """Yield a table of members per society that has begun."""
        begun = [each for each in self.source.societies if each.minds is not None]
        names = [f"people{number or ''}" for number in range(len(begun))]
        for name, society in zip(names, begun, strict=True):
            others = [
                {"file": f"{other}.html", "label": each.key.label, "on": each is society}
                for other, each in zip(names, begun, strict=True)
            ]
            yield self._page(name, self._members(society) | {"others": others}, "people")
        if not begun:
            yield self._page("people", {"table": None, "others": []})

    def _members(self, society: SiteSociety) -> dict[str, Any]:
        minds, key, book = society.minds, society.key, self.source.book
        assert minds is not None
        table = people_data.member_table(book, minds, self._address, key)
        pages = -(-min(table["total"], MEMBERS) // people_data.PAGE)
        for number in range(1, pages):
            table["rows"] += people_data.member_table(book, minds, self._address.at(page_no=number), key)["rows"]
        more = table["total"] - len(table["rows"])
        changed = f"{count(table['changed'], 'member')} of {table['of']:,} changed their mind"
        return {
            "table": table,
            "said": f"{key.label}: {changed if table['changed'] else 'nobody’s mind changed'}.",
            "hidden": f"{count(more, 'further member')} are in the log." if more else "",
            "polls": people_data.poll_rows(book, minds, self._address)[:MEMBERS],
        }

    # -- what was learnt, and found ----------------------------------------------------------------------------

    def _training(self) -> dict[str, Any]:
        book = self.source.book
        try:
            rates = node_rates(self.source.counted.evaluation)
        except Exception:  # whatever a log holds, what was learnt is shown, as on the pages
            rates = NodeRates({}, {}, False)
        rows = training_rows(book, self.source.path, self._address)
        return {
            "rows": [row | {"seq": each.seq} for row, each in zip(rows, book.adapters, strict=True)],
            "alarms": alarm_lines(book),
            "figures": step_figures(book, self._address),
            "legend": legend(book),
            "tree": tree(book, rates, self._address),
            "size": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "foot": FOOT},
            "note": rates.said or "No adapter was evaluated.",
            "drift": DRIFT,
        }

    def _probes(self) -> dict[str, Any]:
        evaluation, verdicts = self.source.counted.evaluation, self.source.verdicts

        def tables(epoch: int) -> list[dict[str, Any]]:
            own = probe_data.probe_tables(evaluation, epoch, self._address)
            return own + probe_data.judge_tables(verdicts, evaluation, epoch, self._address)

        epochs = [{"number": epoch, "tables": tables(epoch)} for epoch in reversed(evaluation.epochs)]
        none = "" if verdicts else "No language model judged these messages."
        return {"epochs": epochs, "judges": self.source.no_verdicts or none}


def _unfiltered(choice: dict[str, Any]) -> dict[str, Any]:
    """Return a choice whose value for all is empty."""
    return choice | {
        "options": [["", label] if label == "all" else [value, label] for value, label in choice["options"]]
    }
