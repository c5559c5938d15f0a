"""How many signs wide the columns of a table are that has to fit a line. Knows texts; knows nothing of what is printed on."""

from __future__ import annotations

from collections.abc import Sequence

WIDEST = 48
"""Signs of the longest line of a cell that may be broken into several."""


def column_groups(rows: Sequence[Sequence[str]], labels: int, room: int) -> list[list[int]]:
    """Return the columns of a table, or of several that fit the line each and begin with its labels, where one would not.

    Args:
        rows: with the head; each has as many texts.
        labels: how many of the first columns are labels.
        room: signs of a line.
    """
    least = _words(rows)
    first = list(range(min(labels, len(least))))
    groups = [first[:]]
    for column in range(len(first), len(least)):
        if len(groups[-1]) > len(first) and sum(least[i] for i in groups[-1]) + least[column] > room:
            groups.append(first[:])
        groups[-1].append(column)
    return groups


def column_widths(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return a width for each column, in signs, together ``room`` at most, unless the longest words alone take more.

    Columns are as wide as their longest text if there is room; else texts are broken between words, and what is left over is shared.
    """
    wanted, least = widest(rows), _words(rows)
    if sum(wanted) <= room:
        return wanted
    more = [max(0, min(wide, WIDEST) - word) for wide, word in zip(wanted, least, strict=True)]
    share = min(1.0, max(0, room - sum(least)) / max(1, sum(more)))
    return [word + int(share * extra) for word, extra in zip(least, more, strict=True)]


def widest(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return how many signs the longest text of each column has."""
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _words(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return how many signs the longest word of each column has."""
    return [
        max((len(word) for text in column for word in text.split()), default=1) for column in zip(*rows, strict=True)
    ]
