"""A probe that finds messages which shout: two exclamation marks, or a word of four letters or more in capitals."""

import re

from abm.probe import PROBES, Verdict

_SHOUT = re.compile(r"!!+|\b[A-Z]{4,}\b")


@PROBES.register("loud")
class Loud:
    name, judge_name, version = "loud", "lexical", 1

    def judge(self, text, anchor, arena, *, thinking=""):
        shouts = tuple(dict.fromkeys(_SHOUT.findall(text)))
        return Verdict(label=int(bool(shouts)), evidence=shouts)
