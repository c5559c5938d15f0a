"""``moloch study prereg``: what a page fixes before the first call, as a document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli import options
from analysis.cli.console import stderr

Target = Annotated[
    Path | None, typer.Option("--out", help="Write it to this file, .md or .json, in place of printing it.")
]


def prereg(page: options.StudyOrPage, out: Target = None, as_json: options.Json = False) -> None:
    """Export a preregistration: hypotheses, design, models, prompts, probes, pools, analysis and looks, with content ids.

    Works before the first call; of a study that has begun, it says where in its log the declaration stands. Asks no model, shows no effect.
    """
    from analysis.studies.designs.prereg_document import preregistration_document
    from analysis.studies.pages.page import read_page
    from analysis.studies.record.layout import PAGE, is_study
    from moloch.errors import InputError

    if out is not None and out.suffix not in (".md", ".json"):
        raise InputError(
            "a preregistration is Markdown or JSON", where=str(out), fix="Give a name that ends in .md or .json."
        )
    if out is not None and (out.is_dir() or not out.resolve().parent.is_dir()):
        why = "it is a folder" if out.is_dir() else f"there is no folder {out.parent}"
        raise InputError("cannot write the preregistration", where=str(out), why=why, fix="Give another --out.")
    study = page if (recorded := is_study(page)) else None
    with stderr().status("reading inputs"):
        document = preregistration_document(read_page(page / PAGE if recorded else page, recorded=recorded), study)
    told = json.dumps(document.as_dict(), indent=2 if out else None, ensure_ascii=False)
    text = f"{told}\n" if as_json or (out is not None and out.suffix == ".json") else document.markdown()
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(
            "cannot write the preregistration", where=str(out), why=error.strerror or str(error)
        ) from error
    stderr().print(
        f"{out}: preregistration {document.fixed['preregistration']}, document {document.id}",
        markup=False,
        soft_wrap=True,
    )
