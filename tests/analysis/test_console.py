"""What commands print is text: whatever a model or a file says, the terminal shows it and does not obey."""

from __future__ import annotations

import io
import sys
import threading
import time

import pytest
from rich.table import Table
from rich.text import Text

from analysis.cli import main
from analysis.cli.console import _plain_console, say
from analysis.cli.progress import RunProgress, counted, progress
from analysis.readings.traffic import traffic_words
from learning import Progress
from learning.runs.traffic import Traffic
from tests.support.server import serving

EVIL = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[8m\u202etxt\x9b2J"
TAME = "]0;owned[2J[31mred[8mtxt2J"


class TestConsole:
    """Texts cannot speak to the terminal; colours of ours still do."""

    def test_texts_and_tables(self):
        """In a terminal with colours, every sign that it obeys is ours, and a table's borders stand where they stood."""
        table = Table("name", "thought")
        table.add_row(Text(EVIL), Text("calm"))
        table.add_row(Text(TAME), Text("calm"))
        out = io.StringIO()
        _plain_console()(file=out, force_terminal=True, color_system="standard", width=100).print(
            Text(EVIL, style="bold"), table
        )
        shown = out.getvalue()
        assert f"\x1b[1m{TAME}\x1b[0m" in shown
        assert not set("\x07\x9b\u202e") & set(shown) and "\x1b]" not in shown and "\x1b[8m" not in shown
        rows = [line for line in shown.splitlines() if "calm" in line]
        assert len(set(rows)) == 1 and len(rows) == 2

    def test_lines(self, capsys):
        """Lines that are printed as they are."""
        say(f"run {EVIL}", "next")
        assert capsys.readouterr().out == f"run {TAME}\nnext\n"

    def test_markup_in_what_is_being_done(self):
        """A run's name is no markup, which a bar would fail at."""
        with progress("[/b] ") as report:
            report(Progress(1, 2, "[/nothing]"))

    def test_errors(self, capsys, monkeypatch, tmp_path):
        """A mistake is one line, also where it quotes a name."""
        monkeypatch.setattr(sys, "argv", ["moloch", "show", str(tmp_path / "\x1b[2Jno\nrun")])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().err
        assert ended.value.code != 0
        assert said.count("\n") == 1 and "\x1b" not in said and "[2Jno run" in said


BUSY = Traffic(
    answered=36, again=2, planned=132, tokens_per_s=41.3, usd=0.12, waiting={"HTTP 429": 31, "timeout": 1}, sent=3, silent_s=17.0,
    calls_left_s=72.0,
)  # fmt: skip
SAID = (
    "36 of 132 (and 2 once more) calls answered; 41 tokens/s; $0.12; waiting: HTTP 429 x31, timeout x1, no answer for 17 s; "
    "about 72 s of calls left"
)


class TestProgress:
    """While a run is carried out it is said how far it is, what its models do and for what they wait."""

    def test_a_line(self):
        """Has all of it, and the time; models are looked at once a second."""
        at, looks = [0.0], list[float]()

        def traffic():
            looks.append(at[0])
            return BUSY

        run = RunProgress(None, "cell: ", clock=lambda: at[0])
        assert run.line == "cell: opening the models; 0:00 so far"
        at[0], run.now = 130.0, Progress(3, 11, "rft learns", traffic)
        assert run.line == f"cell: rft learns; 3 of 11 steps and trainings; {SAID}; 2:10 so far"
        assert run.line and looks == [130.0]

    @pytest.mark.parametrize(
        ("traffic", "said"),
        [
            (Traffic(), []),
            (Traffic(planned=5, usd=None), ["0 of 5 calls answered", "price unknown"]),
            (Traffic(answered=7, planned=5, usd=0.0004), ["7 calls answered", "$0.0004"]),
            (Traffic(answered=1, planned=5, at_most=True), ["1 of at most 5 calls answered"]),
            (Traffic(tokens_per_s=0.25, silent_s=99.0), ["0.2 tokens/s"]),
        ],
    )
    def test_what_there_is_nothing_of(self, traffic, said):
        """Is not said: no money, no speed, no wait; but a price that is not known is."""
        assert traffic_words(traffic) == said

    def test_without_a_terminal(self, monkeypatch, capsys):
        """A plain line every so often."""
        monkeypatch.setattr("analysis.cli.progress.EVERY", 0.005)
        said = threading.Event()
        with progress("cell: ") as report:
            report(Progress(1, 2, "[/b]", lambda: said.set() or BUSY))
            assert said.wait(20)
        [line, *_] = [line for line in capsys.readouterr().err.splitlines() if "[/b]" in line]
        assert line.startswith(f"cell: [/b]; 1 of 2 steps and trainings; {SAID}; 0:0")

    def test_of_calls_that_are_counted(self, monkeypatch, capsys):
        """Likewise for judges and questionnaires; a quick one says nothing, not even an empty line."""
        with counted("judging") as report:
            report(1, 9)
        assert capsys.readouterr().err == ""
        monkeypatch.setattr("analysis.cli.progress.EVERY", 0.005)
        with counted("judging") as report:
            report(1, 2000)
            time.sleep(0.05)
        assert "judging; 1 of 2,000 calls answered; 0:00 so far" in capsys.readouterr().err.splitlines()

    def test_of_a_check(self, monkeypatch, capsys):
        """A server that is silent is said, with what it was asked and for how long it is waited for."""
        monkeypatch.setattr("analysis.cli.progress.EVERY", 0.005)
        monkeypatch.setattr("learning.runs.traffic.SILENT", 0.0)
        with serving(lambda call: None, models=[{"id": "[/b]"}]) as server, pytest.raises(SystemExit):
            monkeypatch.setattr(
                sys, "argv", ["moloch", "llm", "check", server.url, "--set", "serving.server={timeout: 0.4, patience: 0.3}"]
            )  # fmt: skip
            main()
        lines = capsys.readouterr().err.splitlines()
        assert any(line == f"asking {server.url}: chat; no answer for 0 s of at most 0.4 s" for line in lines), lines[
            -5:
        ]
        assert lines[-1].startswith("moloch: 127.0.0.1") and "timeout" in lines[-1]

    @pytest.mark.parametrize("terminal", [True, False])
    def test_a_message_breaks_at_words(self, monkeypatch, terminal):
        """In a terminal; elsewhere it stays one line."""
        out, message = io.StringIO(), f"  a message: {'Have a look for yourself. ' * 5}".rstrip()
        console = _plain_console()(file=out, force_terminal=terminal, color_system=None, width=80)
        monkeypatch.setattr("analysis.cli.progress.stderr", lambda: console)
        with progress("", lambda now: [message]) as tell:
            tell(Progress(done=1, total=4, doing=""))
        shown = [line for line in out.getvalue().splitlines() if "look" in line or "yourself" in line]
        assert " ".join(" ".join(shown).split()).endswith(message.strip()) and len(shown) == (2 if terminal else 1)

    def test_in_a_terminal(self, monkeypatch):
        """Below the bar, also within a step."""
        from rich.console import Console

        from analysis.cli import progress as module

        out, answered = io.StringIO(), [6]
        monkeypatch.setattr(module, "stderr", lambda: Console(file=out, force_terminal=True, width=150))
        monkeypatch.setattr(module, "LOOK", 0.0)
        with progress() as report:
            report(Progress(1, 2, "writing", lambda: Traffic(answered=answered[0], planned=9)))
            answered[0] = 8
        assert "1/2" in out.getvalue() and "8 of 9 calls answered" in out.getvalue()
