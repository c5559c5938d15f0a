"""What runs of a study were flagged for, in as few sentences as say it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_SHARE = re.compile(r"[\d,]+ of [\d,]+ \((\d+)\s?%[^)]*\)")


def flag_lines(flags: Mapping[str, int], cells: int) -> list[str]:
    """Return the flags of a study's runs in as few sentences as say them, with how many cells where not all say so.

    Args:
        flags: as :func:`merged_flags` takes them.
        cells: of the study.
    """
    return [
        line if number == cells else f"{line} ({number:,} of {cells:,} cells)"
        for line, number in merged_flags(flags).items()
    ]


def warning_lines(said: Mapping[str, Mapping[str, int]], cells: int) -> list[str]:
    """Return what stands before a study's answer about its models: for what no win rate is given, then what else cells are flagged for.

    Args:
        said: kind (``withheld``, ``flags``) -> sentence -> number of cells that say it.
        cells: of the study.
    """
    withheld = said.get("withheld", {})
    flags = {line: number for line, number in said.get("flags", {}).items() if line not in withheld}
    return [
        *(f"No win rates where: {line}." for line in flag_lines(withheld, cells)),
        *(f"Flagged: {line}." for line in flag_lines(flags, cells)),
    ]


def merged_flags(flags: Mapping[str, int]) -> dict[str, int]:
    """Return flags of which those that differ in their numbers alone are one, with the range of their shares.

    Args:
        flags: sentence -> number of cells that say it.
    """
    alike: dict[str, list[str]] = {}
    for sentence in flags:
        alike.setdefault(_SHARE.sub("", sentence), []).append(sentence)
    return {_merged(group): sum(flags[each] for each in group) for group in alike.values()}


def _merged(sentences: Sequence[str]) -> str:
    if len(sentences) == 1:
        return sentences[0]
    shares = [[int(share) for share in _SHARE.findall(each)] for each in sentences]
    ranges = (
        f"{min(each)}" if min(each) == max(each) else f"{min(each)} to {max(each)}"
        for each in zip(*shares, strict=True)
    )
    return _SHARE.sub(lambda _: f"{next(ranges)} % of", sentences[0])
