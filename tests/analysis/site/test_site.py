"""A site: the same log gives the same pages, every link leads somewhere, numbers are those of the answer, nothing is outside of it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from abm.log import read_events, verify
from analysis.answers import answer
from analysis.cli.app import app
from analysis.site import write_site
from analysis.site.folder import MARK, write_folder
from analysis.site.links import SiteLinks
from analysis.site.run_pages import RunSite
from analysis.site.sources import read_source
from analysis.site.writer import graph_script
from analysis.studies.findings.results import study_results
from analysis.tables.results import results
from analysis.ui.address import PageAddress
from analysis.ui.data.doors import event_url, message_url, rows_url
from moloch.errors import CorruptLog, InputError
from tests.analysis.reports.runs import HOSTILE
from tests.analysis.site.runs import hostile, networked, study
from tests.analysis.studies import small


class Read(HTMLParser):
    """What a page says and where it leads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links, self.ids, self.text, self.tags = [], set(), [], set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.add(tag)
        self.ids |= {given["id"]} if "id" in given else set()
        self.links += [given[name] for name in ("href", "src") if name in given]

    def handle_data(self, data):
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return networked(tmp_path_factory.mktemp("runs") / "networked")


@pytest.fixture(scope="module")
def site(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sites") / "site"
    write_site(run, folder)
    return folder


@pytest.fixture(scope="module")
def of_study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    write_site(study(folder / "declared"), folder / "site")
    return folder / "site"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.system
class TestPages:
    """The pages of a run."""

    @pytest.mark.parametrize("of", ["site", "of_study"])
    def test_every_link_leads_somewhere(self, of, request):
        """To a file of the site, and to a place in it; filters and societies are no places."""
        folder = request.getfixturevalue(of)
        pages = {path: Read(path) for path in folder.rglob("*.html")}
        for path, page in pages.items():
            for link in page.links:
                file, _, place = link.partition("#")
                there = (path.parent / unquote(file)).resolve() if file else path
                assert there.is_file() and there.is_relative_to(folder.resolve()), f"{path.name}: {link}"
                assert not place or "=" in place or unquote(place) in pages[there].ids, f"{path.name}: {link}"

    def test_the_same_log_gives_the_same_bytes(self, run, site, tmp_path):
        """And none of them names where it was."""
        write_site(run, tmp_path / "again")
        assert files(tmp_path / "again") == files(site)
        assert not [name for name, content in files(site).items() if str(run.parent).encode() in content]

    def test_numbers_and_sentences_are_those_of_the_answer(self, run, site):
        """With the head of the log, and what makes the run again."""
        page = Read(site / "index.html")
        words = re.sub(r"--like \S+", "--like RUN", page.words)  # the page's commands name this run
        for sentence in answer(results(read_events(run))):
            assert " ".join(sentence.text.split()) in words
        assert verify(run).hash in page.words and "moloch run settings.yaml" in page.words

    @pytest.mark.parametrize("page", ["index.html", "training.html", "probes.html"])
    def test_one_society_has_no_interval(self, site, page):
        """And no heading or caption of one."""
        assert "95 %" not in Read(site / page).words

    def test_hostile_texts_stay_text(self, tmp_path):
        """Each is on its page, letter by letter but for signs that HTML has no place for; none is an element or an address."""
        write_site(hostile(tmp_path / "run"), tmp_path / "site")
        pages = {path: Read(path) for path in (tmp_path / "site").rglob("*.html")}
        shown = " ".join(re.sub("[\u202e\x00]", "\ufffd", HOSTILE).split())
        assert sum(shown in page.words for page in pages.values()) >= 12
        for page in pages.values():
            assert page.tags.isdisjoint({"img", "iframe", "object", "embed", "base"})
            assert not [link for link in page.links if "://" in link or link.startswith("javascript")]

    def test_what_has_no_room_is_left_out_and_named(self, run):
        """Pages of contests come as far as there is room, evaluations first; the table has them all, and the first page says so."""
        made = RunSite(read_source(run, "run"), 80_000)
        written = dict(made.files())
        pages = [name for name in written if name.startswith("contests/")]
        assert 0 < len(pages) < written["contests.html"].count(b"data-phase")
        assert b"Evaluation" in written[pages[0]]
        assert any("no page, for lack of space" in line for line in made.left_out)
        assert all(line.encode() in written["index.html"] for line in made.left_out if "’" not in line)

    def test_a_run_without_a_result(self, tmp_path):
        """What there is of it is shown, and what is missing."""
        made = small_log(tmp_path / "begun")
        write_site(made, tmp_path / "site")
        assert "No result yet" in Read(tmp_path / "site" / "index.html").words


def small_log(folder: Path) -> Path:
    """Return a run that has only begun."""
    from abm.log import create
    from learning import RunConfig
    from tests.analysis.factory import setup

    config = RunConfig.model_validate({"arms": ["rft", "placebo"]}).model_dump(mode="json")
    with create(folder, config) as log:
        log.append(setup(3, 3, ["rft", "placebo"], config))
    return folder


@pytest.mark.system
class TestStudies:
    """The pages of a study."""

    def test_the_answer_the_cells_and_the_page(self, of_study):
        """With what was declared, and beneath it the sites of its cells."""
        page = Read(of_study / "index.html")
        cells = sorted(path.name for path in (of_study / "cells").iterdir())
        assert len(cells) == 4 and all(f"cells/{cell}/index.html" in page.links for cell in cells)
        assert "H1 (confirmatory" in page.words and "No deviation from what was declared" in page.words
        assert "question: Does winning cost honesty?" in page.words

    def test_sentences_are_those_of_its_results(self, tmp_path):
        folder = study(tmp_path / "declared")
        write_site(folder, tmp_path / "site", most_mb=2)
        page = Read(tmp_path / "site" / "index.html")
        for sentence in answer(study_results(folder).as_dict()):
            assert " ".join(sentence.text.split()) in page.words
        assert (
            not (tmp_path / "site" / "cells").exists()
            and "The pages of 4 cells that have ended are left out" in page.words
        )

    def test_effects_stay_hidden_until_its_end(self, tmp_path):
        """As everywhere; nothing is written."""
        from tests.analysis.reports.test_study_report import PAGE

        folder = tmp_path / "declared"
        small.carry_out(folder, small.plan(folder, PAGE)[:-1])
        with pytest.raises(InputError, match="--look"):
            write_site(folder, tmp_path / "site")
        assert not (tmp_path / "site").exists()


class TestFolder:
    """Where a site is written."""

    def test_replaces_a_site_and_nothing_else(self, tmp_path):
        """A folder of other files, or a file, is left as it is."""
        write_folder(tmp_path / "site", [("old.html", b"")], {})
        assert write_folder(tmp_path / "site", [("a/new.html", b"12")], {})[0] == 2
        assert sorted(files(tmp_path / "site")) == ["a/new.html", MARK]
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.txt").write_text("years")
        for target, why in ((tmp_path / "mine", "not empty"), (tmp_path / "mine" / "thesis.txt", "is a file")):
            with pytest.raises(InputError, match=why):
                write_folder(target, [("new.html", b"")], {})
        assert files(tmp_path / "mine") == {"thesis.txt": b"years"}

    def test_an_interruption_leaves_nothing(self, tmp_path):
        """Neither a half site nor a changed one."""

        def interrupted():
            yield "a.html", b"half"
            raise KeyboardInterrupt

        write_folder(tmp_path / "there", [("old.html", b"")], {})
        for target in (tmp_path / "new", tmp_path / "there"):
            with pytest.raises(KeyboardInterrupt):
                write_folder(target, interrupted(), {})
        assert sorted(files(tmp_path)) == ["there/old.html", f"there/{MARK}"]

    @pytest.mark.system
    def test_a_damaged_log_makes_no_site(self, tmp_path):
        run = networked(tmp_path / "run")
        log = sorted((run / "log").iterdir())[0]
        log.write_bytes(b"\0" * 40 + log.read_bytes()[40:])
        with pytest.raises(CorruptLog):
            write_site(run, tmp_path / "site")
        assert not (tmp_path / "site").exists()


class TestLinks:
    """Which page shows what an address of ``moloch ui`` names."""

    def test_addresses(self):
        """A message is a place on its contest's page; rows of an evaluation are its contests; what is not there leads nowhere."""
        links = SiteLinks(
            {"evaluate/1": "contests/1.html"}, {7: "contests/1.html#m1"}, {"evaluate/1/1": "evaluate/rft/1"}
        )
        at = PageAddress(run="r")
        assert links.to(message_url(at, "evaluate/1", 1)) == "contests/1.html#m1"
        assert links.to(message_url(at, "evaluate/2", 1)) == links.to(event_url(at, 8)) == links.to("") == ""
        assert links.to(event_url(at, 7)) == "contests/1.html#m1"
        rows = rows_url(at, "verdicts", phase="evaluate", arm=("rft", "placebo"), epoch=2, probe="lies")
        assert links.to(rows) == "contests.html#phase=evaluate&arm=rft%7Cplacebo&epoch=2&probe=lies"
        graph = PageAddress(page="diffusion", fill="reach", contest="evaluate/1", slot=1).url
        assert links.to(graph) == "diffusion.html#society=evaluate%2Frft%2F1&message=evaluate%2F1%2F1"

    def test_the_widget_is_a_classic_script(self):
        """Pages that are opened from disk may not load modules."""
        script = graph_script("widget;")
        assert script.startswith("(() => {") and not re.search(r"^\s*(import|export)\b|export\{", script, re.MULTILINE)


@pytest.mark.system
class TestCommand:
    """``moloch pack RUN --site FOLDER``."""

    def test_says_what_it_wrote(self, run, tmp_path):
        done = CliRunner().invoke(app, ["pack", str(run), "--site", str(tmp_path / "out"), "--json"])
        told = json.loads(done.stdout)
        there = files(tmp_path / "out")
        assert told["site"] == str(tmp_path / "out") and told["head"] == verify(run).hash
        assert (told["files"], told["bytes"]) == (len(there), sum(map(len, there.values())))

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ([], "neither a file nor --site"),
            (["run.zip", "--site", "out"], "--site asks for a folder"),
            (["run.zip", "--site-mb", "3"], "no site was asked for"),
            (["--site", "out", "--adapters"], "neither logs nor adapters"),
        ],
    )
    def test_a_file_or_a_site(self, options, said, run, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        done = CliRunner().invoke(app, ["pack", str(run), *options])
        assert isinstance(done.exception, InputError) and said in str(done.exception)
        assert list(tmp_path.iterdir()) == []
