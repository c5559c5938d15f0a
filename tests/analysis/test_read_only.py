"""Reading a run never needs to write: not to its folder, and not to a home."""

from __future__ import annotations

import subprocess

import networkx as nx
import pytest

from abm.log import open_log, verify
from abm.log.about import about
from abm.log.export import export
from abm.log.projection import reactions, scan
from abm.state.snapshots import state_at
from analysis.cli.replay import replay
from analysis.readings.graphs import audience_graph
from moloch import open_run
from tests.learning.test_loop import NETWORKED, carry_out
from tests.support.command import command


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of several segments on a file system that takes no writes, where the home is too."""
    monkeypatch.setattr("abm.log.writer.SEAL_EVENTS", 60)
    folder = tmp_path / "disk"
    carry_out(folder / "run", NETWORKED)
    for how in (["--bind", folder, folder], ["-o", "remount,ro,bind", folder]):
        if subprocess.run(["mount", *map(str, how)], capture_output=True, check=False).returncode:
            pytest.skip("mounting a file system needs rights that this machine does not give")
    try:
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
        with pytest.raises(OSError):
            (folder / "run" / "LOCK").touch()
        yield folder / "run"
    finally:
        subprocess.run(["umount", str(folder)], check=False)


@pytest.mark.system
def test_every_way_of_reading(run, tmp_path, monkeypatch, capsys):
    """Commands, tables, columns, states and graphs."""
    assert about(run).segments > 1
    head = verify(run)
    assert scan(run).collect().height == head.seq
    assert reactions(open_log(run, write=False).scan()).collect().height
    assert state_at(run).step > 0
    assert isinstance(audience_graph(run, "evaluate"), nx.DiGraph)
    assert str(open_run(run).results())
    assert open_run(run).frame("votes").collect().height
    assert export(run, "parquet", tmp_path / "out")["reacted"]
    replay(run, verify=True)
    assert "verified" in capsys.readouterr().out
    assert command(monkeypatch, capsys, "show")(run).code == 0
