"""Scores of choices out of the likeliest first tokens, as servers and engines tell them. Knows texts of tokens and the port."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

from abm.llm.port import LLM, Request, Sampling
from moloch.errors import InputError

LIKELIEST = 20
"""First tokens that are asked for: as many as servers of this interface give at most."""
LEAST = -700.0
"""Of a log-probability; some servers tell minus infinity, which no JSON holds."""
_BLANK = " \t\r\n\u0120\u2581\u010a"
"""What may stand around a choice in the text of a token: spaces, also as tokenizers write them."""


def choice_scores(choices: Sequence[str], likeliest: Sequence[tuple[str, float]]) -> tuple[float, ...]:
    """Return the log-probability in nats of each choice as the first token; empty if none of them is among the likeliest.

    A choice that is not among them gets the least of what is: it cannot be likelier than that.

    Args:
        likeliest: text and log-probability of first tokens; several spellings of a choice are added up.
    """
    of = {choice: [logprob for text, logprob in likeliest if text.strip(_BLANK) == choice] for choice in choices}
    if not any(of.values()):
        return ()
    least = min(logprob for _, logprob in likeliest)
    summed = (log(sum(map(exp, each)) or exp(LEAST)) if each else least for each in of.values())
    return tuple(min(0.0, max(LEAST, each)) for each in summed)


def check_scored(llm: LLM) -> None:
    """See that a model scores letters, by one short question.

    Raises:
        InputError: it does not, or no letter is among the likeliest beginnings of its answer.
    """
    question = (
        "Which is warmer?\n\nOption A:\nice\n\nOption B:\nfire\n\nAnswer with one letter and nothing else: A or B."
    )
    request = Request(
        "check/letters",
        [{"role": "user", "content": question}],
        Sampling(1.0, 1.0, 1),
        1,
        choices=("A", "B"),
        scored=True,
    )
    [reply] = llm.complete([request])
    if not reply.logprobs:
        raise InputError(
            f"no letter probabilities from {llm.name!r}",
            why=f"neither A nor B is among the likeliest first tokens; it would begin with {reply.text[:20]!r}",
            fix="Switch its thinking off, or set reader.answer=tags.",
        )
