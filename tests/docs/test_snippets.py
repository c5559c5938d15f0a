"""Every command and snippet of the documentation runs as it stands.

Each page is read from top to bottom in a folder of its own: Python blocks share one namespace, commands run in this process.
What would take long is smaller here (:data:`SMALL`, :data:`SMALLER`), and what a page takes as given lies there
(:data:`STANDS_IN`, :mod:`tests.docs.files`): finished runs of the golden logs, a server of canned answers, files. A scripted
model writes and nothing is trained; the slow tests do the same with the pocket model. A block that cannot be run is marked
with the reason, and its ``moloch`` commands are held against the command line's options all the same.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from abm.events import CompetitorsJoined
from abm.llm import BACKENDS, Opening, ScriptedLLM
from abm.log import read_events
from analysis.cli import main
from analysis.cli.app import app
from tests.docs.files import lay_out
from tests.docs.parts import forgotten
from tests.docs.snippets import ROOT, Block, blocks, commands, moloch_commands, pages
from tests.support.fakes import FakeTrainer, reply
from tests.support.stub_server import stub_server

SMALL = {"train_anchors": 3, "held_out_anchors": 3, "train_personas": 3, "held_out_personas": 3, "epochs": 1}
"""Settings of every run that a page makes."""

SIZES = {
    "docs/tutorials/network.md": {"train_personas": 17, "held_out_personas": 17},
    "docs/learning.md": {"epochs": 2},
    "docs/markets.md": {"train_anchors": 12},
    "docs/surrogate.md": {"train_personas": 8, "held_out_personas": 8},
}
"""Other sizes where a page needs them: a graph names all of its people, a fork at an epoch has a second one, rivals share anchors, a fit needs votes."""

SMALLER = {
    "docs/commands.md": [("--at 3", "--at 1")],
    "docs/surrogate.md": [("crowd.size=1000000", "crowd.size=1000")],
    "docs/audience.md": [("range(40)", "range(2)"), ("draws=100", "draws=2")],
    "docs/out-of-domain.md": [("--at 24", "--at 3"), ("anchors: 64}", "anchors: 3}")],
    "docs/report.md": [("--event 13071", "--event 30")],
}
"""What is replaced in a page's blocks; each must occur."""

STANDS_IN = {
    "README.md": {"RUN": "elections-networked"},
    "docs/commands.md": {"RUN": "elections-networked", "ASKED": "elections-isolated"},
    "docs/conventions.md": {"RUN": "elections-isolated"},
    "docs/diffusion_graph.md": {"runs/networked": "social-networked"},
    "docs/figures.md": {"runs/first": "sales-isolated"},
    "docs/frames.md": {"runs/elections": "elections-isolated", "runs/other": "social-networked"},
    "docs/judging.md": {"runs/x": "sales-isolated", "runs/sales": "sales-isolated"},
    "docs/log.md": {"runs/elections": "elections-isolated", "runs/other": "social-isolated"},
    "docs/mesa.md": {"runs/elections": "elections-isolated"},
    "docs/report.md": {"runs/sales": "sales-isolated"},
    "docs/site.md": {"runs/elections": "elections-isolated"},
}
"""Runs that a page takes as given: the name there, and the golden run in its place."""

MADE = {
    "docs/measures.md": ["moloch run --arena elections --out runs/elections"],
    "docs/out-of-domain.md": ["moloch run beyond.yaml --set out_of_domain.anchors=3 --out runs/beyond"],
    "docs/surrogate.md": ["moloch run --out runs/asked"],
}
"""Commands that make what a page takes as given."""

WHOLE = ("README.md", "docs/commands.md", "docs/report.md", "docs/tutorials/network.md")
"""Pages whose commands make several runs or reports: seconds together."""

STUDIES = ("docs/tutorials/paper.md", "docs/tutorials/study.md")
"""Pages that carry a study out: its cells, processes of their own, write and learn at no cost (:mod:`tests.support.fast_cells`)."""
FAST = ("extensions: [tests.support.fast_cells]", "serving: {llm: fast}", "train_anchors: 3", "held_out_anchors: 3")
"""Settings of these cells."""

GOLDEN = ROOT / "tests" / "golden" / "runs"
POCKET = next(e.model_digest for e in read_events(GOLDEN / "sales-isolated") if isinstance(e, CompetitorsJoined))
OTHER_MODELS = ("docs/extending/arena.md",)
"""Pages whose commands the pocket model cannot serve: it knows the tags of the built-in arenas only."""
SHELL = ("sh", "bash")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server whose every answer chooses A."""
    with stub_server() as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    with forgotten():
        yield tmp_path


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function writes in the pocket model's place, and a trainer that learns nothing names adapters."""
    from learning.runs.objects import Objects

    def opened(opening: Opening) -> ScriptedLLM:
        llm = ScriptedLLM(reply, opening.model)
        llm.digest = POCKET
        return llm

    monkeypatch.setitem(BACKENDS._built_in, "transformers", opened)
    monkeypatch.setattr(Objects, "trainer_of", lambda *_: FakeTrainer())


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in pages() if page not in OTHER_MODELS])
def test_blocks_run_with_the_pocket_model(page, folder, server, monkeypatch):
    """Real completions, real adapters."""
    run_page(page, folder, server, monkeypatch)


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.system) if page in (*WHOLE, *STUDIES) else page for page in pages()]
)
@pytest.mark.usefixtures("scripted")
def test_blocks_run(page, folder, server, monkeypatch):
    """In the order of the page, and each ends well."""
    run_page(page, folder, server, monkeypatch)


