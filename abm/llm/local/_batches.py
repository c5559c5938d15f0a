"""Which requests of a call share a batch: a function of the call alone, so that redoing it redoes each batch exactly. Knows no model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from abm.llm.local._decode import PromptRow
from abm.llm.port import Request


class Prompted(NamedTuple):
    """A request and its prompt."""

    request: Request
    row: PromptRow


def batches(
    prompted: Iterable[Prompted], rows: int, *, by_length: bool = False, join: bool = False
) -> Iterator[list[Prompted]]:
    """Yield the requests in batches of at most ``rows``: of one adapter each, and of scored ones or of others.

    Args:
        by_length: in the order of the lengths of their prompts, else in their own.
        join: batches of several adapters are one where they fit and are padded and drawn there as they would be apart.
    """
    together: list[Prompted] = []
    for batch in _apart(prompted, rows, by_length):
        joins = join and len(together) + len(batch) <= rows and not batch[0].request.scored
        if together and not (joins and _form(together) == _form(batch)):
            yield together
            together = []
        together = together + batch
    if together:
        yield together


def _apart(prompted: Iterable[Prompted], rows: int, by_length: bool) -> Iterator[list[Prompted]]:
    def kind(each: Prompted) -> tuple[str, bool]:
        return each.request.adapter, each.request.scored

    ordered = sorted(prompted, key=lambda each: (*kind(each), len(each.row.prompt) if by_length else 0))  # stable
    for _, group in groupby(ordered, key=kind):
        same = list(group)
        yield from (same[start : start + rows] for start in range(0, len(same), rows))


def _form(batch: list[Prompted]) -> tuple[bool, int, bool]:
    """Return what rounding depends on: whether rows are scored, the longest prompt, to which others are padded, and how tokens are drawn."""
    longest = max(len(each.row.prompt) for each in batch)
    return batch[0].request.scored, longest, any(each.row.top_p < 1 for each in batch)
