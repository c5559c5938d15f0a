"""What a page's address says: which run, which page, and what is looked at there. A pure function of text, both ways."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

PAGES = (
    "result",
    "diffusion",
    "people",
    "persona",
    "agents",
    "contests",
    "training",
    "probes",
    "compare",
    "event",
    "rows",
    "message",
)
LONGEST = 10_000
"""Length from which on an address is ignored."""
BYTES = "surrogateescape"
"""How a name that is not UTF-8, as a folder's may be, is written in a text and in an address."""
END = -1
"""A moment that no link names: the last frame. What has ended opens there, where its answer is; what is written is followed there."""
FILLS = ("choice", "opinion", "exposure", "reach")


@dataclass(frozen=True)
class PageAddress:
    """A place in the pages; fields that hold their default are not in the address.

    Attributes:
        run: key of a run; empty for the list of runs.
        page: one of :data:`PAGES`, or what somebody typed.
        society: as :class:`analysis.readings.society.SocietyKey` writes it.
        t: frame; :data:`END` is the last one there is.
        fill: what colours the members; ``slot`` whose opinion, or with ``contest`` which message.
        across, up: traits by which members of an isolated world stand.
        persona: index, -1 for none.
        contest: id, or empty for the list; ``arm``, ``outcome``, ``find`` and ``page_no`` filter the list.
        other: key of the run compared with.
        seq: of an event, -1 for none.
        frame: whose rows are shown; ``where``: ``column:value,column:value``, as :mod:`analysis.ui.data.doors` writes it;
            ``sort``: a column, after ``-`` for descending.
        study: key of a study, instead of a run.
        held: 1 where a page does not follow a run into its next phase.
        against: name of the arm that ``arm`` is compared with.
    """

    run: str = ""
    page: str = "result"
    society: str = ""
    t: int = END
    fill: str = "choice"
    slot: int = 0
    across: str = ""
    up: str = ""
    persona: int = -1
    contest: str = ""
    phase: str = ""
    arm: str = ""
    epoch: int = 0
    outcome: str = ""
    find: str = ""
    page_no: int = 0
    other: str = ""
    seq: int = -1
    frame: str = ""
    where: str = ""
    sort: str = ""
    study: str = ""
    held: int = 0
    against: str = ""

    @classmethod
    def parse(cls, search: str) -> PageAddress:
        """Return what the part of an address after ``?`` says; what it does not understand is left out, the name of a page kept."""
        try:
            pairs = parse_qsl(search.lstrip("?"), max_num_fields=100, errors=BYTES) if len(search) < LONGEST else []
        except ValueError:  # too many fields
            pairs = []
        parameters = dict(pairs)
        values: dict[str, Any] = {}
        for each in fields(cls):
            text = parameters.get(each.name)
            if text is None:
                continue
            if isinstance(each.default, int):
                number = text.removeprefix("-")
                if number.isascii() and number.isdecimal() and len(number) < 10:
                    values[each.name] = max(int(text), int(each.default) if each.default < 0 else 0)
            else:
                values[each.name] = text
        address = cls(**values)
        return address if address.fill in FILLS else replace(address, fill="choice")

    def search(self) -> str:
        """Return the part of an address after ``?``."""
        changed = {
            each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default
        }
        return urlencode({name: _bytes(value) for name, value in changed.items()})

    @property
    def url(self) -> str:
        """The address, without the host."""
        search = self.search()
        return f"/?{search}" if search else "/"

    def at(self, **changes: Any) -> PageAddress:
        """Return another place, the rest as it is."""
        return replace(self, **changes)


def frame_at(t: int, frames: int) -> int:
    """Return which of ``frames`` frames, one at least, a moment is: the last for :data:`END`, and for one beyond it."""
    return frames - 1 if t == END else min(t, frames - 1)


def _bytes(value: Any) -> bytes:
    try:
        return str(value).encode("utf-8", BYTES)
    except UnicodeEncodeError:  # half a character, which a browser may send
        return str(value).encode("utf-8", "replace")
