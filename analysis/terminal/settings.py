"""Settings in the terminal: what they come to, where each value came from, and what one of them means."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from learning.settings.catalogue import NAME, Setting
from learning.settings.origins import SettingValue

WIDEST = 34
"""Columns that values take at most, beside which their origin stands; a longer one has its origin on the next line."""


def value_lines(values: Sequence[SettingValue]) -> Iterator[str]:
    """Yield a line for each setting: its name, its value, where that came from."""
    if not values:
        yield "all settings have their defaults"
        return
    left = max(len(each.key) for each in values)
    right = max((len(each.text) for each in values if len(each.text) <= WIDEST), default=0)
    for each in values:
        if len(each.text) <= WIDEST:
            yield f"{each.key:{left}}  {each.text:{right}}  {each.by}"
        else:
            yield f"{each.key:{left}}  {each.text}"
            yield f"{'':{left}}  {'':{right}}  {each.by}"


def folder_line(folder: Path) -> str:
    """Return where a run's log is, or will be."""
    state = "a run is there: the same command resumes it, or shows it" if (folder / "run.json").exists() else "new"
    return f"folder  {folder} ({state})"


def setting_lines(setting: Setting, width: int) -> Iterator[str]:
    """Yield what a setting means, in lines of a width."""
    yield setting.key
    wrapped = textwrap.TextWrapper(width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    yield from wrapped.wrap(setting.meaning)
    yield ""
    for name, value in facts(setting):
        lines = textwrap.wrap(value, max(20, width - 13), break_long_words=False, break_on_hyphens=False)
        yield from (f"  {name if not i else '':10} {line}" for i, line in enumerate(lines))


def group_lines(settings: Sequence[Setting], width: int) -> Iterator[str]:
    """Yield what several settings mean: each name, and beside it its meaning in lines of a width."""
    left = max(len(each.key) for each in settings)
    for each in settings:
        lines = textwrap.wrap(each.meaning, max(20, width - left - 2), break_long_words=False, break_on_hyphens=False)
        yield from (f"{each.key if not i else '':{left}}  {line}" for i, line in enumerate(lines or [""]))


def facts(setting: Setting) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of a setting: a word and what it is."""
    for name in ("kind", "range", "unit", "default"):
        if value := getattr(setting, name):
            yield ("type" if name == "kind" else name), value
    yield "applies in" if setting.applies == "every run" else "applies", setting.applies
    yield "example", f"--set {shell(f'{setting.key}={setting.example}')}"
    if NAME not in setting.key:
        yield "or", f"{setting.variable}={shell(setting.example)}"


def shell(text: str) -> str:
    """Return a word of a command line, quoted where a shell would read it otherwise."""
    return text if not set(text) & set(" '\"[]{}$*?&|;<>()#!~`\\") else "'" + text.replace("'", "'\\''") + "'"
