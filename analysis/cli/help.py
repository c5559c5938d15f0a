"""``moloch help``: all commands by topic, those of a topic, or one command's help."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, cast

import typer

from analysis.cli.command_list import HELP
from analysis.cli.topics import TOPICS

if TYPE_CHECKING:
    from analysis.cli.command_list import CommandList


def help(
    context: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC|COMMAND...]", help="A topic, or a command and its verb.")
    ] = None,
) -> None:
    """List all commands by topic, those of a topic, or show a command's help."""
    everything = context.find_root()
    commands = cast("CommandList", everything.command)
    if not words or words[0] in TOPICS:
        commands.format_topics(everything, words[:1] if words else TOPICS)
        return
    if words[0] not in commands.commands and (near := get_close_matches(words[0], TOPICS, n=1)):
        context.fail(f"No such command {words[0]!r}. Did you mean the topic {near[0]!r}?")
    name, command, rest = commands.resolve_command(everything, [*words, HELP[0]])
    assert command is not None  # an unknown name has raised
    with command.make_context(name, rest, parent=everything) as inner:
        command.invoke(inner)
