"""An extension for tests of studies on a server: in the processes that import it, adapters of two numbers are learnt in no time."""

from __future__ import annotations

import sys

from learning.runs import objects
from tests.support.fakes import SmallestTrainer

if "pytest" not in sys.modules:  # whose process has other tests
    objects.LoRATrainer = lambda model, adapters: SmallestTrainer(adapters)  # type: ignore[assignment,misc]
