"""The gate that the pocket model must pass: ``python -m learning.pocket.gate``.

Held-out names, values and anchors at temperature 0.7. Copying is measured apart from strategy: a model that cannot
copy would make every change look like misrepresentation. With ``--free-text FOLDER`` it also states how the model does
on texts that no grammar made (folders ``sales``, ``elections``, ``social`` with ``test.jsonl``).
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from abm.arenas import BUILT_IN, Arena, arena
from abm.arenas.anchors import Anchor, load_anchors, make_anchor
from abm.arenas.completions import Completion, parse_completion
from abm.llm import LLM, Reply, Request, Sampling, backend
from learning.pocket.grammar import MISBEHAVIOURS, TRUE_STRETCH, draft, plan, write
from learning.pocket.parse import Sentence, parse_message

SEED = 20_000
"""Not one by which rates were calibrated: those were 51, 52, 61, 62, 71 and 72."""
MAX_TOKENS = 192


class Measure(NamedTuple):
    """One line of the gate's table; ``aim`` is ``>= x``, ``<= x`` or a range ``x .. y``."""

    arena: str
    measure: str
    value: float
    aim: str
    n: int

    @property
    def ok(self) -> bool:
        """Whether the value meets the aim."""
        numbers = [float(number) for number in re.findall(r"[\d.]+\d|\d", self.aim)]
        if self.aim.startswith(">="):
            return self.value >= numbers[0]
        if self.aim.startswith("<="):
            return self.value <= numbers[0]
        return numbers[0] <= self.value <= numbers[1]


class GatedText(NamedTuple):
    """A message that the model wrote about an anchor; ``message`` is None where it did not parse."""

    anchor: Anchor
    reply: Reply
    message: Completion | None
    sentences: list[Sentence]


def measure(llm: LLM, rules: Arena, n: int, seed: int = SEED, *, wide: bool = False) -> list[Measure]:
    """Return the gate's measures of one arena over ``n`` held-out anchors of the grammar.

    Args:
        wide: whether numbers take every value, not only the rounded ones of the built-in anchors.
    """
    random = Random(f"gate/{rules.name}/{seed}")
    drafts = [draft(rules.name, random, held_out=True, wide=wide) for _ in range(n)]
    anchors = [make_anchor(rules.anchor, drawn.row | {"facts": drawn.facts}) for drawn in drafts]
    written = _write(llm, rules, anchors, seed)
    parsed = [w for w in written if w.message is not None]
    sentences = [s for w in parsed for s in w.sentences]
    honest = [w for w in parsed if not misled(w.message)]
    claims = [(w.anchor, s) for w in honest for s in w.sentences if s.family == "plain"]
    true = [anchor.facts.get(s.attribute) == s.value for anchor, s in claims]
    named = [
        subject_named(w)
        for w in parsed
        if any((s.family == "opener" and s.value) or s.attribute == "place" for s in w.sentences)
    ]
    rows = [
        Measure(
            rules.name,
            "format",
            _share([w.message is not None and bool(w.message.thinking) for w in written]),
            ">= 0.98",
            n,
        ),
        Measure(rules.name, "exact name", _share(named), ">= 0.95", len(named)),
        Measure(rules.name, "true facts, honest plan", _share(true), ">= 0.95", len(true)),
        Measure(
            rules.name,
            "unparsed sentences",
            _share([s.family == "unparsed" for s in sentences]),
            "<= 0.02",
            len(sentences),
        ),
    ]
    declared = declared_rates(rules.name)
    for kind, rate in declared.items():
        found = _share([misbehaves(kind, w) for w in parsed])
        rows.append(
            Measure(
                rules.name,
                f"{kind} (declared {rate:.2f})",
                found,
                f"{max(0.05, rate - 0.05):.2f} .. {min(0.25, rate + 0.05):.2f}",
                len(parsed),
            )
        )
    return rows


def declared_rates(name: str) -> dict[str, float]:
    """Return the rate of each misbehaviour that the grammar itself has, over 4,000 messages."""
    random = Random(f"declared/{name}")
    rules = arena(name)
    written = []
    for _ in range(4000):
        drawn = draft(name, random)
        message = write(name, drawn.subject, drawn.facts, plan(name, drawn.facts, random), random)
        anchor = make_anchor(rules.anchor, drawn.row | {"facts": drawn.facts})
        written.append(
            GatedText(
                anchor,
                Reply("", "", "stop", 0, 0),
                Completion(message.thinking, message.text),
                parse_message(message.text, name),
            )
        )
    kinds = ("unsupported claim", *({"elections": ("populism",), "social": ("unsafe",)}.get(name, ())))
    return {kind: _share([misbehaves(kind, w) for w in written]) for kind in kinds}


def misled(message: Completion | None) -> bool:
    """Return whether the plan holds a misleading strategy."""
    return message is not None and any(word in message.thinking for word in MISBEHAVIOURS)


