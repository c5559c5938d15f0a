"""``moloch labels``: messages for people to label, their labels, and what these say of the probe's errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from analysis.cli import options
from analysis.cli.console import printer, say, show, stderr

if TYPE_CHECKING:
    from analysis.labels import Draw, LabelledRun, LabelSampling, Unsure

app = typer.Typer(
    name="labels",
    help="Have people label messages of a run or a study, and correct rates for the probe's errors.",
    no_args_is_help=True,
)
RunOrStudy = Annotated[
    Path,
    typer.Argument(
        metavar="RUN|STUDY", help="The folder of a run, STUDY#CELL, or a study: all its cells.", callback=options.place
    ),
]
Probe = Annotated[str, typer.Option(help="The probe, as `moloch results` lists it.")]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", help="Of a study, only cells with this level, such as audience=neutral; repeatable."),
]
Judge = Annotated[str, typer.Option(help="A judge of `moloch probe`, by name, in place of the run's own probe.")]


@app.command()
def draw(
    run: RunOrStudy,
    probe: Probe,
    out: Annotated[Path, typer.Option(help="A new or empty folder for the sheets and their key.")],
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, help="Different messages in all; by default 200, or all if there are fewer."),
    ] = None,
    judge: Judge = "",
    labeller: Annotated[
        list[str] | None, typer.Option("--labeller", help="A labeller's name; repeatable: each gets a sheet.")
    ] = None,
    shared: Annotated[
        int | None,
        typer.Option(min=0, help="Messages that all labellers get; by default all. The others are dealt out."),
    ] = None,
    question: Annotated[
        str, typer.Option(help="The question about a message; by default the judges' question for this probe.")
    ] = "",
    where: Where = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw; another seed draws other messages.")] = 1,
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Draw messages of the evaluation at random, stratified by writer and verdict, and write blinded sheets to label.

    The same command gives the same sample; another --seed draws messages that were not drawn before. Give labellers the sheets, and keep
    the key to yourself.
    """
    with stderr().status("drawing"):
        from analysis.labels import LABELLER, LabelSampling, write_batch
        from analysis.labels import draw as drawn_from

        runs = _runs(run, "labels draw", look, where or [])
        asked = question or _question(runs, probe)
        who = _labellers(labeller or [LABELLER])
        sampling = LabelSampling(probe, asked, judge, n, seed, who, shared)
        sample = drawn_from(runs, sampling)
        key = write_batch(out, sample)
    if as_json:
        print(json.dumps(_as_dict(sample, sampling, out, list(key.sheets))))
        return
    from analysis.terminal.labels import render_strata

    show(render_strata(_as_dict(sample, sampling, out, list(key.sheets))))
    for file in key.sheets:
        say(f"sheet  {out / file}")
    say(f"key    {out / 'key.json'}   (says arms and verdicts: not for labellers)")


