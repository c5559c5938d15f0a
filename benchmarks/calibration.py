"""Whether the product's intervals hold: planted nulls and effects of known size, through its own estimators.

Covers: false alarms of nulls (a neutral audience; twin against twin), coverage of the three kinds of intervals, width against an interval that
knows all components of the variance, wrong calls of equivalence, and power against the planner, for 3, 5, 8 and 12 seeds, anchors and people
that are shared, redrawn or disjoint, rates of 2, 10 and 30 %, with and without differences between anchors and people. Studies are drawn from
the law of the moves model (calibration_law.py) and estimated by ``analysis.studies.values.estimates`` (calibration_scores.py); ``--pages N``
carries N studies out through page, cells, logs and frames instead, and holds their estimates against those of the same draws
(calibration_pages.py). By default a few scenarios with 200 studies each, and one study through the page: under a minute. ``--full``: all
scenarios with 4,000 studies each, in pieces that are kept in ``--out`` and not drawn again; by ``--jobs`` processes. ``--report`` prints what is kept.
``--json``: one line per figure. Nothing here is evidence about real language models.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])
sys.path.append(str(Path(__file__).resolve().parent))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from calibration_law import Scenario  # noqa: E402
from calibration_scores import (  # noqa: E402
    FEW_PILOTS,
    MANY_PILOTS,
    OUTCOMES,
    PIECE,
    SCOPES,
    Score,
    planned_power,
    scored_piece,
    scores,
)

SHORT, LONG = 200, 4_000
"""Studies of a scenario."""
FALSE_ALARMS, VARY, HALF = 0.06, (0.035, 0.065), 0.5
COVERAGE, WIDTH, EQUAL, NEAR = (0.93, 0.99), 1.25, 0.06, 0.05
SIGMAS = 2
"""Monte Carlo standard errors that a figure may be beyond its goal by."""

FEW = (
    Scenario("twins", 5, "redrawn", 0.3),
    Scenario("twins", 12, "disjoint", 0.3),
    Scenario("neutral", 5, "redrawn"),
    Scenario("neutral", 12, "shared"),
    Scenario("planted", 5, "redrawn"),
    Scenario("planted", 8, "shared"),
)


def grid() -> list[Scenario]:
    """Return all scenarios."""
    seeds, pools = (3, 5, 8, 12), ("shared", "redrawn", "disjoint")
    found = [Scenario(truth, n, pool) for truth in ("neutral", "planted") for pool in pools for n in seeds]
    found += [Scenario("twins", n, pool, 0.3) for pool in pools for n in seeds]
    found += [
        Scenario(truth, n, pool, varied=False)
        for truth in ("neutral", "planted")
        for pool in ("shared", "disjoint")
        for n in seeds
    ]
    found += [
        Scenario(truth, n, "redrawn", rate) for truth in ("neutral", "planted") for rate in (0.02, 0.3) for n in (5, 12)
    ]
    return found


# -- work ------------------------------------------------------------------------------------------------------


def piece(scenario: Scenario, number: int, size: int) -> dict[str, Any]:
    """Return one piece with its size; for another process."""
    return scored_piece(scenario, number, size)


def worked(scenarios: Sequence[Scenario], studies: int, jobs: int, out: Path | None) -> dict[str, list[dict[str, Any]]]:
    """Return the pieces of each scenario; those that are kept already are not drawn again."""
    size = min(PIECE, studies)
    kept = _kept(out)
    todo = [
        (scenario, number)
        for number in range(-(-studies // size))
        for scenario in scenarios
        if (scenario.name, number) not in kept
    ]
    if jobs > 1 and len(todo) > 1:
        with ProcessPoolExecutor(jobs) as pool:
            waiting = [pool.submit(piece, scenario, number, size) for scenario, number in todo]
            for done in as_completed(waiting):
                _keep(done.result(), kept, out)
    else:
        for scenario, number in todo:
            _keep(piece(scenario, number, size), kept, out)
    wanted = {scenario.name for scenario in scenarios}
    found: dict[str, list[dict[str, Any]]] = {}
    for (name, number), each in sorted(kept.items()):
        if name in wanted and number < -(-studies // size):
            found.setdefault(name, []).append(each)
    return found


def _keep(found: dict[str, Any], kept: dict[tuple[str, int], dict[str, Any]], out: Path | None) -> None:
    kept[found["scenario"], found["piece"]] = found
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")


def _kept(out: Path | None) -> dict[tuple[str, int], dict[str, Any]]:
    """Return the pieces in a file; a last line that a killed process left unfinished is none."""
    kept: dict[tuple[str, int], dict[str, Any]] = {}
    if out is None or not out.is_file():
        return kept
    lines = out.read_text("utf-8").splitlines()
    whole = [line for line in lines if line.endswith("}")]
    if len(whole) < len(lines):
        out.write_text("".join(f"{line}\n" for line in whole), "utf-8")
    for line in whole:
        found = json.loads(line)
        kept[found["scenario"], found["piece"]] = found
    return kept


# -- figures ---------------------------------------------------------------------------------------------------


def figures(scenario: Scenario, pieces: Sequence[dict[str, Any]], pilots: int = FEW_PILOTS) -> Iterator[dict[str, Any]]:
    """Yield a figure per line: what is promised of a scenario's outcomes, and what was found; power is planned from so many pilots."""
    for of, score in zip(OUTCOMES, scores(scenario, pieces), strict=True):
        name = f"{scenario.name}/{of.name}"
        error = SIGMAS * score.error
        if score.null:
            least = VARY[0] if score.trainings >= HALF else 0.0
            most = VARY[1] if score.trainings >= HALF else FALSE_ALARMS
            yield _figure(f"{name}/false alarms", score.rejected, least, most, error, score)
        else:
            planned = planned_power(scenario, OUTCOMES.index(of), pilots)
            chance = SIGMAS * max(score.rejected * (1 - score.rejected), 0.01) ** 0.5 / score.studies**0.5
            near = (max(0.0, planned - NEAR), min(1.0, planned + NEAR))
            yield _figure(f"{name}/power against the planner", score.rejected, *near, chance, score)
            if score.equal == score.equal:
                yield _figure(f"{name}/equivalence errors", score.equal, 0.0, EQUAL, error, score)
        for scope, share in zip(SCOPES, score.coverage, strict=True):
            yield _figure(f"{name}/coverage, {scope}", share, *COVERAGE, error, score)
        yield _figure(f"{name}/width", score.width, 0.0, WIDTH, 0.0, score, unit="x")
        yield _figure(f"{name}/no interval", score.missing, None, None, 0, score)


