"""``moloch config``: the settings of a run, what they mean, and where their values come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import say, stderr, terminal_width
from analysis.cli.option_groups import grouped
from analysis.cli.run_options import RunOptions

app = typer.Typer(name="config", help="Show and explain the settings of runs.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command()
@grouped
def show(
    given: RunOptions,
    seed: options.Seed = None,
    all_: Annotated[bool, typer.Option("--all", help="Show settings at their defaults, too.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show the settings that moloch run would have with these options, and where each value comes from.

    Later ones come before earlier ones: default, preset, profile, file, environment (MOLOCH_SET__LORA__LR=1e-3), options and --set.
    """
    with stderr().status("loading"):
        from analysis.terminal.settings import folder_line, value_lines
        from learning.settings.origins import changed, setting_values

        read, settings = given.read(seed)
        values = setting_values(settings, read)
        values = values if all_ else changed(values)
    folder = settings.default_folder()
    if as_json:
        rows = [{"key": each.key, "value": each.value, "from": each.by} for each in values]
        print(json.dumps({"settings": rows, "folder": str(folder)}))
        return
    say(*value_lines(values), "", folder_line(folder))


@app.command()
def explain(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A setting, as lora.lr, or several, as lora.")],
    as_json: options.Json = False,
) -> None:
    """Say what a setting means: its type, default, range, unit, where it has an effect, and an example.

    Of one that holds others, say what each of them means in a line.
    """
    from analysis.terminal.settings import group_lines, setting_lines
    from learning.settings.catalogue import explained, settings, within

    inner = within(key)
    own = [] if inner and key not in settings() else [explained(key)]
    if as_json:
        print(json.dumps([each._asdict() for each in own + inner] if inner else own[0]._asdict()))
        return
    for each in own:
        say(*setting_lines(each, min(terminal_width(), 100)))
    if inner:
        say(*([""] if own else []), *group_lines(inner, terminal_width()))


Out = Annotated[Path | None, typer.Option(help="The file to write; by default it is printed.")]


@app.command()
def template(out: Out = None) -> None:
    """Write a file of settings with comments, which runs as it is."""
    from learning.settings.template import template_text

    _write(template_text(), out)
    if out is not None:
        stderr().print(f"next: moloch run {out}", markup=False, soft_wrap=True)


@app.command()
def schema(out: Out = None) -> None:
    """Write the JSON Schema of settings, with which editors complete and check a file.

    A file of settings names it in its first line: # yaml-language-server: $schema=FILE
    """
    from learning.settings.schema import settings_schema

    _write(json.dumps(settings_schema(), indent=2) + "\n", out)


def _write(text: str, out: Path | None) -> None:
    """Print a text, or write it to a file that is not there yet."""
    from moloch.errors import InputError

    if out is None:
        print(text, end="")
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        why = "it already exists" if isinstance(error, FileExistsError) else error.strerror or str(error)
        raise InputError("cannot write the file", where=str(out), why=why, fix="Choose another file: --out.") from error
