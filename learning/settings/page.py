"""The tables of settings in docs/settings.md. ``python -m learning.settings.page docs/settings.md`` writes them again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from learning.settings.catalogue import Setting, settings

MARK = "<!-- what follows is made: python -m learning.settings.page docs/settings.md -->\n"
TITLES = {
    "": "The run",
    "reader": "reader: a language model that plays the personas",
    "crowd": "crowd: members besides the personas",
    "arms": "arms: settings of an arm",
    "markets": "markets: arms that meet rivals",
    "sampling": "sampling: how writers draw tokens",
    "lora": "lora: the trainer",
    "network": "network: the networked world",
    "serving": "serving: where models are served",
    "budget": "budget: what may be spent",
    "surveys": "surveys: questionnaires",
    "redraw": "redraw: what differs from seed to seed",
    "alarms": "alarms: when an arm has collapsed",
    "out_of_domain": "out_of_domain: other arenas, and tasks",
    "source_readers": "source_readers: members who read the anchor",
    "evaluation_audiences": "evaluation_audiences: further audiences",
}
"""First part of settings' names -> the title of their table."""


def with_tables(page: str) -> str:
    """Return the page with the tables as the types have them.

    Raises:
        ValueError: the page has no mark.
    """
    text, mark, _ = page.partition(MARK)
    if not mark:
        raise ValueError(f"the page lacks the line {MARK.strip()}")
    return text + MARK + "\n" + "\n".join(_tables())


def _tables() -> Iterator[str]:
    listed = sorted(settings().values(), key=lambda each: list(TITLES).index(_group(each)))
    for group, those in groupby(listed, _group):
        yield f"### {TITLES[group]}\n"
        yield "| setting | takes | default | meaning |\n|---|---|---|---|"
        yield from map(_row, those)
        yield ""


def _group(setting: Setting) -> str:
    first, dot, _ = setting.key.partition(".")
    return first if dot and first in TITLES else ""


def _row(setting: Setting) -> str:
    takes = ", ".join(filter(None, [setting.kind, setting.range, setting.unit]))
    meaning = setting.meaning
    if setting.applies != "every run":
        meaning += f" Has an effect {setting.applies}."
    default = f"`{setting.default}`" if setting.default and setting.default != "not set" else setting.default
    cells = (f"`{setting.key}`", takes, default, meaning)
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text("utf-8")), "utf-8")
