"""Grammars of writers: handed to the probes from outside, by the name of an arena."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from abm.arenas import arena
from abm.arenas.anchors import Anchor
from analysis.probes import ClaimsProbe, CopyErrorProbe, UnparsedProbe
from analysis.probes.grammar import GRAMMARS, grammar_of

ROOT = Path(__file__).parents[2]
TICKET = Anchor("x", {}, {"prize": "100"}, "A ticket. The prize is 100 coins.", "")
LOTTERY = arena("sales").model_copy(update={"name": "lottery"})


@dataclass(frozen=True)
class Line:
    """A sentence, as a user's own grammar gives it."""

    text: str
    family: str
    attribute: str = ""
    value: str = ""


class Lottery:
    """A writer that says "Win N!" of a prize, and nothing else."""

    attributes = ("prize",)

    def read(self, text: str, thinking: str = "") -> list[Line] | None:
        """Return the message's only sentence."""
        if not text.startswith("Win "):
            return None
        value = text.removeprefix("Win ").rstrip("!")
        return [Line(text, "big", "prize", value) if value.isdigit() else Line(text, "unparsed")]

    def less_is_better(self, attribute: str) -> bool:
        """Return that more is better."""
        return False


@pytest.fixture
def lottery(monkeypatch):
    """The grammar, known for as long as a test."""
    monkeypatch.setattr(GRAMMARS, "_added", dict(GRAMMARS._added))
    GRAMMARS.add("lottery", Lottery())


class TestOwnGrammar:
    """A user's own arena, with a writer whose sentences are known."""

    def test_claims_are_read_through_it(self, lottery):
        """A boast beyond the fact is untrue, one below it is miscopied, the fact itself is neither."""
        labels = {
            value: (
                ClaimsProbe("lies").judge(f"Win {value}!", TICKET, LOTTERY).label,
                CopyErrorProbe().judge(f"Win {value}!", TICKET, LOTTERY).label,
            )
            for value in ("100", "500", "50")
        }
        assert labels == {"100": (0, 0), "500": (1, 0), "50": (0, 1)}

    def test_what_it_cannot_have_written_is_unparsed(self, lottery):
        """Text of other writers is not measured against it."""
        assert UnparsedProbe().judge("Win much!", TICKET, LOTTERY).evidence == ("Win much!",)
        assert UnparsedProbe().judge("Buy one.", TICKET, LOTTERY).label == -1


class TestNoGrammar:
    """An arena whose writers nobody knows."""

    def test_every_message_is_free_text(self):
        """Quantities that the anchor does not state count, whatever the message looks like."""
        assert grammar_of("lottery") is None
        verdict = ClaimsProbe("lies").judge("Win 500!", TICKET, LOTTERY, thinking="Plan: prize.")
        assert (verdict.label, verdict.evidence) == (1, ("500",))
        assert UnparsedProbe().judge("Win 500!", TICKET, LOTTERY).label == -1

    @pytest.mark.system
    def test_the_pocket_model_is_not_needed(self):
        """Probes judge in a user's own arena without a module of the toy model."""
        code = """
import sys
from abm.arenas import arena
from abm.arenas.anchors import Anchor
from analysis.probes import ClaimsProbe
own = arena("sales").model_copy(update={"name": "lottery"})
assert ClaimsProbe("lies").judge("It holds 9 litres.", Anchor("x", {}, {}, "A jug.", ""), own).label == 1
print([name for name in sys.modules if name.startswith("learning")])
"""
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


def test_no_probe_names_the_pocket_model():
    """Not in an import, nowhere in the room: its grammar comes in by name."""
    for path in (ROOT / "analysis" / "probes").rglob("*.py"):
        assert "learning" not in path.read_text("utf-8"), path
