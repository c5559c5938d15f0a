"""``moloch probe --rules``: probes that need no model judge the messages of any log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.cli.console import say, show, stderr

if TYPE_CHECKING:
    from abm.probe import Probe
    from analysis.judges import Selection


def check_options(rules: bool, names: Sequence[str], extensions: Sequence[str], asks: Mapping[str, Any]) -> None:
    """Refuse options that have no effect together.

    Args:
        asks: option -> what was given, of those that concern questions to models; None or nothing where it was not given.

    Raises:
        InputError: names the first.
    """
    from moloch.errors import InputError

    given = [option for option, value in asks.items() if value is not None and value != []]
    if rules and given:
        fix = "Give two commands: their verdicts are kept side by side." if given[0] == "--judge" else "Leave it out."
        raise InputError(f"{given[0]} has no effect with --rules", why="rules ask no model", fix=fix)
    if not rules and (names or extensions):
        what = repr(names[0]) if names else "--extensions"
        why = "only --rules lets probes judge" if names else "only --rules uses probes of your own"
        raise InputError(f"{what} has no effect here", why=why, fix="Give --rules, too.")
    if not rules and not asks["--judge"]:
        raise InputError("nobody judges", fix="Name a model: --judge MODEL; or give --rules, which needs none.")


def judge_by_rules(
    source: Path,
    runs: Sequence[Path],
    names: Sequence[str],
    extensions: Sequence[str],
    selection: Selection,
    out: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Judge the messages of one run, or of each cell of a study, and print what was found.

    Args:
        source: the run's or the study's folder.
        names: of probes; none for those of each run's arena.
        extensions: modules of the user's own to import.
        out: folder of the verdicts; of a study, a folder for each of its cells' in it.
    """
    from analysis.judges import prepare_rules
    from analysis.studies.record.layout import is_study
    from analysis.terminal.rules import render_rules

    told: list[dict[str, Any]] = []
    for run in runs:
        with stderr().status("judging"):
            beside = out / run.name if out is not None and is_study(source) else out
            prepared = prepare_rules(run, _probes(run, names, extensions), selection, out=beside)
            found = _planned(prepared) if dry_run else prepared.carry_out().as_dict()
        told.append(found)
        if as_json:
            continue
        if is_study(source):
            say(f"\n{run.name}")
        if dry_run:
            say(
                f"{found['messages']:,} messages would be judged by {', '.join(found['rules'])}; nothing is asked or kept."
            )
            continue
        show(render_rules(found))
        say("", f"verdicts {found['verdicts']}", f"head     {found['head']}")
    if as_json:
        print(json.dumps({"study": str(source), "runs": told} if is_study(source) else told[0]))


def _planned(prepared: Any) -> dict[str, Any]:
    rules = [probe.name for probe in prepared.probes]
    return {"run": str(prepared.run), "messages": len(prepared.messages), "rules": rules}


def _probes(run: Path, names: Sequence[str], extensions: Sequence[str]) -> list[Probe]:
    """Return the probes that are to judge a run's messages; where one is not known here, the run's own extensions are looked at.

    Raises:
        InputError: there is no such probe, or the code that the log names may not be imported.
    """
    from abm.log import open_log
    from abm.probe import PROBES, probes
    from analysis.judges import own_rules
    from learning.runs.parts import import_recorded
    from moloch.extensions import load

    load(extensions)
    log = open_log(run, write=False)
    wanted = list(dict.fromkeys(names or own_rules(log.config)))
    recorded = [each for each in log.config.get("extensions") or () if isinstance(each, str)]
    if recorded and any(name not in PROBES for name in wanted):
        import_recorded(log, recorded, extensions)
    return probes(wanted)
