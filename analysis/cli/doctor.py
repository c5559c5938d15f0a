"""``moloch doctor``: what is installed here, and what works."""

from __future__ import annotations

import json

import typer

from analysis.cli import options
from analysis.cli.console import say_under, stderr
from moloch.exit_codes import ExitCode


def doctor(as_json: options.Json = False) -> None:
    """Check versions, accelerators, the embedded model and the disk. Exit code 1: something that is installed is broken."""
    with stderr().status("looking"):
        from analysis.checks.doctor import doctor

        findings = doctor()
    if as_json:
        print(json.dumps([{"what": each.what, "mark": each.mark, "said": each.said} for each in findings]))
    else:
        for each in findings:
            say_under(f"{each.mark}  {each.what:<15} ", each.said)
    if any(each.mark == "no" for each in findings):
        raise typer.Exit(ExitCode.BROKEN)
