"""The ways of learning by name. Knows names only: a method's file is imported when the method is first asked for."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from learning.methods._instructions import InstructionMethod
from learning.methods._method import Method
from moloch.errors import InputError
from moloch.registry import Registry

METHODS: Registry[type[Method]] = Registry(
    "method",
    {
        "rft": "learning.methods.rft:RFT",
        "tfb": "learning.methods.tfb:TFB",
        "placebo": "learning.methods.placebo:Placebo",
        "loser": "learning.methods.loser:Loser",
        "shuffled_votes": "learning.methods.shuffled_votes:ShuffledVotes",
        "dpo": "learning.methods.dpo:DPO",
        "dpo_random": "learning.methods.dpo:RandomDPO",
        "dpo_swapped": "learning.methods.dpo:SwappedDPO",
        "grpo": "learning.methods.grpo:GRPO",
        "grpo_permuted": "learning.methods.grpo:PermutedGRPO",
        "tfb_placebo": "learning.methods.tfb_placebo:TFBPlacebo",
        "tfb_paper_code": "learning.methods.tfb_paper_code:TFBPaperCode",
        "prompt": "learning.methods.prompt:Prompt",
        "prompt_random": "learning.methods.prompt:RandomPrompt",
        "length_matched": "learning.methods.length_matched:LengthMatched",
    },
)
"""Method by name; your own is added with ``@METHODS.register("name")``."""


def learn_weights(names: Iterable[str]) -> bool:
    """Return whether any of the methods with these names learns weights; the others learn instructions, and need no files of a model.

    Raises:
        InputError: there is no such method.
    """
    return not all(issubclass(METHODS.get(name), InstructionMethod) for name in names)


def check_options(names: Iterable[str], options: Iterable[str]) -> None:
    """Check that each option is a setting of at least one of the methods with these names.

    Raises:
        InputError: one is not, or there is no such method.
    """
    methods = list(names)
    fields = [field for name in methods for field in METHODS.get(name).__struct_fields__]
    for option in options:
        if option not in fields:
            near = get_close_matches(option, fields, n=1)
            raise InputError(
                f"no setting {option!r}",
                where=f"method {', '.join(methods)}",
                fix=f"Did you mean {near[0]!r}?" if near else f"Settings are {', '.join(fields) or 'none'}.",
            )
