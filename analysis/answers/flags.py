"""What runs of a study were flagged for, in as few sentences as say it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_SHARE = re.compile(r"[\d,]+ of [\d,]+ \((\d+)\s?%[^)]*\)")


def flag_lines(flags: Mapping[str, int], cells: int) -> list[str]:
    """Return the flags of a study's runs; those that differ in their numbers alone are one, with the range of their shares.

    Args:
        flags: sentence -> number of cells that say it.
        cells: of the study.
    """
    alike: dict[str, list[tuple[str, int]]] = {}
    for sentence, number in flags.items():
        alike.setdefault(_SHARE.sub("", sentence), []).append((sentence, number))
    return [_line(group, cells) for group in alike.values()]


def _line(group: Sequence[tuple[str, int]], cells: int) -> str:
    first, number = group[0][0], sum(number for _, number in group)
    if len(group) > 1:
        shares = [[int(share) for share in _SHARE.findall(sentence)] for sentence, _ in group]
        ranges = (
            f"{min(each)}" if min(each) == max(each) else f"{min(each)} to {max(each)}"
            for each in zip(*shares, strict=True)
        )
        first = _SHARE.sub(lambda _: f"{next(ranges)} % of", first)
    return first if number == cells else f"{first} ({number:,} of {cells:,} cells)"
