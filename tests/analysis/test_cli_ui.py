"""``moloch ui`` says what is missing before it serves anything."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from analysis.cli.ui import STARTS, checked, first_page, ui
from analysis.ui import server
from analysis.ui.key import VARIABLE
from moloch.errors import InputError, NoRun
from moloch.extras import how_to_get


class TestRuns:
    """Runs are checked first."""

    def test_nothing_of_that_name(self, tmp_path):
        """A folder that is not there, or that holds no run, is named."""
        for path in (tmp_path / "gone", tmp_path):
            with pytest.raises(NoRun, match=r"no run here: there is no(thing of that name| run\.json)"):
                checked([path])

    def test_a_folder_of_runs_will_do(self, tmp_path):
        """It is watched: runs that come later are shown, too."""
        for name in ("s1", "s2"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "run.json").write_text("{}")
        assert checked([tmp_path, tmp_path / "s1"]) == ([tmp_path / "s1"], [tmp_path])

    def test_none_anywhere(self, tmp_path, monkeypatch):
        """Without arguments there have to be runs in ./runs."""
        monkeypatch.chdir(tmp_path)
        with pytest.raises(InputError, match="moloch run"):
            checked([])


class TestFirstPage:
    """The pages open on what was named."""

    def test_one_run_or_study_opens_itself(self, tmp_path):
        """By the key that the list has for it; several, or a folder of runs, open on the list."""
        for name in ("a&b", "second", "study/study-log", "study/cells/c1"):
            (tmp_path / name).mkdir(parents=True)
            (tmp_path / name / "run.json").write_text("{}")
        run, study = tmp_path / "a&b", tmp_path / "study"
        assert first_page([run], *checked([run])) == "run=a%26b"
        assert first_page([study], [], [study]) == "study=study"
        assert first_page([tmp_path], [], [tmp_path]) == first_page([run, study], [run], [study]) == ""


class TestPort:
    """A port that is taken is refused in one sentence."""

    def test_taken(self):
        """The port, the reason and what to do are named; nothing is served."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(InputError, match=f"port {port}.*in use.*--port"), server.bound(port):
                pass

    def test_any(self):
        """0 takes one that is free, on loopback."""
        with server.bound(0) as listening:
            host, port = listening.getsockname()
            assert host == "127.0.0.1" and port > 0


class TestExtra:
    """Without the extra the command says how to get it."""

    def test_missing(self, monkeypatch):
        """No traceback of an import."""
        monkeypatch.setitem(sys.modules, "anywidget", None)
        monkeypatch.setattr(server.warnings, "filterwarnings", lambda *args, **kwargs: None)
        with pytest.raises(InputError, match="the ui extra is not installed. " + re.escape(how_to_get("ui"))):
            server._pages()


class TestToken:
    """The token is in the printed address, and nowhere where another user could read it."""

    @pytest.fixture
    def started(self, tmp_path, monkeypatch, capsys):
        """Return what starts the pages without serving them: the token they have, what the browser opens, and what is printed."""
        (tmp_path / "run.json").write_text("{}")
        monkeypatch.delenv(VARIABLE, raising=False)

        def start(**options) -> tuple[str, str, str, str]:
            tokens, opened = [], []

            def serve(runs, *, token, ready, **more):
                tokens.append(token)
                ready("http://127.0.0.1:1/")

            def browse(url):
                opened.append(unquote(Path(urlsplit(url).path).read_text()) if url.startswith("file:") else url)

            monkeypatch.setattr(server, "serve", serve)
            monkeypatch.setattr("webbrowser.open", browse)
            ui([tmp_path], **({"port": 0, "browser": True, "llm": "", "token": True} | options))
            printed = capsys.readouterr()
            return tokens[0], opened[0] if opened else "", printed.out, printed.err

        return start

    def test_it_is_printed_and_opened(self, started):
        """The browser is led there by a file, since all users see the arguments of a command."""
        token, opened, out, err = started()
        assert f"http://127.0.0.1:1/?token={token}&run=" in out and err.strip() == STARTS
        assert f"url=http://127.0.0.1:1/?token={token}&amp;run=" in opened and opened.startswith("<!doctype html>")

    def test_one_of_ones_own_is_not_printed(self, started, monkeypatch):
        """A secret of the environment gets into no file that output goes to; its name says which it is."""
        monkeypatch.setenv(VARIABLE, "a-secret-of-my-own")
        token, opened, out, err = started()
        assert token == "a-secret-of-my-own" and token in opened and token not in out + err
        assert "http://127.0.0.1:1/?token=$MOLOCH_UI_TOKEN&run=" in out

    @pytest.mark.parametrize("llm", ["", "http://127.0.0.1:9/v1"])
    def test_none_only_with_a_warning(self, started, llm):
        """Which says what every user of the machine can do then."""
        token, opened, out, err = started(token=False, llm=llm)
        assert token == "" and opened.startswith("http://127.0.0.1:1/?run=") and "token" not in out
        assert "every user of this machine can read these runs" in err and ("at your cost" in err) == bool(llm)
        assert len(err.strip().splitlines()) == 2

    def test_it_says_what_it_does_first(self, tmp_path, monkeypatch, capsys):
        """Before what pages are made of is loaded, which takes seconds; what is refused is answered by its error alone."""
        with pytest.raises(NoRun, match="no run here"):
            ui([tmp_path / "nothing"], port=0, browser=False, llm="", token=True)
        assert capsys.readouterr().err == ""
        run = tmp_path / "run"
        run.mkdir()
        (run / "run.json").write_text("{}")
        monkeypatch.setattr("analysis.cli.ui.first_page", lambda *given: pytest.exit("looked", 1))
        with pytest.raises(pytest.exit.Exception, match="looked"):
            ui([run], port=0, browser=False, llm="", token=True)
        assert capsys.readouterr().err.strip() == STARTS

    def test_nothing_is_left(self, started, tmp_path, monkeypatch):
        """The page that led the browser in is gone when the pages are."""
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        started()
        assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
