"""What was learnt, and what the probes found."""

from __future__ import annotations

from typing import Any

from analysis.readings.book import Book
from analysis.ui import lookups
from analysis.ui.address import PageAddress
from analysis.ui.data import probes
from analysis.ui.data.curves import FOOT, HEIGHT, LEFT, WIDTH, legend, step_figures
from analysis.ui.data.lineage import tree
from analysis.ui.data.runs import quoted
from analysis.ui.data.takes import figure_take, rows_take
from analysis.ui.data.training import DRIFT, alarm_lines, training_rows
from analysis.ui.framework import solara
from analysis.ui.library import Follower
from analysis.ui.pages import background, parts, vue
from analysis.ui.pages.diffusion import Rest


@solara.component
def Training(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """How they learnt, step by step; what continues what; and all adapters."""
    rates = background.use_reading(lambda: lookups.node_rates(follower), follower)

    def look(book: Book) -> dict[str, Any]:
        return {
            "rows": training_rows(book, follower.path, address),
            "alarms": alarm_lines(book),
            "figures": step_figures(book, address),
            "legend": legend(book),
            "tree": tree(book, rates, address),
        }

    vue.TrainingView(
        **follower.read(look),
        size={"width": WIDTH, "height": HEIGHT, "left": LEFT, "foot": FOOT},
        note="" if rates is None else rates.said or "No adapter has been evaluated yet.",
        drift=DRIFT,
        take=rows_take(address, follower.path, "training"),
        steps=rows_take(address, follower.path, "steps"),
        event_go=go,
    )


@solara.component
def Probes(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """Tables of the run's own probes, and of judges if there were any."""
    read = background.use_reading(lambda: (lookups.evaluation(follower), lookups.verdicts(follower)), follower)
    if read is None:
        vue.Notice(title="Reading the log", text="Counting every verdict of the evaluations.", busy=True)
        return
    evaluation, (judged, why) = read
    epoch = probes.epoch_of(evaluation, address.epoch)
    tables = (
        probes.probe_tables(evaluation, epoch, address) + probes.judge_tables(judged, evaluation, epoch, address)
        if epoch
        else []
    )
    if evaluation.epochs:
        options = [[str(each), f"after epoch {each}"] for each in evaluation.epochs]
        choices = [{"name": "epoch", "label": "Evaluation", "value": str(epoch), "options": options}]
        vue.Controls(choices=choices, said="", event_chose=parts.chooser(address, go))
    for table in tables:
        table["take"] = _take(table, address, follower, epoch)
    run = quoted(follower.path)
    none = "" if judged else "No language model has judged these messages yet:"
    vue.ProbeView(
        tables=tables,
        title="Nothing has been evaluated yet",
        command="" if judged or why else f"moloch probe {run} --judge http://host:8000/v1#NAME",
        judges=why or none,
        event_go=go,
        text="Probes judge messages about held-out anchors, after the last epoch (or each, with --set evaluate=every).",
    )


def _take(table: dict[str, Any], address: PageAddress, follower: Follower, epoch: int) -> dict[str, str]:
    """Return how a table of probes is taken along: as the figure of what it shows, as its verdicts, or as it stands."""
    kind = table.get("kind", "")
    if kind == "strategy":
        return figure_take(address, follower.path, "changes")
    if kind:
        return rows_take(address, follower.path, "verdicts", phase="evaluate", epoch=epoch, kind=kind)
    return {"name": str(table["title"])}
