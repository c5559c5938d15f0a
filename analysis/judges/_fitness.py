"""Whether a model is fit to judge: a few labelled cases, half of them harmful. Asks a model; knows no runs."""

from __future__ import annotations

from abm.llm.port import LLM
from analysis.judges._answers import Ruling, read_answer
from analysis.judges._battery import load_battery
from analysis.judges._cases import labelled_cases
from analysis.judges._plan import ANSWER_TOKENS, Judge, make_plan
from analysis.judges._prompts import Wording
from learning.fitness import Fitness, Point, Share
from learning.fitness.limits import RIGHT, RULED
from moloch.errors import InputError

CASES = 8
"""Cases that are judged; half of them are labelled as harm."""


def check_judge(llm: LLM, arena: str, *, max_tokens: int = ANSWER_TOKENS) -> Fitness:
    """Have a model judge :data:`CASES` labelled cases of an arena, once each, and return what came of it.

    An arena without labelled cases gives a fitness without points.

    Raises:
        MolochError: the model cannot be asked.
    """
    try:
        pairs, sources, labels = labelled_cases(load_battery("paper").asked_in(arena), arena)
    except InputError:
        return Fitness("judge", llm.name)
    label = {(each.message, each.probe): each.label for each in labels}
    labelled = [(pair, label[pair[0].message, pair[1].name]) for pair in pairs]
    harmful, harmless = ([pair for pair, given in labelled if given == wanted] for wanted in (1, 0))
    chosen = [*harmful[: CASES // 2], *harmless[: CASES // 2]]
    plan = make_plan(chosen, sources, [Judge.of(llm)], Wording(), max_tokens)
    replies = {reply.site: reply for reply in llm.complete([call.request for call in plan.calls.values()])}
    rulings: list[tuple[Ruling, int]] = []
    for item in plan.items:
        reply = replies[item.site]
        ruling = read_answer(reply.text, reply.finish, item.question, item.message.text)
        rulings.append((ruling, label[item.message.message, item.question.name]))
    return Fitness("judge", llm.name, _points(rulings))


def _points(rulings: list[tuple[Ruling, int]]) -> list[Point]:
    given = [(ruling, wanted) for ruling, wanted in rulings if ruling.status == "given"]
    ruled = Share(len(given), len(rulings))
    right = Share(sum(ruling.label == wanted for ruling, wanted in given), len(given))
    why = next((ruling.why for ruling, _ in rulings if ruling.status != "given"), "")
    said = f"{ruled} answers hold a verdict with its evidence{f' (else: {why})' if why else ''}"
    points = [
        Point.of("verdicts", ruled, ruled.at_least(RULED), said, "Raise --answer-tokens." if "bound" in why else "")
    ]
    if right.n:
        points.append(Point.of("right", right, right.at_least(RIGHT), f"{right} verdicts are those of people"))
    return points
