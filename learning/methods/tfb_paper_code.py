"""TFB as the public code of El & Zou (arXiv 2510.06105) mixes it, which is not as the paper writes it.

The code has no lambda: it adds as many thoughts as there are winners to the training set and shuffles all together, every token counting
alike, so that TFB takes twice the optimiser steps of RFT. Its prompts are not copied: they named an order of the options that the voter had
not seen, and left the persona out (docs/decisions/0059-equal-rows.md).
"""

from __future__ import annotations

from typing import ClassVar

from learning.methods._contests import Contests
from learning.methods._method import Method
from learning.methods._rows import Row
from learning.methods.tfb import TFB


class TFBPaperCode(Method, frozen=True):
    """The winner of each contest is learnt, and apart from it one voter's thought."""

    loss: ClassVar[str] = "learning.training.step:mixed_likelihood"
    apart: ClassVar[bool] = True
    reads_thoughts: ClassVar[bool] = True

    def rows(self, contests: Contests, seed: int) -> list[Row]:
        return TFB(tfb_lambda=1.0, thoughts_per_contest=1).rows(contests, seed)
