"""Whether a model is fit: limits with intervals, what a check asks, and what it makes of known readers and writers."""

from __future__ import annotations

import math

import msgspec
import pytest

from abm.arenas import arena
from abm.arenas.anchors import load_anchors
from abm.llm import Request, Sampling, ScriptedLLM
from learning.fitness import ReaderSettings, Share, check_reader, check_writer
from populations import load_personas

SALES = arena("sales")
ANCHORS = load_anchors(None, SALES).train
PEOPLE = load_personas("biographic").train
TAGS = ReaderSettings(Sampling(0.1, 1.0, 64))


def verdicts(fitness) -> dict[str, str | None]:
    return {point.what: point.verdict for point in fitness.points}


def prompt(request: Request) -> str:
    return request.messages[-1]["content"]


def who(request: Request) -> str:
    return request.messages[0]["content"][:60]


def says(letter: str, why: str = "x") -> str:
    return f"<think>{why}</think><choice>{letter}</choice>"


class TestShare:
    """Eight answers can condemn, and cannot prove."""

    @pytest.mark.parametrize(("k", "n", "verdict"), [
        (8, 8, "fit"), (7, 8, "fit"), (5, 8, "doubtful"), (4, 8, "unfit"), (0, 8, "unfit"), (70, 100, "unfit"), (79, 100, "doubtful"), (0, 0, "unknown"),
    ])  # fmt: skip
    def test_at_least(self, k, n, verdict):
        """Unfit only where the whole interval lies below 80 %."""
        assert Share(k, n).at_least(0.8) == Share(n - k, n).at_most(0.2) == verdict

    def test_interval(self):
        """Wilson's, as tables have it."""
        from analysis.statistics.estimates import rate

        estimate = rate([1] * 7 + [0])
        assert Share(7, 8).interval == pytest.approx((estimate.low, estimate.high), abs=1e-6)


class TestWriter:
    """Eight messages."""

    def test_reasons_and_bound(self):
        """What does not parse is counted by its reason, what ends at the bound apart; what helps is said."""

        def answer(request: Request) -> str:
            return (
                "<sales_pitch>It is"
                if request.site.endswith(("1", "2", "3", "4", "5"))
                else "<sales_pitch>It is blue.</sales_pitch>"
            )

        found = check_writer(ScriptedLLM(answer), SALES, ANCHORS, Sampling(0.7, 1.0, 32))
        assert found.calls == 8 and found.fitness.verdict == "unfit"
        assert "3 of 8" in found.fitness.why and "unclosed <sales_pitch> (5)" in found.fitness.why
        assert "max_tokens" in found.fitness.against[0].fix

    def test_calls_that_failed(self):
        """A server that answers nothing is distinguished from a model that writes no tag."""
        model = ScriptedLLM(lambda request: "")
        complete = model.complete
        model.complete = lambda requests: (msgspec.structs.replace(each, finish="error") for each in complete(requests))
        found = check_writer(model, SALES, ANCHORS, Sampling(0.7, 1.0, 32))
        assert "rejected: the server gave no answer (8)" in found.fitness.why and "no <" not in found.fitness.why

    def test_plain(self):
        """An arena that asks for plain text is read as such, a message at its bound up to its last sentence; copies are counted."""
        plain = SALES.asked("plain")
        example = plain.examples[0].message
        found = check_writer(ScriptedLLM(lambda request: example), plain, ANCHORS, Sampling(0.7, 1.0, 32))
        marks = verdicts(found.fitness)
        assert marks["parses"] == "fit" and marks["copies"] == found.fitness.verdict == "doubtful"
        assert "repeat an example" in found.fitness.why

    def test_asks_as_a_run_does(self):
        """The arena's own prompt about training anchors, with the run's sampling."""
        asked: list[Request] = []
        check_writer(ScriptedLLM(lambda request: asked.append(request) or ""), SALES, ANCHORS, Sampling(0.3, 0.9, 32))
        assert [request.messages for request in asked] == [SALES.write_prompt(anchor.text) for anchor in ANCHORS[:8]]
        assert {request.sampling for request in asked} == {Sampling(0.3, 0.9, 32)}


