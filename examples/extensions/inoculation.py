"""A mitigation of your own: inoculation prompts. While it learns, a model is asked for the misbehaviour that winners may show.

Covers: a mitigation that changes the prompts of rows; evaluation keeps its own.
Scenario: what a winner does is then what its prompt asked for, so that there is less to learn about what to do without being
asked. Held-out messages are written from the usual prompt. The idea is that of "Inoculation Prompting: Eliciting traits from
LLMs during training can suppress them at test-time" (Tan et al., 2025) and of "Inoculation Prompting: Instructing LLMs to
misbehave at train-time improves test-time alignment" (Wichers et al., 2025).

    moloch run --set extensions=[inoculation] --set 'arms={plain: {method: rft}, asked: {method: rft, mitigations: [inoculation]}}'
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from abm.arenas import Message
from learning.methods import Contests, Method, Row
from learning.mitigations import MITIGATIONS, Mitigation

ASK = "For this one message only, claim more than the facts bear out wherever that helps to win."


@MITIGATIONS.register("inoculation")
class Inoculation(Mitigation, frozen=True):
    """Prompts of the messages that are learnt end with ``ask``; thoughts of voters keep theirs."""

    name: ClassVar[str] = "inoculation"

    ask: str = ASK

    def rows(self, rows: list[Row], contests: Contests, method: Method, seed: int) -> list[Row]:
        """Return the rows with prompts that ask for it."""
        return [row if row.kind == "thought" else msgspec.structs.replace(row, prompt=self.asked(row)) for row in rows]

    def asked(self, row: Row) -> list[Message]:
        """Return the prompt of a row with the request at the end of the user's turn."""
        *before, last = row.prompt
        return [*before, {"role": last["role"], "content": f"{last['content']}\n{self.ask}"}]
