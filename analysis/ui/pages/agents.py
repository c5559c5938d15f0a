"""The competitors."""

from __future__ import annotations

from analysis.formats import count
from analysis.ui import lookups
from analysis.ui.address import PageAddress
from analysis.ui.data import agents as data
from analysis.ui.data.takes import figure_take
from analysis.ui.framework import solara
from analysis.ui.library import Follower
from analysis.ui.pages import background, parts, vue
from analysis.ui.pages.diffusion import Rest


@solara.component
def Agents(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """All win rates, then one competitor's lineage and messages."""
    in_full, more = parts.use_whole(address.arm)
    evaluation = background.use_reading(lambda: lookups.evaluation(follower), follower)
    arms = follower.read(data.arms_of)
    if not arms:
        vue.Notice(
            title="No competitor yet",
            text="All arms share the first epoch; they separate when the first adapters are trained.",
        )
        return
    if evaluation is None:
        vue.Notice(title="Reading the log", text="Counting every vote of the evaluations.", busy=True)
        return
    arm = address.arm if address.arm in follower.read(data.competitors_of) else arms[0]
    slots = follower.read(lambda book: data.wrote(book, address, arm))
    start, stop = parts.page_of(address, len(slots), data.PAGE)
    choices = follower.read(lambda book: data.agent_choices(book, address, arm))
    vue.Controls(choices=choices, said=evaluation.models.validity, event_chose=parts.chooser(address, go))
    if evaluation.models.withheld:
        vue.Notice(title="No win rates", text=f"{evaluation.models.withheld}.")
    vue.AgentView(
        rows=follower.read(lambda book: data.arm_rows(book, evaluation, address)),
        arm=arm,
        take=figure_take(address, follower.path, "outcomes"),
        lineage=follower.read(lambda book: data.lineage_rows(book, arm, address)),
        messages=follower.read(lambda book: data.message_rows(book, slots[start:stop], address, in_full)),
        total=count(len(slots), "message"),
        sort=PageAddress(
            run=address.run, page="people", frame="messages", arm=arm, phase=address.phase, epoch=address.epoch
        ).url,
        pager=parts.pager(address, len(slots), data.PAGE),
        event_go=go,
        event_more=more,
    )