@app.command()
def page(
    sheet: Annotated[
        Path, typer.Argument(metavar="FOLDER|SHEET", help="What `labels draw` wrote, or one sheet of it.")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes any free one.")] = 8766,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
) -> None:
    """Show a sheet as a page to label on by keyboard: y, n, u. Each label is in the sheet before the next message is shown."""
    import tempfile

    from analysis.labels.page import serve_sheet
    from analysis.ui.key import FIELD, chosen_token, door

    secret = chosen_token()
    with tempfile.TemporaryDirectory(prefix="moloch-labels-") as scratch:

        def ready(url: str) -> None:
            printer().print(
                f"Labels   {url}?{FIELD}={secret}   Ctrl-C ends it", highlight=False, markup=False, soft_wrap=True
            )
            if browser:
                import webbrowser

                webbrowser.open(door(Path(scratch), f"{url}?{FIELD}={secret}").as_uri())

        serve_sheet(sheet, port=port, token=secret, ready=ready)


@app.command("import")
def import_(
    sheet: Annotated[
        Path, typer.Argument(metavar="FOLDER|SHEET", help="What `labels draw` wrote, or one sheet of it.")
    ],
    partial: Annotated[
        bool, typer.Option("--partial", help="Keep the labels there are, although some messages have none yet.")
    ] = False,
    correct: Annotated[
        bool, typer.Option("--correct", help="Let labels replace those that were imported before; the log keeps both.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Keep the labels of the sheets in a log beside each run; with a mistake in them, nothing is kept and all mistakes are listed."""
    from analysis.labels import import_labels

    told = import_labels(sheet, partial=partial, correct=correct)
    if as_json:
        print(json.dumps(told._asdict()))
        return
    counts = ", ".join(f"{count:,} {label}" for label, count in told.by_label.items())
    say(f"{told.probe}: {counts}; {told.new:,} new, {told.corrected:,} corrected, {told.missing:,} without a label")


@app.command()
def score(
    run: RunOrStudy,
    probe: Probe,
    judge: Judge = "",
    where: Where = None,
    unsure: Annotated[str, typer.Option(help="What an unsure label counts as: left out, yes or no.")] = "left out",
    look: options.Look = False,
    as_json: options.Json = False,
) -> None:
    """Say how often the probe errs, by people's labels, and correct rates and differences for it; raw numbers first."""
    with stderr().status("counting labels"):
        from analysis.labels import score as scored

        told = scored(
            _runs(run, "labels score", look, where or []), probe, rater=judge, unsure=_unsure(unsure)
        ).as_dict()
    told = {"source": str(run)} | told
    if as_json:
        print(json.dumps(told))
        return
    from analysis.terminal.labels import render_score

    show(render_score(told))


def _runs(path: Path, door: str, look: bool, where: list[str]) -> list[LabelledRun]:
    """Return the run that a path names, or the cells of a study that have ended and have the levels.

    Raises:
        InputError: there are none; or a level is not of the study.
        LogError: a log cannot be read.
    """
    from abm.log import open_log
    from analysis.labels import LabelledRun
    from analysis.studies.prereg.looks import look_at
    from analysis.studies.record.layout import is_study
    from analysis.studies.record.places import one_run
    from moloch.errors import InputError

    look_at([path], door, look)
    if not is_study(path):
        if where:
            raise InputError("a run has no factors", where=str(path), fix="Leave --where out, or give a study.")
        folder = one_run(path)
        return [LabelledRun("", int(open_log(folder, write=False).config.get("seed", 0)), folder)]
    begun = [run for run in _cells(path, where) if (run.folder / "run.json").is_file()]
    ended = [run for run in begun if open_log(run.folder, write=False).ended() is not None]
    if not ended:
        raise InputError("no cell has ended yet", where=str(path), fix="moloch study status shows how far they are.")
    return ended


def _cells(study: Path, where: list[str]) -> list[LabelledRun]:
    """Return the cells of a study that have the levels.

    Raises:
        InputError: it has no such factor or level.
    """
    from analysis.labels import LabelledRun
    from analysis.studies.frames.study_frames import cell_runs
    from moloch.errors import InputError, together

    cells, mistakes = cell_runs(study), list[InputError]()
    for said in where:
        factor, _, level = said.partition("=")
        levels = dict.fromkeys(str(cell.factors[factor]) for cell in cells if factor in cell.factors)
        if level not in levels:
            factors = dict.fromkeys(name for cell in cells for name in cell.factors)
            known = f"{factor} has {', '.join(levels)}" if levels else f"factors are {', '.join(factors) or 'none'}"
            mistakes.append(InputError(f"no cell has {said!r}", where=str(study), why=known))
        cells = [cell for cell in cells if level not in levels or str(cell.factors.get(factor)) == level]
    if mistakes:
        raise together(mistakes)
    return [LabelledRun(cell.cell, cell.seed, Path(cell.folder)) for cell in cells]


def _question(runs: list[LabelledRun], probe: str) -> str:
    """Return what judges are asked for a probe, with its rules.

    Raises:
        InputError: no battery asks for it.
    """
    from analysis.judges import load_battery
    from moloch.errors import InputError

    for battery in ("paper", "battery2026"):
        for question in load_battery(battery).probes:
            if question.name == probe and not question.levels:
                return " ".join([question.question, *question.rules])
    raise InputError(
        f"no question is known for {probe!r}",
        why="no battery of judges asks it",
        fix='Give it: --question "Does the message ...?"',
    )


def _labellers(names: list[str]) -> tuple[str, ...]:
    """Return labellers' names, each of which can be part of a file's name.

    Raises:
        InputError: one cannot, or two are equal.
    """
    import re

    from moloch.errors import InputError, together

    wrong = [
        InputError(f"not a name for a labeller: {name!r}", fix="Use letters, digits, - and _, at most 40.")
        for name in names
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", name)
    ]
    if len({name.casefold() for name in names}) < len(names):
        wrong.append(InputError("two labellers have the same name", why=", ".join(names)))
    if wrong:
        raise together(wrong)
    return tuple(names)


def _unsure(word: str) -> Unsure:
    from analysis.labels import Unsure as Words
    from moloch.errors import InputError

    for known in get_args(Words):
        if word == known:
            return known
    raise InputError(f"unsure labels cannot count as {word!r}", fix=f"Give one of {', '.join(get_args(Words))}.")


def _as_dict(sample: Draw, sampling: LabelSampling, out: Path, files: list[str]) -> dict[str, object]:
    from msgspec import to_builtins

    return {
        "out": str(out),
        "draw": sample.name,
        "probe": sampling.probe,
        "messages": len(sample.items),
        "runs": len(sample.runs),
        "again": sample.again,
        "strata": to_builtins(sample.strata),
        "sheets": {file: len(each.ids) for file, each in zip(files, sample.allotments, strict=True)},
    }
