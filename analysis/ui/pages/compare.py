"""Two runs beside each other, with one time."""

from __future__ import annotations

from typing import Any

from abm.errors import MolochError
from analysis.compare import Comparison, compare
from analysis.ui.address import Address
from analysis.ui.data.comparing import compared
from analysis.ui.data.film import society_choices
from analysis.ui.data.text import count
from analysis.ui.framework import solara
from analysis.ui.library import Follower, library
from analysis.ui.live import use_version
from analysis.ui.pages import vue
from analysis.ui.pages.diffusion import Linked, Rest, Society


@solara.component
def Compare(follower: Follower, address: Address, go: vue.Go, rest: Rest) -> None:
    """This run as A, another as B."""
    others = [key for key in library().paths() if key != follower.key]
    options = [["", "choose a run"], *([key, key] for key in others)]
    key, choices = follower.read(lambda book: society_choices(book, address))
    picked = {"name": "other", "label": "Compare with", "value": address.other, "options": options}

    def chose(changed: dict[str, Any]) -> None:
        value = int(changed["value"]) if isinstance(getattr(address, changed["name"]), int) else changed["value"]
        go(address.at(**{changed["name"]: value}).url)

    vue.Controls(choices=[picked, *(choices if address.other else [])], said="", event_chose=chose)
    if not others:
        vue.Notice(
            title="No other run",
            text="Give two runs, or a folder of runs, to compare them; a fork is one too.",
            command="moloch ui RUN OTHER",
        )
        return
    other = library().follower(address.other) if address.other else None
    if other is None:
        vue.Notice(title="Compare with which run?", text="Choose one above: another run, or a fork of this one.")
        return
    WithOther(follower, other, address, None if key is None else str(key), go, rest).key(f"{follower.key} {other.key}")


@solara.component
def WithOther(a: Follower, b: Follower, address: Address, society: str | None, go: vue.Go, rest: Rest) -> None:
    """Two runs, the other of which may still have to be read."""
    use_version(b)
    if not b.ready.is_set():
        vue.Notice(
            title="Reading the other log", busy=True, text=f"{count(b.read(lambda book: book.seq), 'event')} so far."
        )
        return
    if society is not None:
        Both(a, b, address.at(society=society), go, rest)
    Differences(a, b)


@solara.component
def Both(a: Follower, b: Follower, address: Address, go: vue.Go, rest: Rest) -> None:
    """The same society of both, side by side; moving one in time moves the other."""
    linked = solara.use_memo(Linked, [address.society])
    with solara.Div(classes=["m-pair"]):
        for letter, follower in (("A", a), ("B", b)):
            with solara.Div():
                Side(letter, follower, address, go, rest, linked)


@solara.component
def Side(letter: str, follower: Follower, address: Address, go: vue.Go, rest: Rest, linked: Linked) -> None:
    """One run's society."""
    said, set_said = solara.use_state("")
    vue.Caption(title=f"{letter}: {follower.key}", text=said)
    key, _ = follower.read(lambda book: society_choices(book, address))
    if key is None or str(key) != address.society:
        vue.Notice(title="No such society", text=f"{follower.key} has no {address.society.replace('/', ', ')} so far.")
        return
    Society(follower, key, address.at(run=follower.key), go, rest, set_said, linked).key(f"{follower.key} {key}")


@solara.component
def Differences(a: Follower, b: Follower) -> None:
    """Settings, the first decision that differs, outcomes; computed beside the page, once for each pair of heads."""
    heads = (a.version, b.version)

    def find() -> Comparison | str:
        try:
            return compare(a.path, b.path)
        except MolochError as error:
            return str(error)

    found = solara.lab.use_task(lambda: a.once(("compare", b.key, heads), find), dependencies=[a.key, b.key])
    if found.error or isinstance(found.value, str):
        vue.Notice(title="They cannot be compared", text=str(found.value or found.exception))
    elif found.value is None:
        vue.Notice(title="Comparing", busy=True, text="Walking through both logs, decision by decision.")
    else:
        vue.CompareView(found=compared(found.value, a.key, b.key))