def _figure(
    name: str, value: float, least: float | None, most: float | None, error: float, score: Score, unit: str = "share"
) -> dict[str, Any]:
    """Return a figure; below what an interval should cover is worse than above, and both are told."""
    ok = None if least is None or most is None else least - error <= value <= most + error
    return {
        "name": name, "value": round(value, 4), "unit": unit, "goal": None if least is None or most is None else [round(least, 4), round(most, 4)], "ok": ok,
        "studies": score.studies, "trainings": round(score.trainings, 2), "effect": round(score.effect, 4),
    }  # fmt: skip


def page_figures(studies: int, folder: Path, jobs: int) -> Iterator[dict[str, Any]]:
    """Yield how far the estimates from logs are from those of the same draws, and how often the null was rejected."""
    from calibration_pages import compared, page

    study = page(studies, folder)
    study.run(jobs=jobs)
    found = compared(study)
    apart = max(each.apart for outcomes in found for each in outcomes)
    yield {
        "name": "pages/estimates apart from those of the same draws", "value": apart, "unit": "points of 1", "goal": [0, 1e-9],
        "ok": apart <= 1e-9 and len(found) == studies, "studies": len(found),
    }  # fmt: skip
    rejected = sum(outcomes[0].logged.p < 0.05 for outcomes in found) / len(found)
    error = SIGMAS * (0.05 * 0.95 / len(found)) ** 0.5
    yield {
        "name": "pages/false alarms, misrepresentation", "value": round(rejected, 4), "unit": "share",
        "goal": [0, FALSE_ALARMS], "ok": rejected <= FALSE_ALARMS + error, "studies": len(found),
    }  # fmt: skip