def run_page(page: str, folder: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a page's blocks from top to bottom; runs that they make are small."""
    import learning

    carry_out, size = learning.run, SMALL | SIZES.get(page, {})

    @functools.wraps(carry_out)
    def small(*arguments: Any, **settings: Any) -> Any:
        given = next(iter(arguments), settings.get("config"))
        return carry_out(*arguments, **(settings if given is not None else settings | size))

    monkeypatch.setattr(learning, "run", small)  # moloch.run comes through it
    for name, golden in STANDS_IN.get(page, {}).items():
        shutil.copytree(GOLDEN / golden, folder / name)
    files = [block.code for block in blocks(page) if block.file]
    if page in STUDIES:
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        files = [fast(code) for code in files]
    lay_out(folder, files)
    for command in MADE.get(page, []):
        run_command(page, command.split(), server, monkeypatch, size)
    namespace: dict[str, Any] = {"__name__": "snippet"}
    for block in smaller(page):
        if block.not_run or block.file or block.language not in ("python", *SHELL):
            continue
        if block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile("\n" * block.line + block.code, str(ROOT / page), "exec"), namespace)
        else:
            for words in commands(block.code):
                run_command(block.where, words, server, monkeypatch, size)


@pytest.mark.parametrize("page", pages())
def test_languages_are_known(page):
    """A fence says what it holds, so that no block escapes by its name."""
    known = ("python", *SHELL, "console", "yaml", "json", "toml", "text", "")
    assert [block.where for block in blocks(page) if block.language not in known] == []
    unnamed = [block for block in blocks(page) if not block.language]
    assert [b.where for b in unnamed if b.code.lstrip().startswith(("moloch ", "import ", "from ", "$ "))] == []


@pytest.mark.parametrize("page", [*pages(), "CHANGELOG.md"])
def test_commands_exist(page):
    """Each command and option that a page names is one of the command line's, whether the page's block is run or not."""
    wrong = [f"{where}: {mistake}" for where, words in moloch_commands(page) for mistake in mistakes(words)]
    assert wrong == []


@pytest.mark.parametrize("page", [*pages(), "CHANGELOG.md"])
def test_files_and_targets_exist(page):
    """Each script, example and test that a page names is in the repository, and each ``make`` target in the Makefile."""
    text = (ROOT / page).read_text("utf-8")
    files = re.findall(r"(?<![\w/])(?:tests|examples|benchmarks)/[\w/]+\.(?:py|yaml|ipynb)\b", text)
    typed = "\n".join(block.code for block in blocks(page) if block.language in SHELL)
    targets = re.findall(r"`make ([a-z-]+)", text) + re.findall(r"^make ([a-z-]+)", typed, re.MULTILINE)
    phony = next(line for line in (ROOT / "Makefile").read_text("utf-8").splitlines() if line.startswith(".PHONY:"))
    assert [file for file in files if not (ROOT / file).exists()] == []
    assert [target for target in targets if target not in phony.split()] == []


def test_a_command_that_does_not_exist_is_named():
    """The check above can fail: on a command, on a command of a group, and on an option."""
    assert (
        mistakes(["moloch", "runs"]) and mistakes(["moloch", "log", "mend"]) and mistakes(["moloch", "run", "--fast"])
    )
    assert not mistakes(["moloch", "log", "export", "parquet", "--help"])


def fast(page: str) -> str:
    """Return a study's page with the settings :data:`FAST` in its base, in place of its own."""
    page = re.sub(r"\b(train|held_out)_anchors: \d+,? *(#.*)?", "", page)
    page = re.sub(r"^base: \{", "base: {" + ", ".join(FAST) + ", ", page, flags=re.MULTILINE)
    return re.sub(r"^base:$", "\n  ".join(("base:", *FAST)), page, flags=re.MULTILINE)


def smaller(page: str) -> list[Block]:
    """Return a page's blocks with what takes long made smaller.

    Raises:
        AssertionError: something to be replaced is not there any more.
    """
    listed = blocks(page)
    for old, new in SMALLER.get(page, []):
        assert any(old in block.code for block in listed), f"{page} holds no {old!r} any more"
        listed = [block._replace(code=block.code.replace(old, new)) for block in listed]
    return listed


def run_command(
    where: str, words: list[str], server: str, monkeypatch: pytest.MonkeyPatch, size: dict[str, int]
) -> None:
    """Run one command of a shell block; only ``moloch`` and ``python -m moloch`` can be run here."""
    name, *arguments = words[2:] if words[:3] == ["python", "-m", "moloch"] else words
    assert name == "moloch", f"{where}: cannot run {name!r} here. Mark the block: <!-- not run: needs ... -->"
    arguments = [re.sub(r"http://HOST:8000/v1#\S+", f"{server}#stub", word) for word in arguments]
    if arguments[0] == "run" or (arguments[0] == "study" and arguments[1].startswith("-")):
        arguments += [word for key, value in size.items() for word in ("--set", f"{key}={value}")]
    monkeypatch.setattr(sys, "argv", ["moloch", *arguments])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code
    assert not code, f"{where}: `{' '.join(words)}` ended with {code}:\n{printed.getvalue()}"


def mistakes(words: list[str]) -> list[str]:
    """Return what in a ``moloch`` command the command line does not have."""
    command: Any = typer.main.get_command(app)
    rest = [word.rstrip(",.;:") for word in words[1:]]
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        if not rest or rest[0].startswith("-") or not rest[0].isidentifier():
            if default := getattr(command, "default", ""):  # what a group takes that is none of its verbs
                command = command.commands[default]
            break
        if rest[0] not in command.commands:
            return [f"`moloch {rest[0]}`: there is no such command"]
        command = command.commands[rest.pop(0)]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    flags = [word.split("=")[0].split("|")[0] for word in rest if word.startswith("--")]
    return [f"`{' '.join(words)}`: no option {flag}" for flag in flags if flag not in options | {"--help"}]
