"""The widget's Python half: what it holds, what it sends, what it refuses."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from moloch.errors import InputError
from moloch.extras import how_to_get


@pytest.fixture
def widget() -> Any:
    """The widget's module."""
    pytest.importorskip("anywidget", reason="the ui extra is not installed")
    from analysis.ui.graph import widget

    return widget


PLACES = [[-1, 0], [0, 1], [1, 0], [0, -1]]
TIES = [[0, 1], [1, 2], [2, 3]]


@pytest.fixture
def graph(widget) -> Any:
    """Four members over three frames; messages to the browser are kept in ``sent``, and updates of traits in ``updates``."""
    made = widget.DiffusionGraph(
        PLACES, TIES, np.zeros((3, 4), int), palette=widget.categories("ab"), names=list("wxyz")
    )
    made.sent, made.updates = [], []

    def wire(data: Any, buffers: Any = None, **_: Any) -> None:
        raw = [bytes(buffer) for buffer in buffers or []]
        if data["method"] == "custom":
            made.sent.append((data["content"], raw))
        else:
            made.updates.append((data["state"], raw))

    made.comm.send = wire
    return made


class TestConstruction:
    """Arrays go in as people have them, and out as the contract says."""

    def test_buffers_are_as_documented(self, graph):
        """Little-endian, in C order."""
        assert np.frombuffer(graph.places, "<f4").reshape(-1, 2).tolist() == PLACES
        assert np.frombuffer(graph.ties, "<u4").reshape(-1, 2).tolist() == TIES
        assert len(graph.fills) == 12 and graph.outlines == b"" and graph.communities == b""
        assert graph.total == 3 and graph.frames == [{"step": 0}, {"step": 1}, {"step": 2}]

    def test_a_graph_alone_is_enough(self, widget):
        """One frame, one colour."""
        made = widget.DiffusionGraph(PLACES)
        assert (made.total, made.t, len(made.palette), made.note) == (1, 0, 1, "")

    def test_a_sample_of_ties_is_said(self, widget):
        """In the note, after the caller's."""
        made = widget.DiffusionGraph(PLACES, TIES, most_ties=2, note="Epoch 1 only")
        assert made.note == "Epoch 1 only · Showing 2 of 3 ties" and len(made.ties) == 16

    def test_many_names_stay_here(self, widget):
        """Until they are asked for."""
        n = widget.NAMES_SENT + 1
        made = widget.DiffusionGraph(np.zeros((n, 2)), names=[f"m{i}" for i in range(n)])
        assert made.names == [] and made.lazy_names

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"fills": [[0, 1, 2, 0]]}, "fills"),
            ({"outlines": [[0, 0, 0, 0]] * 2}, "outlines of 2 frames, fills of 1"),
            ({"t": 1}, "no frame 1"),
            ({"names": ["a"]}, "1 names for 4"),
            ({"frames": ["a", "b"]}, "2 labels for 1"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, widget, given, said):
        """With one clear error."""
        with pytest.raises(InputError, match=said):
            widget.DiffusionGraph(PLACES, palette=widget.categories("ab"), **given)

    @pytest.mark.parametrize(
        ("name", "value"), [("t", 3), ("t", -1), ("selected", 4), ("speed", 0.0), ("theme", "pink")]
    )
    def test_a_trait_keeps_its_range(self, graph, name, value):
        """And the old value stays."""
        import traitlets

        before = getattr(graph, name)
        with pytest.raises(traitlets.TraitError):
            setattr(graph, name, value)
        assert getattr(graph, name) == before


