"""Two runs beside each other, with one time."""

from __future__ import annotations

from typing import Any

from analysis.formats import count
from analysis.readings.society import SocietyKey
from analysis.tables.compare import Comparison, compare
from analysis.ui.address import PageAddress
from analysis.ui.data.compare import compared
from analysis.ui.data.film import society_choices, society_of, society_options
from analysis.ui.framework import solara
from analysis.ui.library import Follower, library
from analysis.ui.live import use_version
from analysis.ui.pages import vue
from analysis.ui.pages.diffusion import Linked, Rest, SocietyView
from moloch.errors import MolochError


@solara.component
def Compare(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
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
    WithOther(follower, other, address, key, go, rest).key(f"{follower.key} {other.key}")


@solara.component
def WithOther(a: Follower, b: Follower, address: PageAddress, key: SocietyKey | None, go: vue.Go, rest: Rest) -> None:
    """Two runs; the other may still have to be read."""
    use_version(b)
    if b.ready.is_set():
        Read(a, b, address, key, go, rest)
    else:
        read = count(b.read(lambda book: book.seq), "event")
        vue.Notice(title="Reading the other log", busy=True, text=f"{read} so far.")


@solara.component
def Read(a: Follower, b: Follower, address: PageAddress, key: SocietyKey | None, go: vue.Go, rest: Rest) -> None:
    """The same society of both, side by side, and where they differ; found beside the page, once for each pair of heads."""
    heads = (a.version, b.version)

    def find() -> Comparison | str:
        try:
            return compare(a.path, b.path)
        except MolochError as error:
            return str(error)

    task = solara.lab.use_task(lambda: a.once(("compare", b.key, heads), find), dependencies=[a.key, b.key])
    comparison = str(task.exception) if task.error else task.value
    if key is not None:
        parting = (
            comparison.parting.step if isinstance(comparison, Comparison) and comparison.parting is not None else -1
        )
        Both(a, b, address, key, go, rest, parting)
    if comparison is None:
        vue.Notice(title="Comparing", busy=True, text="Walking through both logs, decision by decision.")
    elif isinstance(comparison, str):
        vue.Notice(title="They cannot be compared", text=comparison)
    else:
        step = comparison.parting.step if comparison.parting is not None else -1
        where = a.read(lambda book: society_of(book, step))
        url = address.at(society=str(where), t=0).url if where not in (None, key) else ""
        vue.CompareView(found=compared(comparison, a.key, b.key, where, url), event_go=go)


@solara.component
def Both(a: Follower, b: Follower, address: PageAddress, key: SocietyKey, go: vue.Go, rest: Rest, parting: int) -> None:
    """Two graphs with one time: moving one moves the other."""
    linked = solara.use_memo(Linked, [str(key)])
    with solara.Div(classes=["m-pair"]):
        for letter, follower in (("A", a), ("B", b)):
            with solara.Div():
                Side(letter, follower, address, key, go, rest, linked, parting)


@solara.component
def Side(
    letter: str,
    follower: Follower,
    address: PageAddress,
    key: SocietyKey,
    go: vue.Go,
    rest: Rest,
    linked: Linked,
    parting: int,
) -> None:
    """One run's society."""
    caption, set_caption = solara.use_state("")
    vue.Caption(title=f"{letter}: {follower.key}", text=caption)
    if follower.read(lambda book: (str(key), key.label) not in society_options(book)):
        vue.Notice(title="No such society", text=f"{follower.key} has no {key.label} so far.")
        return
    own_address = address.at(run=follower.key, society=str(key))
    SocietyView(follower, key, own_address, go, rest, set_caption, linked, parting=parting).key(f"{follower.key} {key}")
