"""``moloch ui`` says what is missing before it serves anything."""

from __future__ import annotations

import socket
import sys

import pytest

from analysis.cli.ui import checked
from analysis.ui import server
from moloch.errors import InputError


class TestRuns:
    """Runs are checked first."""

    def test_nothing_of_that_name(self, tmp_path):
        """A folder that is not there, or that holds no run, is named."""
        for path in (tmp_path / "gone", tmp_path):
            with pytest.raises(InputError, match=r"no run.*json|no run.*nothing of that name"):
                checked([path])

    def test_a_folder_of_runs_will_do(self, tmp_path):
        """A study's folder stands for its runs."""
        for name in ("s1", "s2"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "run.json").write_text("{}")
        assert checked([tmp_path]) == [tmp_path / "s1", tmp_path / "s2"]

    def test_none_anywhere(self, tmp_path, monkeypatch):
        """Without arguments there have to be runs in ./runs."""
        monkeypatch.chdir(tmp_path)
        with pytest.raises(InputError, match="moloch run"):
            checked([])


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
        with pytest.raises(InputError, match=r"pip install 'moloch-abm\[ui\]'"):
            server._pages()
