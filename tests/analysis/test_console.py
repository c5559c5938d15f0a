"""What commands print is text: whatever a model or a file says, the terminal shows it and does not obey."""

from __future__ import annotations

import io
import sys

import pytest
from rich.table import Table
from rich.text import Text

from analysis.cli import main
from analysis.cli.console import Speed, _plain_console, progress, say

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
        from learning import Progress

        with progress("[/b] ") as report:
            report(Progress(1, 2, "[/nothing]"))

    def test_how_fast_models_write(self):
        """Tokens of this step and their rate at the last token; what follows it takes no time from it."""
        tokens, now = [500], [10.0]
        speed = Speed(lambda: tokens[0], lambda: now[0])
        assert str(speed) == ""
        for tokens[0], now[0], said in [
            (500, 12.0, ""),
            (1_700, 14.0, "1,200 tokens, 300/s"),
            (1_700, 99.0, "1,200 tokens, 300/s"),
            (1_650, 99.5, "1,200 tokens, 300/s"),
            (3_500, 110.0, "3,000 tokens, 30/s"),
        ]:
            assert str(speed) == said

    def test_a_runs_bar_shows_it(self, monkeypatch):
        """Within a step, in a terminal, while the model works."""
        from rich.console import Console

        from analysis.cli import console
        from learning import Progress

        out = io.StringIO()
        monkeypatch.setattr(console, "stderr", lambda: Console(file=out, force_terminal=True, width=150))
        tokens = [7]
        with progress() as report:
            report(Progress(1, 2, "writing", lambda: tokens[0]))
            tokens[0] = 1_241
        assert "1,234 tokens, " in out.getvalue()

    def test_errors(self, capsys, monkeypatch, tmp_path):
        """A mistake is one line, also where it quotes a name."""
        monkeypatch.setattr(sys, "argv", ["moloch", "show", str(tmp_path / "\x1b[2Jno\nrun")])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().err
        assert ended.value.code != 0
        assert said.count("\n") == 1 and "\x1b" not in said and "[2Jno run" in said
