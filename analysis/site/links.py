"""Which page of a site shows what an address of the pages of ``moloch ui`` names; none where the site does not hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from analysis.ui.address import PageAddress
from analysis.ui.data.doors import equals_of

OF_CONTESTS = ("contests", "votes", "verdicts", "messages", "reactions", "message_rejected")
"""Frames whose rows are, in a site, contests of its table."""
PLAIN = {"result": "index.html", "training": "training.html", "probes": "probes.html", "people": "people.html"}


@dataclass
class SiteLinks:
    """The pages of a run's site.

    Attributes:
        contests: id -> file, of those that have a page.
        events: number -> where it is shown.
        reaches: message -> society in which its reach can be drawn.
        societies: as keys write them, of those that are drawn.
    """

    contests: dict[str, str] = field(default_factory=dict)
    events: dict[int, str] = field(default_factory=dict)
    reaches: dict[str, str] = field(default_factory=dict)
    societies: frozenset[str] = frozenset()

    def to(self, url: str) -> str:
        """Return the place, from the folder of the site's first page."""
        if not url:
            return ""
        address = PageAddress.parse(url.partition("?")[2])
        match address.page:
            case "contests" if address.contest:
                return self.contests.get(address.contest, "")
            case "contests":
                return listed({"phase": address.phase, "arm": address.arm, "epoch": str(address.epoch or "")})
            case "message":
                return self._message(address.contest, address.slot)
            case "event":
                return self.events.get(address.seq, "")
            case "rows":
                return self._rows(address)
            case "people" if address.frame == "messages":
                return "messages.html"
            case "diffusion":
                return self._diffusion(address)
            case page:
                return PLAIN.get(page, "")

    def _message(self, contest: str, slot: int) -> str:
        file = self.contests.get(contest, "")
        return f"{file}#m{slot}" if file else ""

    def _rows(self, address: PageAddress) -> str:
        equals = equals_of(address)
        of = {name: "|".join(values) for name, values in equals.items()}
        if message := of.get("message", ""):
            contest, _, slot = message.rpartition("/")
            return self._message(contest, int(slot)) if slot.isdecimal() else ""
        if contest := of.get("contest", ""):
            return self.contests.get(contest, "")
        if address.frame in ("training", "steps"):
            return PLAIN["training"]
        if address.frame not in OF_CONTESTS or "persona" in of:
            return ""
        return listed({name: of.get(name, "") for name in ("phase", "arm", "epoch", "probe")})

    def _diffusion(self, address: PageAddress) -> str:
        message = f"{address.contest}/{address.slot}" if address.contest else ""
        if message:
            society = self.reaches.get(message, "")
            return f"diffusion.html#{urlencode({'society': society, 'message': message})}" if society else ""
        if address.society:
            known = address.society in self.societies
            return f"diffusion.html#{urlencode({'society': address.society})}" if known else ""
        return "diffusion.html"


def listed(filters: Mapping[str, str]) -> str:
    """Return where the contests are listed that pass filters."""
    given = {name: value for name, value in filters.items() if value}
    return f"contests.html#{urlencode(given)}" if given else "contests.html"


def of_cells(url: str) -> str:
    """Return where a study's page lists the cells that an address names."""
    if not url:
        return ""
    address = PageAddress.parse(url.partition("?")[2])
    words = " ".join(value for values in equals_of(address).values() for value in values)
    return f"#{urlencode({'find': words})}" if words else "#cells"
