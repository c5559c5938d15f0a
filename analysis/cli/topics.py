"""Where the help shows each command: the few that a study needs at once, the others by topic."""

from __future__ import annotations

from dataclasses import dataclass

FIRST = (
    "init",
    "run",
    "resume",
    "study",
    "results",
    "show",
    "report",
    "ui",
    "compare",
    "fork",
    "replay",
    "power",
    "pack",
    "config",
)
"""What ``moloch --help`` lists, in this order; a name without a command is passed over."""


@dataclass(frozen=True)
class Topic:
    """Commands that belong together.

    Args:
        about: in a few words, for the head of their list.
        commands: names, in the order in which they are listed.
    """

    about: str
    commands: tuple[str, ...]


TOPICS = {
    "people": Topic(
        "the people who vote, and their network",
        ("personas", "ask", "interview", "calibrate", "surrogate", "graph"),
    ),
    "messages": Topic("what is written, and whether it is true", ("arena", "probe", "labels", "explain")),
    "models": Topic("language models, servers and this machine", ("model", "llm", "doctor")),
    "files": Topic("logs, packs and figures as files", ("log", "unpack", "figures")),
}
"""Topic -> the commands that ``moloch help TOPIC`` lists."""
