"""A small questionnaire with a question of each kind, and a model whose answers are known."""

from __future__ import annotations

from pathlib import Path

from abm.llm import Request
from tests.support.fakes import reply

MEDIA = """\
name: media
intro: A few questions about what you read.
order: random
questions:
  - id: trust
    kind: likert
    text: How far do you trust what sellers say?
    scale: [not at all, a little, completely]
    order: random
  - id: bought
    kind: choice
    text: Did you buy anything last week?
    options: [yes, no, I do not know]
    order: random
  - id: why
    kind: open
    text: What makes you trust a message?
    words: 30
"""


def media(folder: Path, text: str = MEDIA) -> Path:
    """Write the questionnaire and return its path."""
    path = folder / "media.yaml"
    path.write_text(text, "utf-8")
    return path


def respond(request: Request) -> str:
    """Answer as a writer, a reader, or somebody who is asked; one in five letters is none."""
    if not request.site.startswith("survey/"):
        return reply(request)
    if not request.choices:
        return f"Reason {request.seed % 7}."
    return "?" if request.seed % 5 == 0 else request.choices[request.seed % len(request.choices)]
