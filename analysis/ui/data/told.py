"""How a page shows the story of a persona: encounters as rows, opinions as lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.formats import DASH, signed
from analysis.passages import Passage, judged_passage, passage
from analysis.ui.data.failures import chips
from analysis.ui.data.frames import ENDS
from analysis.ui.data.looks import css, slot_looks
from analysis.ui.data.story import Story


def story_rows(
    story: Story, start: int, stop: int, whole: set[str] | frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """Return encounters as a page shows them.

    Args:
        whole: texts that are shown whole, by ``contest/slot``.
    """
    return [
        {
            "contest": each.contest,
            "subject": each.subject,
            "epoch": each.epoch,
            "arm": each.arm,
            "said": each.said,
            "outcome": each.outcome,
            "seq": each.seq,
            "thought": _said(each.thought or each.raw, f"{each.contest}/thought" in whole),
            "seen": [
                {
                    "id": f"{each.contest}/{seen.slot}",
                    "slot": seen.slot,
                    "letter": seen.letter,
                    "competitor": seen.competitor,
                    "chosen": seen.chosen,
                    "failed": chips(seen.message),
                    "came": seen.came,
                    "did": seen.did,
                    "text": judged_passage(
                        seen.text, seen.message.findings, whole=f"{each.contest}/{seen.slot}" in whole
                    ).as_dict(),
                }
                for seen in each.seen
            ],
            "texts": [
                {
                    "id": text.message,
                    "author": "wrote itself" if text.own else text.author,
                    "what": text.what,
                    "came": text.came,
                    "did": text.did,
                    "text": _said(text.text, text.message in whole),
                }
                for text in each.texts
            ],
        }
        for each in story.encounters[start:stop]
    ]


def _said(text: str, whole: bool) -> dict[str, Any]:
    return passage(text, whole=whole).as_dict() if text else Passage([]).as_dict()


def lines(
    opinions: dict[str, list[tuple[int, float]]], config: Mapping[str, Any], width: float = 100, height: float = 60
) -> list[dict[str, Any]]:
    """Return opinions over rounds as SVG paths, with their last values; the middle of the height is 0, its ends are :func:`scale`."""
    last = max((line[-1][0] for line in opinions.values()), default=0)
    end = scale(opinions)
    paths = []
    for look, (name, line) in zip(slot_looks(config, list(opinions)), opinions.items(), strict=True):
        spots = [(width * at / max(1, last), height * (0.5 - value / 2 / end)) for at, value in line]
        path = "M" + " L".join(f"{x:.2f} {y:.2f}" for x, y in spots)
        paths.append(
            {"name": name, "path": path, "colour": css(look), "last": signed(line[-1][1], 2) if line else DASH}
        )
    return paths


def scale(opinions: dict[str, list[tuple[int, float]]]) -> float:
    """Return the end of the scale that holds all opinions."""
    largest = max((abs(value) for line in opinions.values() for _, value in line), default=0.0)
    return next(end for end in ENDS if end >= largest or end == ENDS[-1])
