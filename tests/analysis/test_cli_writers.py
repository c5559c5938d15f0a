"""What a run says of its writers: after its first step, in its table, and where there is nothing to learn from."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from abm.arenas import arena
from abm.llm import ScriptedLLM
from abm.log import read_events
from analysis.cli import main
from analysis.cli.first_step import after_first_step
from analysis.readings.book import Book
from analysis.readings.reading import result_of
from analysis.tables._writers import writing_rows
from analysis.tables.results import results
from analysis.terminal.contest import show_contest
from analysis.terminal.run import render
from analysis.terminal.written import first_reaction_lines, first_step_lines, writing_line
from learning.runs.loop import Progress
from learning.runs.objects import Objects
from learning.runs.reactions import AT_BOUND, NO_OPTION, ReactionCounts
from learning.runs.written import WritingCounts
from learning.settings.config import RunConfig
from tests.learning.test_loop import Killed, carry_out
from tests.support.fakes import fake_llm

SALES = arena("sales")
TINY = RunConfig(
    train_anchors=3, held_out_anchors=3, train_personas=3, held_out_personas=3, batch=2, epochs=1, attempts=2
)


class TestFirstStep:
    """It is reported once, when it is there, with what helps."""

    def test_what_is_said(self):
        """Counts with their reasons, one message, one answer that could not be read, and advice."""
        counts = WritingCounts(
            published=3, rejected=1, redrawn=1, reasons={"no <sales_pitch>": 2}, answers=5, bounded=2, cut=1, copied=1,
            sample="It is\nblue.", unread="Sorry.",
        )  # fmt: skip
        said = list(first_step_lines(counts, SALES.asked(examples=SALES.asked("plain").examples)))
        assert said[0] == (
            "first step: 3 of 4 messages published; 1 rejected (2 answers unreadable: no <sales_pitch>: 2); 1 took more than one "
            "attempt; 40 % of completions met the bound on tokens; 1 cut at the last whole sentence; 1 repeat an example of the prompt"
        )
        assert said[1:3] == ["  a message: It is blue.", "  an answer that could not be read: Sorry."]
        assert ["format=plain" in said[3], "sampling.max_tokens" in said[4], "change examples" in said[5]] == [True] * 3

    def test_what_the_gate_has_said(self):
        """Is not said again: what could be read, and what met the bound."""
        counts = WritingCounts(
            published=1, rejected=9, redrawn=2, reasons={"no <x>": 9}, answers=12, bounded=9, unread="Sorry."
        )
        said = list(first_step_lines(counts, SALES, counted=True))
        assert said[:2] == ["first step: 2 took more than one attempt", "  an answer that could not be read: Sorry."]
        counts.redrawn = 0
        assert next(first_step_lines(counts, SALES, counted=True)).startswith("  an answer")

    def test_where_all_is_well(self):
        """Two lines, with nothing that did not happen, and no advice."""
        said = list(first_step_lines(WritingCounts(published=4, answers=4, sample="Blue."), SALES))
        assert said == ["first step: 4 of 4 messages published", "  a message: Blue."]

    def test_of_readers(self):
        """How many of their answers could not be counted, why, one of them, and what helps; nothing where all could."""
        counts = ReactionCounts(valid=2, invalid=4, reasons={NO_OPTION: 3, AT_BOUND: 1}, sample="Both are\nfine.")
        said = list(first_reaction_lines(counts, "sales"))
        assert said[0].startswith("  readers: 4 of 6 answers could not be counted (names no option: 3, met the bound")
        assert (
            said[1].endswith(": Both are fine.") and "reader.answer=json" in said[2] and "reader.max_tokens" in said[3]
        )
        assert not list(first_reaction_lines(ReactionCounts(valid=6), "sales"))

    def test_it_is_told_once(self, tmp_path):
        """When the first step is durable; not again, and not by a process that finds it there."""
        folder = tmp_path / "run"
        with pytest.raises(Killed):
            carry_out(folder, TINY, commits=4)
        tell = after_first_step(folder)
        assert not list(tell(Progress(done=1, total=4, doing="")))
        carry_out(folder, TINY)
        assert not list(tell(Progress(done=0, total=4, doing="")))
        assert next(tell(Progress(done=1, total=4, doing=""))).startswith("first step: ")
        assert not list(tell(Progress(done=2, total=4, doing="")))
        assert not list(after_first_step(folder)(Progress(done=1, total=4, doing="")))

    def test_of_the_command(self, tmp_path, monkeypatch, capsys):
        """A model that knows nothing but its tags is asked for plain text: nothing of it can be read. The gate says so, and
        it is not said again; what would help is said here, and where there is nothing to learn from."""
        monkeypatch.setattr(
            Objects,
            "models",
            lambda self, config, backends: (ScriptedLLM(lambda request: "<sales_pitch>Buy.</sales_pitch>"),) * 2,
        )
        counts = (
            "train_anchors=2",
            "held_out_anchors=2",
            "train_personas=2",
            "held_out_personas=2",
            "sampling.max_tokens=96",
        )
        settings = [word for each in ("format=plain", *counts) for word in ("--set", each)]
        monkeypatch.setattr("sys.argv", ["moloch", "run", *settings, "--out", str(tmp_path / "run")])
        with pytest.raises(SystemExit) as ended:
            main()
        said = " ".join(capsys.readouterr().err.split())
        assert ended.value.code and "not fit to write: 0 of 4 (0 % [0, 49]) messages parse" in said
        assert said.count("first step:") == 1 == said.count("an answer that could not be read") == 1
        assert said.count("leave out format: plain") == 2 and "more anchors" not in said


class TestTable:
    """Each arm's failures of skill stand beside its win rate."""

    def test_shares_of_each_arm(self, tmp_path):
        """Of the evaluation alone."""
        carry_out(tmp_path / "run", TINY, llm=fake_llm())
        found = results(read_events(tmp_path / "run"))
        rows = {row["arm"]: row for row in found["writing"]}
        assert rows.keys() == {"base", "rft", "tfb", "placebo"}
        assert rows["base"]["messages"] == 3 * 3 and rows["rft"]["messages"] == 3, "base meets every arm"
        assert any(row["redrawn"] for row in rows.values())
        assert any(str(getattr(part, "title", "")).startswith("Writing") for part in render(found, full=True))

    def test_of_a_study(self):
        """In one line for each of its runs."""
        rows = writing_rows(
            {"base": WritingCounts(published=4), "rft": WritingCounts(published=3, rejected=1, redrawn=2)}
        )
        assert writing_line(rows) == "rft 25 % rejected, 50 % redrawn" and writing_line([]) == ""

    def test_of_a_contest(self, tmp_path):
        """A message says which attempt it was, and what was cut from it; so does its row of the frame."""
        rules = {"format": "plain", "examples": (), "attempts": 2}
        bounded = ScriptedLLM(lambda request: "None" if request.site.endswith("/0") else "It is blue. It")
        ends = bounded.complete
        bounded.complete = lambda requests: (msgspec.structs.replace(each, finish="length") for each in ends(requests))
        carry_out(tmp_path / "run", TINY.model_copy(update=rules), llm=bounded)
        book = result_of(read_events(tmp_path / "run"), Book())
        assert set(book.frame()["attempt"]) == {1, 2} and set(book.frame()["cut"]) == {3}
        contest = next(name for name in book.contests if name.startswith("train/"))
        console = Console(file=io.StringIO(), width=120)
        console.print(show_contest(read_events(tmp_path / "run"), contest))
        assert "(attempt 2)" in console.file.getvalue() and "(3 characters cut)" in console.file.getvalue()

    def test_nothing_to_say(self):
        """Where all could be read at once, and nothing was cut or copied, there is no table."""
        assert writing_rows({"base": WritingCounts(published=4, answers=4)}) == []
        assert writing_rows({"base": WritingCounts(published=4, answers=4, cut=1)})[0]["cut"] == 0.25
