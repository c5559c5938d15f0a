"""Figures as files: the same bytes for the same log, letters inside, nothing fetched, and the numbers beside them."""

from __future__ import annotations

import base64
import io
import json
import re

import polars as pl
import pytest
from typer.testing import CliRunner

pytest.importorskip("matplotlib")
pytest.importorskip("altair")

from analysis.cli.app import app
from analysis.figures import FIGURES, draw, draw_all
from analysis.figures.files import write_file
from analysis.figures.style import drawing
from moloch.errors import InputError
from tests.analysis.figures import made_up


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_up.on_disk(tmp_path_factory.mktemp("figures") / "run")


class TestFiles:
    """Of one figure."""

    @pytest.mark.system
    def test_the_same_log_gives_the_same_bytes(self, folder):
        """In every format of matplotlib, and as a table."""
        formats = ("svg", "pdf", "png")
        (one,), (two,) = (draw_all(folder, formats, names=["positions"]) for _ in range(2))
        assert sorted(one.files) == ["csv", "pdf", "png", "svg"]
        assert one.files == two.files

    @pytest.mark.system
    def test_letters_stand_inside(self, folder):
        """Text as text, so that it is found; its letters as a font, so that it looks alike without it installed; of PDF likewise."""
        from fontTools.ttLib import TTFont

        (figure,) = draw_all(folder, ("svg", "pdf"), names=["positions"])
        svg = figure.files["svg"].decode()
        assert "shown first" in svg
        faces = re.findall(r"font-weight:(\w+);[^}]*base64,([^)]*)\)", svg)
        assert sorted(weight for weight, _ in faces) == ["bold", "normal"]
        normal = TTFont(io.BytesIO(base64.b64decode(dict(faces)["normal"])))
        assert set(map(ord, "shown first")) <= normal.getBestCmap().keys() and len(normal.getBestCmap()) < 80
        assert b"/FontFile2" in figure.files["pdf"] and b"CreationDate" not in figure.files["pdf"]

    @pytest.mark.system
    def test_a_users_own_settings_change_nothing(self, folder):
        """Of matplotlib."""
        import matplotlib as mpl

        (before,) = draw_all(folder, names=["positions"])
        with mpl.rc_context({"axes.grid": True, "font.size": 30}):
            (after,) = draw_all(folder, names=["positions"])
        assert before.files == after.files

    @pytest.mark.system
    def test_no_text_overlaps_another(self):
        """In any figure of several runs: labels, titles, numbers and legends stand apart."""
        subject = made_up.subject(3)
        for name in ("changes", "outcomes", "trade_off", "mitigations", "positions"):
            with drawing():
                figure = FIGURES.get(name).draw(FIGURES.get(name).content(subject))
                assert not _overlaps(figure), name

    def test_a_file_that_cannot_be_written(self, tmp_path):
        """Is one clear error."""
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="cannot be written"):
            write_file(tmp_path / "file" / "figure.svg", b"")


def _overlaps(figure):
    """Return pairs of texts that share some pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    beyond = {text for axes in figure.axes for text in _unseen(axes, renderer)}
    texts = [
        each
        for each in figure.findobj(Text)
        if each.get_visible() and each.get_text().strip("[] ") and each not in beyond
    ]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    return [(a, b) for i, (a, one) in enumerate(boxes) for b, two in boxes[i + 1 :] if _area(one, two) > 1]


def _unseen(axes, renderer):
    """Yield labels of ticks beyond an axis, which are not drawn."""
    for axis, low, high in ((axes.xaxis, "x0", "x1"), (axes.yaxis, "y0", "y1")):
        ends = axes.get_window_extent(renderer)
        for label in axis.get_ticklabels():
            box = label.get_window_extent(renderer)
            middle = (getattr(box, low) + getattr(box, high)) / 2
            if not getattr(ends, low) - 1 <= middle <= getattr(ends, high) + 1:
                yield label


def _area(one, two):
    """Return the square pixels that two boxes share."""
    wide = min(one.x1, two.x1) - max(one.x0, two.x0)
    high = min(one.y1, two.y1) - max(one.y0, two.y0)
    return max(0.0, wide) * max(0.0, high)


class TestFolder:
    """Of a run."""

    @pytest.mark.system
    def test_each_with_its_numbers_and_those_left_out_with_a_reason(self, folder, tmp_path):
        """A long table: every row has the ids of what it is about."""
        found = draw(folder, tmp_path, names=["changes", "epochs", "reach"])
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "changes.csv",
            "changes.svg",
            "epochs.csv",
            "epochs.svg",
        ]
        table = pl.read_csv(tmp_path / "epochs.csv")
        assert {"run", "cell", "seed", "epoch", "arm", "outcome", "value", "low", "high", "unit"} <= set(table.columns)
        assert found[2].left_out and found[2].frame is None and not found[2].files

    def test_the_command(self, folder, tmp_path):
        """Says which files there are, and what is left out."""
        done = CliRunner().invoke(
            app, ["figures", str(folder), "--only", "positions", "--only", "reach", "--out", str(tmp_path), "--json"]
        )
        assert done.exit_code == 0, done.output
        positions, reach = json.loads(done.stdout)["figures"]
        assert positions["files"] == [str(tmp_path / "positions.svg"), str(tmp_path / "positions.csv")]
        assert "networked" in reach["left_out"] and "Not evidence" in positions["caption"]

    def test_mistakes(self, folder):
        """A format or a figure that is not there."""
        with pytest.raises(InputError, match="gif"):
            draw_all(folder, ["gif"])
        with pytest.raises(InputError, match="mitigation"):
            draw_all(folder, names=["mitigation"])