def control_figures(studies: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield how often the positive control is found, and its negative twins are not."""
    from calibration_pages import control

    for (audience, arm), found in sorted(control(studies, folder).items()):
        share = sum(each.p < 0.05 for each in found) / len(found)
        there = (audience, arm) == ("credulous", "rft")
        goal = [0.9, 1.0] if there else [0.0, FALSE_ALARMS]
        error = SIGMAS * (0.05 * 0.95 / len(found)) ** 0.5
        yield {
            "name": f"control/{audience}/{arm}/{'power' if there else 'false alarms'}", "value": round(share, 4), "unit": "share",
            "goal": goal, "ok": goal[0] - error <= share <= goal[1] + error, "studies": len(found),
            "effect": round(sum(each.value for each in found) / len(found), 4),
        }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; return 0, or 1 if one misses its goal by more than chance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="all scenarios, 4,000 studies each")
    parser.add_argument("--studies", type=int, default=0, help="of a scenario")
    parser.add_argument(
        "--pages",
        type=int,
        default=-1,
        help="studies through page, cells, logs and frames (1 by default, 200 with --full)",
    )
    parser.add_argument("--control", type=int, default=0, help="studies of the positive control and its negative twins")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--out", type=Path, help="file that keeps pieces (with --full: build/calibration.jsonl)")
    parser.add_argument("--folder", type=Path, help="of the page's study, which resumes")
    parser.add_argument("--report", action="store_true", help="print what the file holds, and draw nothing")
    parser.add_argument(
        "--only", action="append", default=[], metavar="PROMISE", help="coverage, say: print and judge no others"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--summary", action="store_true", help="a line per promise and number of seeds, over scenarios, as Markdown"
    )
    given = parser.parse_args(arguments)
    out = given.out or (Path("build/calibration.jsonl") if given.full else None)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
    scenarios = grid() if given.full or given.report else list(FEW)
    studies = given.studies or (LONG if given.full or given.report else SHORT)
    pieces = _reported(out) if given.report else worked(scenarios, studies, given.jobs, out)
    pilots = MANY_PILOTS if given.full or given.report else FEW_PILOTS
    found = [figure for s in scenarios if s.name in pieces for figure in figures(s, pieces[s.name], pilots)]
    pages = given.pages if given.pages >= 0 else 0 if given.report else 200 if given.full else 1
    if pages:
        if given.folder is not None:
            found += page_figures(pages, given.folder, given.jobs)
        else:
            with tempfile.TemporaryDirectory() as folder:
                found += page_figures(pages, Path(folder) / "study", given.jobs)
    if given.control:
        with tempfile.TemporaryDirectory() as folder:
            found += control_figures(given.control, given.folder or Path(folder))
    found = [figure for figure in found if not given.only or any(each in figure["name"] for each in given.only)]
    for line in _summary(found) if given.summary else [json.dumps(f) if given.json else _line(f) for f in found]:
        print(line)
    return int(any(figure["ok"] is False for figure in found))


def _reported(out: Path | None) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for (name, _), each in sorted(_kept(out).items()):
        found.setdefault(name, []).append(each)
    return found


def _summary(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a table: the least, the middle and the largest figure of each promise over scenarios and outcomes, by number of seeds."""
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for figure in found:
        scenario, _, promise = figure["name"].rpartition("/")
        if "seeds" in scenario:
            groups.setdefault((promise, int(scenario.split("-")[1].removesuffix("seeds"))), []).append(figure)
    yield "| promise | seeds | least | median | largest | goal | missed by more than chance |"
    yield "|---|---|---|---|---|---|---|"
    for (promise, seeds), figures_of in sorted(groups.items()):
        values = sorted(figure["value"] for figure in figures_of)
        goals = {tuple(figure["goal"]) for figure in figures_of if figure["goal"]}
        goal = " or ".join(f"{least:g} .. {most:g}" for least, most in sorted(goals)) or "–"
        if "planner" in promise:
            goal = f"the planner's ± {NEAR:g}"
        missed = sum(figure["ok"] is False for figure in figures_of)
        middle = values[len(values) // 2]
        yield f"| {promise} | {seeds} | {values[0]:.3f} | {middle:.3f} | {values[-1]:.3f} | {goal} | {missed} of {len(values)} |"


def _line(figure: dict[str, Any]) -> str:
    told = "" if figure["ok"] is None else "ok" if figure["ok"] else "MISSED"
    goal = "" if figure["goal"] is None else f"goal {figure['goal'][0]:g} .. {figure['goal'][1]:g}"
    return f"{figure['name']:72} {figure['value']:8.4g} {goal:18} {told:7} n={figure['studies']}"


if __name__ == "__main__":
    sys.exit(main())
