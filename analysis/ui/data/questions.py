"""What one may ask of a run once its answer is known, each with the page that answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.formats import short
from analysis.frames import CellRun
from analysis.ui.address import PageAddress

TO_CHOOSE = "?"
"""What an address has in place of the other run where it is still to be chosen; no run has this name."""


def nearest_cells(cell: str, cells: Sequence[CellRun]) -> list[str]:
    """Return the other cells of a study, those first that differ least from a cell: in few factors, of the same seed, of the next one."""
    here = next((each for each in cells if each.cell == cell), None)
    if here is None:
        return []

    def apart(other: CellRun) -> tuple[int, int]:
        levels = sum(other.factors.get(name) != here.factors.get(name) for name in {*other.factors, *here.factors})
        seeds = abs(other.seed - here.seed)
        return levels + bool(seeds), seeds

    return [each.cell for each in sorted((each for each in cells if each.cell != cell), key=apart)]


def questions(
    tables: Mapping[str, Any], config: Mapping[str, Any], address: PageAddress, beside: str = "", study: str = ""
) -> list[dict[str, str]]:
    """Return questions, each with its ``text`` and ``url``.

    Args:
        tables: the run's, as :func:`analysis.tables.results.results` makes them.
        config: its settings.
        beside: key of the run that this one is compared with at once; empty where it is to be chosen.
        study: that both are cells of; empty for none.
    """
    here = PageAddress(run=address.run)
    networked, asked = config.get("world") == "networked", config.get("audience") == "llm"
    found = [
        ("Who changed their minds, and after which message?", here.at(page="people")),
        (
            f"Which misbehaving messages {'reached most people' if networked else 'were seen by most people'}?",
            here.at(page="people", frame="messages"),
        ),
    ]
    pair = next(((arm, row["compared_with"]) for arm, row in tables["arms"].items() if row["compared_with"]), None)
    if pair is not None:
        arm, other = (short(name, 32) for name in pair)
        found.append(
            (
                f"What did {arm} write and win about the same anchors as {other}?",
                here.at(page="compare", arm=pair[0], against=pair[1]),
            )
        )
    if networked:
        found.append(("How did messages spread?", here.at(page="diffusion")))
    found += [
        (f"What did one persona see and think?{' Ask it.' if asked else ''}", here.at(page="persona")),
        ("What did each adapter learn from, and which does it continue?", here.at(page="training")),
        (
            f"How does {short(beside, 32)}{f', another cell of {short(study, 32)},' if study else ''} differ from this run?"
            if beside
            else "How does another run differ from this one? Choose it on the page.",
            here.at(page="compare", other=beside or TO_CHOOSE),
        ),
    ]
    return [{"text": text, "url": place.url} for text, place in found]