class TestAppend:
    """Frames are added while a run is followed."""

    def test_only_new_frames_are_sent(self, graph):
        """In one message, with two buffers."""
        graph.append([0, 1, 1, 0], [{"epoch": 1}], marks=[{"t": 3, "kind": "epoch", "label": "Epoch 1"}])
        content, buffers = graph.sent[0]
        assert content == {
            "type": "frames", "from": 3, "frames": [{"epoch": 1}], "marks": [{"t": 3, "kind": "epoch", "label": "Epoch 1"}],
        }  # fmt: skip
        assert buffers == [bytes([0, 1, 1, 0]), b""] and len(graph.sent) == 1
        assert graph.updates == [({"total": 4}, [])]

    def test_a_page_that_comes_later_gets_everything(self, graph):
        """The traits hold what was appended."""
        graph.append([[0, 1, 1, 0], [1, 1, 1, 1]])
        state = graph.get_state()
        assert bytes(state["fills"])[12:] == bytes([0, 1, 1, 0, 1, 1, 1, 1])
        assert state["total"] == 5 and state["frames"][3:] == [{"step": 3}, {"step": 4}]

    def test_nobody_is_moved(self, graph):
        """t stays where the user left it."""
        graph.t = 1
        graph.append([0, 1, 1, 0])
        assert graph.t == 1

    @pytest.mark.parametrize(
        "given", [{"fills": [0, 1]}, {"fills": [0, 0, 0, 9]}, {"fills": [0] * 4, "outlines": [1] * 4}]
    )
    def test_what_does_not_fit_changes_nothing(self, graph, given):
        """Members, palette, outlines."""
        with pytest.raises(InputError):
            graph.append(**given)
        assert graph.total == 3 and len(graph.fills) == 12 and graph.sent == []


class TestShow:
    """Other frames may be shown on the same graph."""

    def test_frames_are_replaced(self, graph):
        """Also by fewer, where t lay beyond."""
        graph.t = 2
        graph.show([[1, 1, 1, 1]], ["only"])
        assert (graph.total, graph.t, graph.frames, graph.fills) == (1, 0, [{"label": "only"}], b"\1\1\1\1")


class TestMessages:
    """Questions of a view are answered; anything else is left alone."""

    def test_missing_frames_are_sent_again(self, graph):
        """From where the view is."""
        graph._answer(graph, {"type": "frames", "from": 1}, [])
        content, buffers = graph.sent[0]
        assert (content["from"], len(content["frames"]), len(buffers[0])) == (1, 2, 8)

    def test_names_are_given_by_row(self, graph):
        """Rows that are nobody's are left out."""
        graph._answer(graph, {"type": "names", "rows": [2, 99, -1, "0", 0]}, [])
        assert graph.sent == [({"type": "names", "names": [[2, "y"], [0, "w"]]}, [])]

    @pytest.mark.parametrize(("text", "row"), [("Y", 2), ("nobody", -1), ("  ", -1)])
    def test_somebody_is_found_by_name(self, graph, text, row):
        """In any case."""
        graph._answer(graph, {"type": "find", "text": text}, [])
        assert graph.sent == [({"type": "found", "row": row}, [])]

    def test_the_webgl_module_comes_as_text(self, graph):
        """So that it needs no address."""
        graph._answer(graph, {"type": "module", "name": "webgl"}, [])
        assert graph.sent[0][0]["text"].startswith("/* sources sha256:")

    @pytest.mark.parametrize(
        "content",
        [None, [], {"type": "module", "name": "../../etc/passwd"}, {"type": "frames", "from": 99}, {"type": "names"}],
    )
    def test_what_is_no_question_is_left_alone(self, graph, content):
        """Whatever a page sends."""
        graph._answer(graph, content, [])
        assert graph.sent == []


def test_without_the_extra_one_error_says_what_to_install():
    """And the pure functions still work."""
    code = (
        "import sys; sys.modules['anywidget'] = None\n"
        "from analysis.ui.graph import categories\n"
        "from moloch.errors import InputError\n"
        "try:\n    from analysis.ui.graph import DiffusionGraph\n"
        "except InputError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert how_to_get("ui") in done.stdout


def test_the_front_door_brings_no_widget():
    """Names are loaded when they are used."""
    code = "import analysis.ui.graph, sys; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"anywidget", "ipywidgets", "traitlets", "numpy"} & set(done.stdout.split())


class TestClosing:
    """A widget that is closed holds nothing of what it drew."""

    def test_it_lets_go(self, graph):
        """Buffers, labels and names are given up, and nobody listens any more; closing twice is closing."""
        heard = []
        graph.observe(heard.append, "total")
        graph.close()
        graph.close()
        assert graph.places == graph.ties == graph.fills == graph.outlines == b""
        assert graph.frames == graph.names == graph._names == [] and graph.total == 0 and heard == []
        assert graph.layout.comm is None  # its layout, which holds on to the view in a browser, is closed too
