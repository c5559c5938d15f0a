"""TFB, text feedback: the rows of RFT, and thoughts t_i of voters.

L = L_RFT - lambda * E_i log p(t_i | a, m_1..m_n), from El & Zou, arXiv 2510.06105, with lambda made explicit
(docs/decisions/0003-lambda.md).
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
import numpy as np

from abm.events import Reacted
from learning.methods._contests import Contests, DecidedContest
from learning.methods._method import Method
from learning.methods._rows import Row
from moloch import keyed


class TFB(Method, frozen=True):
    """The winner of each contest is learnt, and what some voters thought.

    Attributes:
        tfb_lambda: weight of the mean log-likelihood of a contest's thoughts, against its trajectory's: at 1 a token of
            thought (averaged over voters) counts as much as a token of trajectory. The paper's sum over n voters is n
            times this mean.
        thoughts_per_contest: how many voters' thoughts are drawn per contest, keyed by contest, persona and seed; the
            expectation of the loss does not depend on it.
    """

    reads_thoughts: ClassVar[bool] = True

    tfb_lambda: Annotated[float, msgspec.Meta(ge=0.0)] = 1.0
    thoughts_per_contest: Annotated[int, msgspec.Meta(ge=1)] = 2

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        rows: list[Row] = []
        for contest in contests.learnable:
            rows.append(contests.trajectory(contest, contest.winner))
            drawn = self.drawn(contests, contest, seed)
            rows += [contests.thought(contest, each, weight=self.tfb_lambda / len(drawn)) for each in drawn]
        return rows

    def drawn(self, contests: Contests, contest: DecidedContest, seed: int) -> list[Reacted]:
        """Return the reactions whose thoughts are learnt, by persona."""
        thinkers = contests.thinkers(contest)
        personas = np.array([reaction.persona for reaction in thinkers], dtype=np.int64)
        draws = keyed.uniforms(personas, seed, "thoughts", contest.id)
        return [thinkers[i] for i in sorted(np.argsort(draws)[: self.thoughts_per_contest])]