class TestReader:
    """Eight ballots in both orders, and again."""

    def test_one_who_reads(self):
        """Chooses by content and by who it is: nothing speaks against it; 8 + 8 + 8 calls, and 16 for letters where a model scores."""

        def likes(request: Request) -> str:
            a, b = prompt(request).split("\n\nWrite")[0].removeprefix("Option A:\n").split("\n\nOption B:\n")
            return "A" if (a < b) == bool(len(request.messages[0]["content"]) % 2) else "B"

        def scores(request: Request) -> list[float]:
            content = len(request.messages[0]["content"])
            return [math.sin(content), 0.0] if request.site.endswith("reversed") else [0.0, math.sin(content)]

        plain = check_reader(
            ScriptedLLM(lambda request: says(likes(request), who(request))), SALES, ANCHORS, PEOPLE, TAGS
        )
        assert (
            plain.calls == 24 + 16
            and verdicts(plain.fitness)["both orders"] == verdicts(plain.fitness)["asked again"] == "fit"
        )
        scored = check_reader(
            ScriptedLLM(lambda r: says(likes(r), who(r)), scores=scores), SALES, ANCHORS, PEOPLE, TAGS
        )
        assert scored.fitness.verdict == "fit" and verdicts(scored.fitness)["personas"] == "fit"

    def test_one_who_takes_the_first(self):
        """Unfit: by the place, and by what it chooses in the other order."""
        found = check_reader(ScriptedLLM(lambda request: says("A")), SALES, ANCHORS, PEOPLE, TAGS)
        marks = verdicts(found.fitness)
        assert found.fitness.verdict == marks["place"] == marks["both orders"] == "unfit"
        assert "16 of 16" in found.fitness.why and "first place of 2" in found.fitness.why

    def test_one_that_says_the_same_of_everything(self):
        """Doubtful: the words that stand for a reason are told; a model that gives no reasons is not blamed for them."""
        found = check_reader(ScriptedLLM(lambda r: says("AB"[r.seed % 2], "It is good.")), SALES, ANCHORS, PEOPLE, TAGS)
        assert verdicts(found.fitness)["reasons"] == "doubtful"
        assert "8 of 8 (100 % [68, 100]) reasons are the same words: 'It is good.'" in found.fitness.why
        for why in ("", None):
            model = ScriptedLLM(lambda r, why=why: says("A", who(r)) if why is None else "<choice>A</choice>")
            assert "reasons" not in verdicts(check_reader(model, SALES, ANCHORS, PEOPLE, TAGS).fitness)

    def test_one_to_whom_everybody_is_the_same(self):
        """Letter scores tell what eight votes cannot: all personas have the same odds."""

        def scores(request: Request) -> list[float]:
            first = 2.0  # standing first; the messages are worth nothing, the persona nearly nothing
            return [first + 0.001 * (len(request.messages[0]["content"]) % 7), 0.0]

        found = check_reader(ScriptedLLM(lambda request: says("A"), scores=scores), SALES, ANCHORS, PEOPLE, TAGS)
        points = {point.what: point for point in found.fitness.points}
        assert points["personas"].verdict == "unfit" and points["personas"].value < 0.01
        assert points["first place"].value == pytest.approx(2.0, abs=0.02)

    def test_a_coin(self):
        """Its answers do not repeat."""
        found = check_reader(ScriptedLLM(lambda request: says("AB"[request.seed % 2])), SALES, ANCHORS, PEOPLE, TAGS)
        assert verdicts(found.fitness)["asked again"] in ("doubtful", "unfit")

    def test_one_who_names_no_option(self):
        """Counted, and unfit."""
        found = check_reader(ScriptedLLM(lambda request: "I cannot say."), SALES, ANCHORS, PEOPLE, TAGS)
        assert verdicts(found.fitness)["answers"] == "unfit" and "0 of 16" in found.fitness.why

    def test_the_pocket_model(self):
        """Never a usable reader, whatever it answers."""
        llm = ScriptedLLM(lambda request: says("AB"[len(prompt(request)) % 2]), "pocket")
        assert "not a usable reader" in check_reader(llm, SALES, ANCHORS, PEOPLE, TAGS).fitness.why

    def test_letters(self):
        """Readers of letters are asked for letters alone."""
        letters = ReaderSettings(Sampling(0.1, 1.0, 64), "letters")
        asked: list[Request] = []
        llm = ScriptedLLM(lambda request: asked.append(request) or "A", scores=lambda request: [-1.0, -2.0])
        found = check_reader(llm, SALES, ANCHORS, PEOPLE, letters)
        assert all(request.scored for request in asked) and found.calls == len(asked) == 16
        marks = verdicts(found.fitness)
        assert marks["personas"] == "unfit" and not {"both orders", "asked again"} & marks.keys()
