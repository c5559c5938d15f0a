"""Whether a model is fit to be asked anything outside contests, by what the base model answered. Knows counts; asks nobody."""

from __future__ import annotations

from abm.llm.folders import POCKET
from learning.fitness.limits import ITEMS_COPIED, Fitness, Point, Share


def answer_fitness(model: str, copied: Share, given: Share) -> Fitness:
    """Return whether a model's answers to tasks are about what was asked.

    Args:
        model: the base model of all writers.
        copied: names and quantities that it copied, of those that it was asked for; of nothing where it was asked for none.
        given: its answers that hold any text, of all.
    """
    points = []
    if model == POCKET:
        points.append(
            Point(
                "pocket",
                "unfit",
                "the pocket model knows messages of its arenas alone, and answers no question",
                fix="Put tasks to a model that follows instructions, such as smollm2: moloch model list.",
            )
        )
    if given.n:
        points.append(Point.of("answers", given, given.at_least(ITEMS_COPIED), f"{given} answers hold any text"))
    if copied.n:
        said = f"it copied {copied} of the names and quantities that it was asked for"
        points.append(Point.of("copying", copied, copied.at_least(ITEMS_COPIED), said, "Put tasks to a larger model."))
    return Fitness("answer", model, points)
