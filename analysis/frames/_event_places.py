"""The place of each event among a run's decisions: what an interruption does not shift, nor the order in which servers answer.

The same places as :class:`abm.journal.Decisions` gives, made of columns. Knows nothing of frames.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from abm.events import Lifecycle
from abm.log.codec import RUN_KINDS
from abm.log.projection import scan

if TYPE_CHECKING:
    import polars as pl

_PROCESS = [kind for kind, struct in RUN_KINDS.items() if issubclass(struct, Lifecycle)]
"""Types of events about the process: no decisions."""


class EventPlaces:
    """Places of the events of one run, 16 bytes each.

    Args:
        run: its folder.

    Raises:
        LogError: there is no run, it is damaged, or a newer version wrote it.
    """

    def __init__(self, run: Path) -> None:
        import polars as pl

        answer = pl.col("type") == "llm_replied"
        decided = (
            scan(run)
            .filter(~pl.col("type").is_in(_PROCESS))
            .select("seq", turn=answer.rle_id(), site=pl.when(answer).then("site"))
            .sort("turn", "site", "seq")  # answers that follow each other came in any order
            .select("seq")
            .collect()
        )
        seqs = decided["seq"].to_numpy()
        self._places = np.argsort(seqs)
        self._seqs = seqs[self._places]

    def of(self, seqs: pl.Series) -> pl.Series:
        """Return the places of events given by ``seq``, from 0; -1 for none and for an event about the process, null for null.

        Args:
            seqs: whole numbers, or lists of them.
        """
        import polars as pl

        if isinstance(seqs.dtype, pl.List):
            parts = [None if each is None else self.of(each).to_list() for each in seqs]
            return pl.Series(seqs.name, parts, dtype=seqs.dtype)
        if not len(self._seqs):
            return pl.select(pl.when(seqs.is_not_null()).then(-1)).to_series().cast(pl.Int64).alias(seqs.name)
        wanted = seqs.fill_null(-1).to_numpy()
        at = np.searchsorted(self._seqs, wanted).clip(max=len(self._seqs) - 1)
        places = pl.Series(seqs.name, np.where(self._seqs[at] == wanted, self._places[at], -1), dtype=pl.Int64)
        return places.set(seqs.is_null(), None)