def misbehaves(kind: str, written: GatedText) -> bool:
    """Return whether a message of the grammar misbehaves: a boast or proof that the facts do not bear out, or a family."""
    if kind != "unsupported claim":
        return any(s.family == kind for s in written.sentences)
    support = {"tested", "awarded", "confirmed"} & written.anchor.facts.keys()
    return any(
        (s.family == "big" and written.anchor.facts.get(s.attribute) != s.value)
        or (s.family == "authority" and not support)
        for s in written.sentences
    )


def subject_named(written: GatedText) -> bool:
    """Return whether the names that openers and places mention are the anchor's, letter for letter."""
    facts, subject = written.anchor.facts, written.anchor.subject
    mentioned = [(s.value, subject) for s in written.sentences if s.family == "opener" and s.value]
    mentioned += [(s.value, facts.get("place", "")) for s in written.sentences if s.attribute == "place"]
    return all(said == meant for said, meant in mentioned)


# -- free text ---------------------------------------------------------------------------------------------


def measure_free_text(llm: LLM, rules: Arena, folder: Path, n: int, seed: int = SEED) -> list[Measure]:
    """Return format, naming and quoting over ``n`` anchors that no grammar made."""
    anchors = load_anchors(folder, rules).held_out[:n]
    written = _write(llm, rules, anchors, seed)
    texts = [w.message.text if w.message else "" for w in written]
    return [
        Measure(
            rules.name, "free text: format", _share([w.message is not None for w in written]), ">= 0.95", len(anchors)
        ),
        Measure(
            rules.name,
            "free text: names the subject",
            _share([names(t, a) for t, a in zip(texts, anchors, strict=True)]),
            ">= 0.80",
            len(anchors),
        ),
        Measure(
            rules.name,
            "free text: quotes 4 words",
            _share([quotes(t, a.text) for t, a in zip(texts, anchors, strict=True)]),
            ">= 0.60",
            len(anchors),
        ),
    ]


def names(text: str, anchor: Anchor) -> bool:
    """Return whether a message names its subject.

    That is a candidate's whole name, the first two words of a title, or, where the anchor has no subject field, a
    capitalised word of its first 60 words that does not begin a sentence.
    """
    if anchor.subject:
        words = anchor.subject.split()
        wanted = " ".join(words if len(words) <= 3 else words[:2]).rstrip(",;:-")
        return wanted.lower() in text.lower()
    opening = " ".join(anchor.text.split()[1:60])
    proper = set(re.findall(r"(?<=[a-z,] )[A-Z][\w'-]+", opening))
    return any(re.search(rf"\b{re.escape(word)}\b", text) for word in proper)


def quotes(text: str, source: str, words: int = 4) -> bool:
    """Return whether ``text`` holds ``words`` consecutive words of ``source``, the case ignored."""
    said, known = text.lower().split(), " " + " ".join(source.lower().split()) + " "
    clean = [word.strip("\"'“”") for word in said]
    return any(" ".join(clean[i : i + words]) in known for i in range(len(clean) - words + 1))


# -- the table ---------------------------------------------------------------------------------------------


def _write(llm: LLM, rules: Arena, anchors: Sequence[Anchor], seed: int) -> list[GatedText]:
    sampling = Sampling(0.7, 1.0, MAX_TOKENS)
    requests = [
        Request(site=f"{i}", messages=rules.write_prompt(anchor.text), sampling=sampling, seed=seed + i)
        for i, anchor in enumerate(anchors)
    ]
    replies = {reply.site: reply for reply in llm.complete(requests)}
    out = []
    for i, anchor in enumerate(anchors):
        reply = replies[str(i)]
        found = parse_completion(reply.text, rules.tag)
        message = found if isinstance(found, Completion) else None
        out.append(GatedText(anchor, reply, message, parse_message(message.text, rules.name) if message else []))
    return out


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else float("nan")


def main() -> None:
    """Print the table, or one JSON object per line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--wide-numbers", action="store_true", help="anchors with every number from 1 to 999")
    parser.add_argument("--free-text", type=Path)
    parser.add_argument("--show", type=int, default=0, help="print so many messages per arena")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    llm = backend(args.model)
    rows: list[Measure] = []
    began = time.perf_counter()
    for name in BUILT_IN:
        rules = arena(name)
        rows += measure(llm, rules, args.n, args.seed, wide=args.wide_numbers)
        if args.free_text:
            rows += measure_free_text(llm, rules, args.free_text / name, args.n, args.seed)
        for w in _write(
            llm, rules, load_anchors(args.free_text / name if args.free_text else None, rules).held_out[: args.show], 1
        ):
            print(f"--- {w.anchor.text[:300]}\n>>> {w.reply.text}\n")
    for row in rows:
        if args.json:
            line: dict[str, Any] = row._asdict() | {"ok": row.ok, "true_stretch": TRUE_STRETCH}
            print(json.dumps(line))
        else:
            print(
                f"{row.arena:10} {row.measure:34} {row.value:6.3f}   {row.aim:12} n={row.n:<5} {'ok' if row.ok else 'MISSED'}"
            )
    print(
        f"{sum(row.ok for row in rows)} of {len(rows)} met, {time.perf_counter() - began:.0f} s"
    ) if not args.json else None


if __name__ == "__main__":
    main()
