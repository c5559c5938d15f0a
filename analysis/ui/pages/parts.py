"""What several pages share: texts shown whole on demand, pages of a list, choices that change the address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis.ui.address import PageAddress
from analysis.ui.framework import solara
from analysis.ui.library import Follower
from analysis.ui.pages import vue
from moloch.errors import ContradictoryLog

Rest = Callable[..., None]
"""Notes the place within a page; see :func:`analysis.ui.app.use_rest`."""


def room(pixels: int) -> int:
    """Return the height of a graph in a window of that height, with room for the time slider and the selected member."""
    return max(300, min(900, int(pixels) - 440))


def use_whole(*depends: Any) -> tuple[frozenset[str], Callable[[str], None]]:
    """Return which texts are shown whole, and what shows one more; forgotten when ``depends`` change."""
    shown, set_shown = solara.use_state((depends, frozenset[str]()))
    names = shown[1] if shown[0] == depends else frozenset[str]()
    return names, lambda name: set_shown((depends, names | {name}))


def chooser(address: PageAddress, go: vue.Go) -> Callable[[dict[str, Any]], None]:
    """Return a function that puts a choice into the address; the list returns to its first page."""

    def chose(changed: dict[str, Any]) -> None:
        value = int(changed["value"]) if isinstance(getattr(address, changed["name"]), int) else changed["value"]
        go(address.at(**{changed["name"]: value}, page_no=0).url)

    return chose


def pager(address: PageAddress, total: int, size: int) -> dict[str, Any] | None:
    """Return the links below a list; None where one page holds it all."""
    if total <= size:
        return None
    last = (total - 1) // size
    at = min(address.page_no, last)
    return {
        "before": address.at(page_no=at - 1).url if at else "",
        "after": address.at(page_no=at + 1).url if at < last else "",
        "text": f"{at * size + 1:,} – {min(total, (at + 1) * size):,} of {total:,}",
    }


def page_of(address: PageAddress, total: int, size: int) -> tuple[int, int]:
    """Return the range of a list that the address's page holds."""
    at = min(address.page_no, max(0, (total - 1) // size))
    return at * size, min(total, (at + 1) * size)


def wrong(error: ContradictoryLog, left_out: str, run: str) -> dict[str, str]:
    """Return what stands in place of that which a contradictory event leaves out, with a link to the event.

    Args:
        left_out: what is left out, as it stands at the beginning of a sentence.
        run: key of the run.
    """
    return {
        "text": f"{left_out} left out: {error.what}: {error.why}.",
        "event": f"Event {error.seq:,}",
        "url": PageAddress(run=run, page="event", seq=error.seq).url,
    }


def nobody(follower: Follower) -> str:
    """Return why there is no society to show."""
    if follower.error:
        return "The log cannot be read further, and the part before the damage holds no step."
    return "No persona has been asked anything so far. The page follows the run."
