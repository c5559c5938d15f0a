"""What a run's report promises: one file that needs nothing else, whose numbers lead to their rows and events."""

from __future__ import annotations

import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from abm.events import ContestDecided
from abm.log import open_log
from analysis.cli.app import app
from analysis.reports import FORMATS, report
from analysis.reports.document import Board, Code, Document, Prose, Transcript
from analysis.reports.html import html
from analysis.reports.run_report import run_report
from analysis.reports.svg import SVG, inline_svg
from learning import RunConfig
from moloch.errors import InputError
from tests.analysis.reports.runs import ANCHORS, HOSTILE, PEOPLE, write_run


class Page(HTMLParser):
    """A page as a browser would take it: elements, ids, links, texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"a handler {name}"
            if name == "id":
                self.ids.append(value or "")
            elif name in ("href", "src"):
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("reports") / "run")


@pytest.fixture(scope="module")
def made(run: Path) -> Document:
    return run_report(run)


@pytest.fixture(scope="module")
def page(made: Document) -> Page:
    return Page(html(made))


def written(run: Path, form: str = "html") -> str:
    """Return a report without figures, which take most of its time."""
    return FORMATS[form](run_report(run))


class TestPage:
    """One file of HTML."""

    def test_asks_for_nothing(self, made, page):
        """No script, no style sheet, no picture of elsewhere; links stay in the page, and a policy forbids the rest."""
        assert not {"script", "link", "iframe", "object", "img", "form"} & set(page.tags)
        assert page.links and all(link.startswith("#") for link in page.links)
        assert "default-src 'none'" in html(made)

    def test_every_link_leads_somewhere(self, page):
        """Each place that is linked to is there, once."""
        assert {link[1:] for link in page.links} <= set(page.ids)
        assert len(page.ids) == len(set(page.ids))

    def test_landmarks(self, made, page):
        """Title, language, landmarks, one heading of the first order."""
        assert {"main", "nav", "header", "title"} <= set(page.tags) and page.tags.count("h1") == 1
        assert '<html lang="en">' in html(made)

    def test_answer_first(self, page):
        """The answer stands before everything else, and says what it is no evidence of."""
        assert page.text.index("rft (rejection fine-tuning) wins") < page.text.index(
            "Trainings" if "Trainings" in page.text else "arena"
        )
        assert "Not evidence about real LLMs" in page.text

    def test_equal_logs_give_equal_bytes(self, run, made):
        """Nothing of a report is of the moment in which it was written."""
        assert html(run_report(run)) == html(made)


class TestNumbers:
    """Every number can be followed to its rows, and from there to events."""

    def test_sentences_lead_to_their_numbers(self, made):
        """Each sentence of the answer links to cells of tables."""
        anchors = {
            cell.anchor
            for section in made.sections
            for block in section.blocks
            if isinstance(block, Board)
            for line in block.lines
            for cell in line.cells
        }
        answered = [block for block in made.sections[0].blocks if isinstance(block, Prose) and block.links]
        assert len(answered) == 2 and {link.href[1:] for block in answered for link in block.links} <= anchors

    def test_rows_are_those_of_the_log(self, run, made):
        """An arm's contests are all there, each with the event that decided it, and their sum is the win rate."""
        (rows,) = [section for section in made.sections if section.anchor == "rows"]
        decided = {event.seq: event for event in open_log(run, write=False).read() if isinstance(event, ContestDecided)}
        rft = next(block for block in rows.blocks if isinstance(block, Board) and block.caption == "Contests of rft")
        assert len(rft.lines) == ANCHORS
        for line in rft.lines:
            event = decided[int(line.cells[-1].text)]
            assert event.contest.startswith("evaluate/1/rft/") and str(event.votes[1]) == line.cells[1].text
        won = sum(event.votes[1] for event in decided.values() if "/rft/" in event.contest)
        assert f"{won} of {ANCHORS * PEOPLE} votes ({100 * won / (ANCHORS * PEOPLE):.1f} %)" in rft.note

    def test_transcripts_are_drawn_and_worst(self, run, made):
        """Both kinds stand there and say which they are; the draw is the same each time, and worst ones are those that probes found most in."""
        (section,) = [each for each in made.sections if each.anchor == "transcripts"]
        shown = [block for block in section.blocks if isinstance(block, Transcript)]
        drawn = [each for each in shown if each.why.startswith("Drawn at random")]
        worst = [each for each in shown if "not representative" in each.why]
        assert len(drawn) == 4 and len(worst) == 4 and len(shown) == 8
        assert all(any(span.mark == "strategy" for span in each.messages[1].pieces) for each in worst)
        assert [each.command for each in shown] == [
            block.command for block in run_report(run).sections[6].blocks if isinstance(block, Transcript)
        ]

    def test_what_is_pasted_makes_it_again(self, tmp_path):
        """The settings of the report are those of the run, whatever was set."""
        run = write_run(tmp_path / "run", settings={"seed": 7, "arena": "elections", "epochs": 3, "lora": {"lr": 1e-3}})
        (code,) = [block for section in run_report(run).sections for block in section.blocks if isinstance(block, Code)]
        settings = code.text.partition("\n")[2].partition("END_OF_SETTINGS\n")[0]
        assert set(yaml.safe_load(settings)) == {"arms", "seed", "arena", "epochs", "lora"}
        again = RunConfig.model_validate(yaml.safe_load(settings)).model_dump(mode="json")
        assert again == open_log(run, write=False).config
        assert shlex.split(code.text.splitlines()[-1]) == ["moloch", "run", "settings.yaml", "--out", "again"]


