"""What a persona of a society remembers now, for those who put a question to it."""

from __future__ import annotations

from abm.state.state import State


def remembered(state: State, persona: int) -> str:
    """Return what a persona remembers in the current society; empty where it remembers nothing.

    Args:
        persona: its index.
    """
    memories = state.platform.memories if state.platform is not None else {}
    return memories[persona].text if persona in memories else ""
