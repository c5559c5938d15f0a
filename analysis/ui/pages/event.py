"""One event of the log."""

from __future__ import annotations

import threading
import time
from typing import Any

from analysis.ui import lookups
from analysis.ui.address import PageAddress
from analysis.ui.data.event import event_rows
from analysis.ui.data.runs import plain_path, quoted
from analysis.ui.framework import solara
from analysis.ui.library import Follower
from analysis.ui.pages import background, parts, vue
from analysis.ui.pages.diffusion import Rest
from moloch.errors import MolochError
from moloch.plain_text import near_paths


@solara.component
def EventPage(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """The event that the address names; the first one where it names none."""
    seq = max(0, address.seq)
    opened = solara.use_memo(time.monotonic, [seq])

    def read() -> lookups.Traced | str:
        try:
            return lookups.traced(follower, seq, opened)
        except MolochError as error:
            return near_paths(str(error))

    found = background.use_reading(read, follower, seq)
    if found is None:
        vue.Notice(title="Reading the log", text=f"Looking for event {seq:,}.", busy=True)
    elif isinstance(found, str):
        vue.Notice(title="No such event", text=found)
    else:
        Found(follower, address, seq, found, go).key(f"{follower.key} {seq}")


@solara.component
def Found(follower: Follower, address: PageAddress, seq: int, found: lookups.Traced, go: vue.Go) -> None:
    """An event that was read."""
    in_full, more = parts.use_whole(seq)
    said, verify = _use_verification(follower)
    run = quoted(follower.path)
    rows = follower.read(lambda book: event_rows(found.event, found.effects, book.seq, book, address, in_full))
    code = f"import moloch\n\nlog = moloch.open_run({plain_path(follower.path)!r}).log\nprint(next(log.read({seq}, {seq + 1})))"
    vue.EventView(
        event=rows,
        file=f"/take/event.json?{PageAddress(run=address.run, page='event', seq=seq).search()}",
        code=code,
        commands=[f"moloch show {run} --event {seq}", f"moloch log verify {run}"],
        said=said,
        event_go=go,
        event_more=more,
        event_verify=lambda _: verify(),
        event_seek=lambda number: go(address.at(seq=int(number)).url),
    )


def _use_verification(follower: Follower) -> tuple[str, Any]:
    """Return what the check of the whole log came to, and what begins it."""
    said, set_said = solara.use_state("")

    def verify() -> None:
        def check() -> None:
            try:
                set_said(lookups.verified(follower))
            except MolochError as error:
                set_said(f"Damaged: {error}")

        set_said("Reading every byte …")
        threading.Thread(target=check, name="verifying for a page", daemon=True).start()

    return said, verify