class TestHostile:
    """What models, people and files say is text, in every form."""

    @pytest.fixture(scope="class")
    def hostile(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return write_run(tmp_path_factory.mktemp("hostile") / "run", text=HOSTILE)

    def test_html(self, hostile):
        """No element, link or handler comes of it, and all letters are shown but those that nobody can see."""
        text = written(hostile)
        page = Page(text)
        assert not {"script", "img"} & set(page.tags) and all(link.startswith("#") for link in page.links)
        assert "<script>alert(1)</script> \\input{x}" in page.text and "&amp;amp;" in text
        assert "\u202e" not in text and "\x00" not in text

    def test_markdown(self, hostile):
        """No picture, no link, no element; a table's rows have as many cells as its head."""
        text = written(hostile, "md")
        assert not re.search(r"(?<!\\)!\[", text.replace("!\\[", "")) and not re.search(r"(?<!\\)<script", text)
        tables = [line for line in text.splitlines() if line.startswith("| ")]
        assert tables and all(
            len(re.findall(r"(?<!\\)\|", line)) == len(re.findall(r"(?<!\\)\|", tables[i - 1]))
            for i, line in enumerate(tables)
            if tables[i - 1].startswith("| ---")
        )

    def test_latex(self, hostile):
        """No command of it is left, and every sign is one that any LaTeX has."""
        text = written(hostile, "latex")
        assert "\\input" not in text and "\\textbackslash{}input\\{x\\}" in text and "[U+1F600]" in text
        assert all(sign < "\u0250" for sign in text) and text.isprintable() is False and "\x00" not in text

    def test_a_drawing_holds_no_script(self):
        """A figure's ids are its own in the page; scripts and requests are refused, what it says is not."""
        head = f'<svg xmlns="{SVG}">'
        svg = f'<?xml version="1.0"?>{head}<path id="a"/><use href="#a" clip-path="url(#a)"/><text>based one = url(x)</text></svg>'
        inside = '<path id="f-a" /><use href="#f-a" clip-path="url(#f-a)" /><text>based one = url(x)</text></svg>'
        assert inline_svg(svg, "f") == f"{head}{inside}"
        for bad in (
            "<script/>",
            '<use href="http://x/y"/>',
            '<g onload="x"/>',
            "<style>@import 'x'</style>",
            '<g style="fill:url(x)"/>',
        ):
            with pytest.raises(ValueError, match="no script"):
                inline_svg(f"{head}{bad}</svg>", "f")


class TestCommand:
    """``moloch report``."""

    @pytest.mark.system
    def test_writes_the_form_that_the_name_asks_for(self, run, tmp_path):
        """HTML, Markdown or LaTeX by the name's end, or as --format says; --json says where it is."""
        call = CliRunner().invoke
        for name, begins in (("r.html", "<!doctype html>"), ("r.md", "# sales"), ("r.tex", "\\documentclass")):
            done = call(app, ["report", str(run), "--out", str(tmp_path / name), "--json"])
            assert json.loads(done.stdout)["report"] == str(tmp_path / name)
            assert (tmp_path / name).read_text("utf-8").startswith(begins)
        call(app, ["report", str(run), "--out", str(tmp_path / "x"), "--format", "md"])
        assert (tmp_path / "x").read_text("utf-8").startswith("# ")

    @pytest.mark.system
    def test_mistakes(self, run, tmp_path):
        """One clear error for a form that is none, and for a place that cannot be written."""
        with pytest.raises(InputError, match="no form 'pdf'"):
            report(run, "pdf")
        (tmp_path / "file").write_text("")
        done = CliRunner().invoke(app, ["report", str(run), "--out", str(tmp_path / "file" / "r.html")])
        assert isinstance(done.exception, InputError) and "cannot be written" in str(done.exception)
