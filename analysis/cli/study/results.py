"""``moloch study results``: what a study came to so far."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from analysis.cli import options
from analysis.cli.console import printer, say, show, stderr
from analysis.cli.heads import closing_lines
from moloch.exit_codes import ExitCode

if TYPE_CHECKING:
    from analysis.studies.findings.replicates import Replicates
    from analysis.studies.findings.results import StudyResults

Form = Literal["table", "json", "csv", "latex", "md"]
By = Annotated[
    str | None, typer.Option(help="Factors to show separately, such as arena,audience; others are averaged over.")
]
Parquet = Annotated[Path | None, typer.Option(help="Write the tidy frame to this file.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print the tidy frame as CSV.")]
Latex = Annotated[bool, typer.Option("--latex", help="Print a LaTeX table.")]
Markdown = Annotated[bool, typer.Option("--md", help="Print a Markdown table.")]
Mixed = Annotated[
    bool, typer.Option("--mixed", help="Also each difference by a mixed model, as a check (takes seconds per row).")
]
HeadToHead = Annotated[
    bool, typer.Option("--head-to-head", help="Also one strength for each arm over all seeds (Bradley-Terry).")
]


def results(
    study: options.StudyOrPage,
    by: By = None,
    parquet: Parquet = None,
    csv: Csv = False,
    latex: Latex = False,
    md: Markdown = False,
    mixed: Mixed = False,
    head_to_head: HeadToHead = False,
    full: Annotated[bool, typer.Option("--full", help="All tables, not only the most important ones.")] = False,
    look: options.Look = False,
    out: options.StudyFolder = None,
    as_json: options.Json = False,
) -> None:
    """Print a study's estimates with intervals over seeds, as far as its cells have ended. Reads only.

    Exit code 3: cells are missing, which are named.
    """
    from analysis.studies.record.places import folder_of

    form = _form(csv=csv, latex=latex, md=md, json=as_json)
    more = {"full": full, "mixed": mixed, "head_to_head": head_to_head}
    print_study(folder_of(study, out), "study results", by=by, parquet=parquet, form=form, look=look, **more)


def _form(**given: bool) -> Form:
    """Return the one form that was asked for; a table for none.

    Raises:
        InputError: several were.
    """
    from moloch.errors import InputError

    forms: list[Any] = [form for form, wanted in given.items() if wanted]
    if len(forms) > 1:
        raise InputError(
            f"one form at a time, not --{' and --'.join(forms)}",
            fix="Only --parquet FILE can be combined with the others.",
        )
    return forms[0] if forms else "table"


def print_study(
    folder: Path,
    door: str,
    *,
    look: bool,
    form: Form = "table",
    by: str | None = None,
    parquet: Path | None = None,
    full: bool = False,
    mixed: bool = False,
    head_to_head: bool = False,
) -> None:
    """Print the results of a study in one form.

    Args:
        door: the command, for the study's log; see :func:`analysis.studies.prereg.looks.look_at`.
        mixed, head_to_head: with mixed models, with strengths of arms; in tables or in JSON.

    Raises:
        typer.Exit: with 3, cells are missing.
    """
    from analysis.cli.study.reading import reading
    from analysis.frames import check_target, write_frame
    from analysis.studies.findings.results import splitting_factors, study_results
    from analysis.studies.prereg.looks import look_at
    from analysis.studies.record.study_log import StudyLog
    from analysis.studies.values import writers

    check_target(parquet)
    factors = None if by is None else [each.strip() for each in by.split(",")]
    splitting_factors(StudyLog(folder).state(), factors)  # a mistake is no look
    look_at([folder], door, look)
    if form == "table" and by is None and parquet is None and not (mixed or head_to_head) and _is_short(folder):
        _print_short(folder, full=full)
        return
    with reading() as report:
        told = study_results(folder, factors, report)
    rows = told.frame_rows()
    if parquet is not None:
        write_frame(writers.frame(rows, told.by), parquet)
    match form:
        case "json":
            more = ({"mixed": _mixed(told)} if mixed else {}) | ({"head_to_head": _met(told)} if head_to_head else {})
            print(json.dumps(told.as_dict() | more))
        case "csv":
            print(writers.frame(rows, told.by).write_csv(), end="")
        case "latex":
            print(writers.latex(_headline(rows), told.by))
        case "md":
            print(writers.markdown(_headline(rows), told.by))
        case "table":
            _print_tables(told, full=full)
            if mixed:
                _print_mixed(told)
            if head_to_head:
                _print_met(told)
            say(*closing_lines(folder))
    if parquet is not None:
        stderr().print(f"{parquet}: {len(rows):,} rows", markup=False, soft_wrap=True)
    if told.missing:
        raise typer.Exit(ExitCode.NOT_WHOLE)


def _headline(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows that a table of a paper shows; the others are in the frame."""
    from analysis.tables.conventions import BESIDE

    return [row for row in rows if row["kind"] != BESIDE]


def _is_short(folder: Path) -> bool:
    from analysis.studies.findings.replicates import are_replicates
    from analysis.studies.record.study_log import StudyLog

    state = StudyLog(folder).state()
    return are_replicates(state) and not state.declarations


def _print_short(folder: Path, *, full: bool) -> None:
    from analysis.studies.findings.replicates import replicates
    from moloch.errors import InputError

    with stderr().status("counting votes"):
        of = replicates(folder)
    if of.table is None:
        raise InputError("no cell has ended yet", where=str(folder), fix="moloch study status shows how far they are.")
    print_replicates(of, full=full)
    if of.missing:
        raise typer.Exit(ExitCode.NOT_WHOLE)


def print_replicates(of: Replicates, *, full: bool = False) -> None:
    """Print what the runs of a study come to that differ in their seed alone.

    Args:
        full: also the tables of a run over seeds.
    """
    from analysis.cli.study.reading import reading
    from analysis.studies.findings.results import study_results
    from analysis.terminal.replicates import render_replicates, run_lines

    with reading() as report:
        found = study_results(of.folder, report=report)
    _print_tables(found, full=full)
    told = of.as_dict()
    if full:
        show(render_replicates(told))
    for line in (*run_lines(told), *closing_lines(of.folder)):
        printer().print(line, markup=False, highlight=False, soft_wrap=True)


def _print_tables(told: StudyResults, *, full: bool) -> None:
    from analysis.terminal.study import render_results

    show(render_results(told.as_dict(), full=full))


def _mixed(told: StudyResults) -> list[dict[str, Any]]:
    from analysis.studies.findings.mixed_rows import mixed_dicts, mixed_rows

    with stderr().status("fitting mixed models"):
        return mixed_dicts(mixed_rows(told))


def _print_mixed(told: StudyResults) -> None:
    from analysis.terminal.mixed import mixed_tables

    show(mixed_tables(_mixed(told), told.by))


def _met(told: StudyResults) -> list[dict[str, Any]]:
    from analysis.studies.values.strengths import strength_dicts, study_strengths

    with stderr().status("counting votes between arms"):
        return strength_dicts(study_strengths(told.folder, told.by))


def _print_met(told: StudyResults) -> None:
    from analysis.terminal.strengths import strength_tables

    show(strength_tables(_met(told), told.by))
