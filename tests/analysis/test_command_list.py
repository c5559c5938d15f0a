"""The help of the command line: few commands first, every other one named by its topic, flags without a type."""

from __future__ import annotations

from importlib import metadata
from itertools import pairwise

import pytest
import typer.main
from typer.testing import CliRunner

from analysis.cli.app import app
from analysis.cli.topics import FIRST, TOPICS

COMMANDS = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
EIGHTY = {"COLUMNS": "80", "TERMINAL_WIDTH": "80"}


def said(*words: str) -> str:
    """Return what a command that succeeds prints in 80 columns."""
    done = CliRunner().invoke(app, words, prog_name="moloch", env=EIGHTY)
    assert done.exit_code == 0, done.output
    return done.stdout


def options(command):
    """Yield the options of a command and of all below it."""
    yield from command.params
    for inner in getattr(command, "commands", {}).values():
        yield from options(inner)


class TestFirstHelp:
    """What a newcomer sees."""

    @pytest.mark.parametrize("asked", ["--help", "-h"])
    def test_is_short(self, asked):
        """At most 14 commands, each in one line, in 40 lines; and where the others are."""
        lines = said(asked).splitlines()
        assert len(FIRST) <= 14 and len(lines) <= 40
        for name in FIRST:
            if name in COMMANDS:
                (line,) = (line for line in lines if line.startswith(f"│ {name} "))
                assert line.rstrip(" │").endswith(".")  # the whole sentence
        assert any("moloch help people|messages|models|files" in line for line in lines)

    def test_names_every_command_once(self):
        """First, or in one topic."""
        placed = [*FIRST, *(name for topic in TOPICS.values() for name in topic.commands)]
        assert len(set(placed)) == len(placed)
        assert set(COMMANDS) - {"help"} <= set(placed)


class TestMoreHelp:
    """One level down."""

    def test_lines_end_where_the_terminal_does(self):
        """Not where the source's lines do; a command to type has its own line."""
        lines = [line.strip() for line in said("fork", "--help").splitlines()]
        first = next(i for i, line in enumerate(lines) if line.startswith("The first steps"))
        assert lines[first].endswith("random numbers") and lines[first + 1] == "are common."
        assert "moloch fork runs/x --epoch 2 --set arms.rft.method=dpo" in lines
        replayed = [line.strip() for line in said("replay", "--help").splitlines()]
        assert "nothing could be decided again, and 3: the log ends within a commit, or holds" in replayed

    def test_lists_a_topic(self):
        """And nothing else."""
        listed = said("help", "people")
        assert "│ personas " in listed and "│ run " not in listed and "--version" not in listed

    def test_lists_everything(self):
        """All commands, and the options that install completion."""
        listed = said("help")
        assert all(f"│ {name} " in listed for name in COMMANDS if name != "help")
        assert "--install-completion" in listed and "--install-completion" not in said("--help")

    def test_shows_a_command(self):
        """As its own option does, also below a group."""
        assert said("help", "study", "results") == said("study", "results", "--help")

    def test_unknown_names_suggest_all(self):
        """Also commands that the first help does not list."""
        for words in (["personaz"], ["help", "personaz"]):
            done = CliRunner().invoke(app, words, prog_name="moloch", env=EIGHTY)
            assert done.exit_code == 2 and "personas" in done.output

    def test_flags_have_no_type(self):
        """In any command, nor has its ``--help``."""
        for command in COMMANDS.values():
            assert not [each for each in options(command) if getattr(each, "is_flag", False) and each.metavar != ""], (
                command.name
            )
        assert "<bool>" not in said("help") + said("help", "fork") + said("study", "status", "-h")

    @pytest.mark.parametrize("command", ["ui", "probe", "show"])
    def test_paragraphs_break_where_the_terminal_does(self, command):
        """And not where the source does as well: a line is as long as it can be."""
        lines = [line.strip() for line in said(command, "--help").splitlines()]
        text = lines[: next(i for i, line in enumerate(lines) if "Arguments" in line)]
        assert all(len(a) + len(b.split()[0]) >= 70 for a, b in pairwise(text) if a and b and "moloch " not in b)


class TestVersion:
    """Which release this is."""

    def test_of_the_distribution(self):
        """In one line."""
        assert said("--version") == f"moloch {metadata.version('moloch-abm')}\n"


class TestCompletion:
    """The shell's completion, through the name under which it is installed."""

    @pytest.mark.parametrize(("line", "offered"), [("moloch perso", "personas"), ("moloch run --wor", "--world")])
    def test_offers(self, line, offered):
        """Commands that the first help does not list too, and options."""
        asked = {"_MOLOCH_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        done = CliRunner().invoke(app, [], prog_name="moloch", env=asked)
        assert done.stdout.split() == [offered]
