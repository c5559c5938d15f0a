"""The group of all commands: its help shows the first ones, and names where the others are listed."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from inspect import cleandoc
from types import SimpleNamespace
from typing import Any

from typer.core import TyperGroup

from analysis.cli.topics import FIRST, TOPICS, Topic

HELP = ["--help", "-h"]
"""What asks a command for its help."""
SHORT_HELP_OMITS = {"install_completion", "show_completion"}
"""Options that only ``moloch help`` lists."""
_SOFT = re.compile(r"(?<!\n)\n(?=[^\s\b])(?!moloch )")
"""Where a line of a docstring ends within a paragraph."""
MORE = f"More, by topic: moloch help {'|'.join(TOPICS)}; all: moloch help"


class CommandList(TyperGroup):
    """All commands; unknown ones are met with the nearest name among all, listed or not."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        show_flags_without_type(self)
        let_lines_flow(self)

    def invoke(self, ctx: Any) -> Any:
        """Carry a command out; of an option that there is not, and that is a setting, say how the setting is given."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if type(error).__name__ == "NoSuchOption":  # of click, or of the copy that typer has
                name_setting(error)
            elif "unexpected extra argument" in str(getattr(error, "message", "")):
                name_output(error)
            raise

    def format_help(self, ctx: Any, formatter: Any) -> None:
        shown = self._with(FIRST, MORE)
        shown.params = [each for each in self.params if each.name not in SHORT_HELP_OMITS]
        TyperGroup.format_help(shown, ctx, formatter)

    def format_topics(self, ctx: Any, names: Iterable[str]) -> None:
        """Print the commands of topics, under a heading each; with all topics, the first commands and all options as well.

        Args:
            names: keys of :data:`TOPICS`.
        """
        topics = {name: TOPICS[name] for name in names}
        whole = len(topics) == len(TOPICS)
        if whole:
            topics = {"": Topic("", FIRST)} | topics
        shown = self._with((command for topic in topics.values() for command in topic.commands), None)
        for name, topic in topics.items():
            for command in filter(None, map(shown.commands.get, topic.commands)):
                command.rich_help_panel = f"{name}: {topic.about}" if name else None  # pyright: ignore[reportAttributeAccessIssue]
        if not whole:
            shown.params, shown.add_help_option = [], False
        show_flags_without_type(shown)  # typer adds options of its own late
        TyperGroup.format_help(shown, ctx, ctx.make_formatter())

    def _with(self, names: Iterable[str], epilog: str | None) -> CommandList:
        """Return this group with only some of its commands, in the order of their names."""
        shown = copy.copy(self)
        shown.commands = {name: copy.copy(self.commands[name]) for name in names if name in self.commands}
        shown.epilog = epilog
        return shown


def show_flags_without_type(command: Any) -> None:
    """Let the help of a command, and of all below it, show a flag as it is written: ``--json``, not ``--json <bool>``."""
    asked = command.get_help_option(SimpleNamespace(help_option_names=HELP))
    for option in (*command.params, *((asked,) if asked else ())):
        if getattr(option, "is_flag", False):
            option.metavar = ""
    for each in getattr(command, "commands", {}).values():
        show_flags_without_type(each)


def let_lines_flow(command: Any) -> None:
    """Let the help of a command, and of all below it, break its lines where the terminal ends; commands to type keep theirs."""
    if command.help:
        command.help = _SOFT.sub(" ", cleandoc(command.help))
    for each in getattr(command, "commands", {}).values():
        let_lines_flow(each)


ON_PAGE = {
    "reader": "base: {audience: llm, reader: {model: NAME}, serving: {models: {NAME: {url: 'http://HOST:8000/v1'}}}}",
    "llm": "base: {serving: {llm: 'http://HOST:8000/v1'}}",
    "set": "base: {KEY: VALUE}",
    "seed": "seeds: [1, 2]",
    "seeds": "seeds: 5",
    **{f"max_{bound}": f"stop: {{{bound}: NUMBER}}" for bound in ("calls", "tokens", "usd")},
}
"""Options of a run, without their dashes -> what stands for them on the page of a study."""


def name_setting(error: Any) -> None:
    """Let the error of an unknown option say how it is given, where it is a setting and the command takes ``--set`` or the page of a study."""
    if error.ctx is None:
        return
    from learning.settings.catalogue import keys_named

    name = error.option_name.lstrip("-").replace("-", "_")
    said = ""
    if any("--set" in each.opts for each in error.ctx.command.params):
        if name == "seeds":
            said = "Several seeds are a study: moloch study --seeds N."
        elif keys := keys_named(name):
            given = " or ".join(f"--set {key}=VALUE" for key in keys)
            said = f"It is a setting: {given}. moloch config explain {keys[0]} says what it takes."
    elif error.ctx.parent is not None and error.ctx.parent.info_name == "study":
        keys = keys_named(name)
        if there := ON_PAGE.get(name) or (f"base: {{{keys[0]}: VALUE}}" if keys else ""):
            said = f"A study has its settings on its page: {there}."
    if said:
        error.possibilities = None
        error.message = f"No such option: {error.option_name}. {said}"


FORMS = {"csv": "--csv", "latex": "--latex", "md": "--md", "as_json": "--json"}
"""Parameters of commands -> flags by which results are printed in another form."""


def name_output(error: Any) -> None:
    """Let the error of an argument too many say how results get into a file, where it stands beside a flag that prints them."""
    if error.ctx is None:
        return
    if flag := next((flag for name, flag in FORMS.items() if error.ctx.params.get(name)), ""):
        error.message += f". {flag} prints; to write a file: {flag} > FILE."
