"""A file of settings to begin with: a small run, every line with what it means, further settings as comments. Made of the catalogue."""

from __future__ import annotations

import textwrap

from learning.settings.catalogue import Setting, settings
from learning.settings.origins import in_yaml

HEAD = """\
# Settings of a run: moloch run FILE. It runs as it is: a small run of the pocket model, in about a minute.
# moloch config explain KEY says more of a setting; moloch config show FILE shows what all come to.
# Relative paths start from this file's folder. docs/settings.md says how an editor completes and checks it.
"""
GIVEN = {
    "arena": "sales", "personas": "biographic", "audience": "default", "model": "pocket", "arms": ["rft", "placebo"], "epochs": 1,
    "train_anchors": 24, "held_out_anchors": 24, "seed": 1, "world": "isolated",
}  # fmt: skip
"""What the file says; arms, epochs and anchors are fewer than by default."""
FURTHER = (
    "train_personas", "held_out_personas", "messages", "ties", "batch", "sampling.temperature", "sampling.max_tokens", "preset",
    "lora.lr", "lora.rank", "evaluate", "head_to_head", "redraw.held_out_anchors", "probes", "source_readers.train",
    "reader.model", "network.graph.kind", "network.rounds", "network.feed.ranker", "serving.llm", "budget.usd", "budget.minutes",
)  # fmt: skip
"""What stands there as a comment, with an example."""
WIDTH = 110


def template_text() -> str:
    """Return the file."""
    known, lines = settings(), [HEAD]
    for key, value in GIVEN.items():
        lines += [*_comment(known[key]), f"{key}: {in_yaml(value)}", ""]
    lines += ["# Further settings; moloch config show --all lists all.", ""]
    for key in FURTHER:
        lines += [*_comment(known[key]), f"# {_nested(key, known[key].example)}", ""]
    return "\n".join(lines).rstrip() + "\n"


def _comment(setting: Setting) -> list[str]:
    said = [setting.meaning]
    said += [f"({', '.join(filter(None, [setting.range, setting.unit]))})"] if setting.range or setting.unit else []
    said += [f"Has an effect {setting.applies}."] if setting.applies != "every run" else []
    return [f"# {line}" for line in textwrap.wrap(" ".join(said), WIDTH - 2, break_on_hyphens=False)]


def _nested(key: str, value: str) -> str:
    """Return a setting on one line of YAML."""
    *outer, last = key.split(".")
    text = f"{last}: {value}"
    for name in reversed(outer):
        text = f"{name}: {{{text}}}"
    return text
