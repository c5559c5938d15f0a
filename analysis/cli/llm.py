"""``moloch llm``: is a model available, and does it do what a study needs?"""

from __future__ import annotations

import json
import shlex
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analysis.cli import options
from analysis.cli.console import printer, say_under, stderr
from analysis.cli.progress import asked
from moloch.exit_codes import ExitCode

if TYPE_CHECKING:
    from abm.llm.http.nearby import Nearby
    from abm.llm.port import LLM
    from abm.llm.trial import Finding
    from learning import RunConfig
    from learning.fitness import Fitness

app = typer.Typer(name="llm", help="Look at language models and their servers.", no_args_is_help=True)

FEW = (
    "So few answers can rule a model out but cannot prove it fit: fit means that nothing was found against it yet. "
    "The limits and their reasons are in docs/models.md, under 'Is a model fit for the task?'."
)
WORDS = {"fit": "yes", "doubtful": "doubtful", "unfit": "no", "unknown": "not looked at"}


@app.callback()
def _group() -> None:
    pass


@app.command()
def check(
    model: Annotated[
        str, typer.Argument(help="pocket, a folder, a served name, http://host:8000/v1#name, or ollama:name.")
    ] = "",
    config: Annotated[str | None, typer.Option(help="Settings that say where models are served.")] = None,
    arena: Annotated[
        str | None, typer.Option(help="Write 8 messages of this arena and judge 8 cases, as a study would ask.")
    ] = None,
    anchors: options.Anchors = None,
    personas: options.Personas = None,
    audience: Annotated[str | None, typer.Option(help="llm: read 8 ballots in both orders, too.")] = None,
    llm: options.Llm = None,
    set_: options.Set = None,
    as_json: options.Json = False,
) -> None:
    """See whether a model is reachable, renders chats, can be held to options and JSON, gives log-probabilities, and how fast it writes.

    With --arena: whether it is fit to write, to judge, and with --audience llm to read, in the numbers that a run's gate looks at.
    Asks some 38 short questions, and up to 56 more for --arena, which a hosted model charges for. Exit code 1: a study cannot use it; with --audience llm: it is
    unfit to read.
    """
    from moloch.errors import InputError

    if audience not in (None, "llm"):
        raise InputError(f"no model reads in the audience {audience!r}", fix="Give --audience llm, or leave it out.")
    if audience and not arena:
        raise InputError(
            "--audience llm needs an arena", why="the check uses its prompts", fix="For example --arena sales."
        )
    with asked() as question:
        from abm.llm.backends import Backends
        from abm.llm.http.endpoint import is_server
        from abm.llm.trial import attempt, check
        from learning import load_config
        from learning.runs.parts import computing, settled

        given = {"arena": arena, "anchors": anchors, "personas": personas}
        settings = load_config(config, given, options.serving(llm) + (set_ or []), imports=bool(arena), effects=False)
        name = model or (llm if llm and is_server(llm) else settings.model)
        settings = settled(settings, None)
        with_backends = Backends(settings.serving, **computing(settings))
        try:
            with_backends.check([name])
            backend = question.llm = with_backends.llm(name)
            question.tell("its list of models")
            first = [attempt("reachable", lambda: _place(backend))]
            checked = check(backend, question.tell) if first[0].ok else None
            question.tell(f"what {arena} asks")
            fitness, notes = _fitness(backend, settings, reads=bool(audience)) if arena and checked else ([], [])
        finally:
            with_backends.close()
    findings = [*first, *(checked.findings if checked else [])]
    usable = checked is not None and checked.usable and _fit_for_it(fitness, reads=bool(audience))
    if as_json:
        rows = [{"what": each.what, "ok": each.ok, "said": each.said} for each in findings]
        speed = checked.tokens_per_s if checked else 0.0
        found: dict[str, Any] = {"model": name, "usable": usable, "tokens_per_s": speed, "findings": rows}
        print(json.dumps(found | ({"fitness": [each.as_dict() for each in fitness], "notes": notes} if arena else {})))
    else:
        _print(findings)
        _print_fitness(fitness, notes)
    if not usable:
        raise typer.Exit(ExitCode.BROKEN)


@app.command()
def find(as_json: options.Json = False) -> None:
    """Look for servers of models on this machine: Ollama, LM Studio, llama.cpp, vLLM. List what each serves, and the option for it.

    No key is sent and no model is asked. Exit code 1: none serves.
    """
    with stderr().status("looking"):
        from abm.llm.http.nearby import nearby

        places = nearby()
    if as_json:
        import msgspec

        print(json.dumps(msgspec.to_builtins(places)))
    else:
        _print_places(places)
    if not any(place.models for place in places):
        raise typer.Exit(ExitCode.BROKEN)


def _print_places(places: list[Nearby]) -> None:
    say = partial(printer().print, markup=False, highlight=False, soft_wrap=True)
    width = max(len(place.server) for place in places)
    for place in places:
        mark, what = "ok" if place.models else "--", f"  {place.told}" if place.told else ""
        say_under(f"{mark}  {place.server:<{width}}  ", f"{place.url}{what}")
        for option in place.options:
            say(f"{'':{width + 6}}--reader {shlex.quote(option)}")
    if any(place.models for place in places):
        say_under("", "The model behind --reader plays the personas of moloch run; moloch llm check looks at it first.")
    else:
        told = "No model server listens on these ports. Start one, or give the URL of another: --reader http://host:8000/v1#NAME."
        say_under("", told)


def _place(llm: LLM) -> str:
    """Say what serves a model; a server is asked."""
    from abm.llm.http import HTTPLLM

    if isinstance(llm, HTTPLLM):
        return f"{llm.endpoint.url} serves {llm.served.name} ({llm.served.kind})"
    return f"{llm.name} in this process, {type(llm).__name__}"


def _fitness(llm: LLM, settings: RunConfig, *, reads: bool) -> tuple[list[Fitness], list[str]]:
    """Return whether a model is fit to write, to read and to judge, and what else is to be said."""
    from abm.arenas.anchors import load_anchors
    from abm.llm.port import Sampling
    from analysis.judges import check_judge
    from learning.fitness import ReaderSettings, check_reader, check_writer
    from populations import load_personas

    rules = settings.rules()
    anchors = load_anchors(settings.anchors, rules).train
    written = check_writer(llm, rules, anchors, Sampling(**settings.sampling.model_dump()), settings.seed)
    fitness, notes = [written.fitness], [f"a message as it came: {_line(written.sample)}"]
    if reads:
        people = load_personas(settings.personas, seed=settings.seed, mapping=settings.mapping).train
        reader = settings.reader
        sampling = Sampling(reader.temperature, reader.top_p, reader.max_tokens)
        how = ReaderSettings(sampling, reader.answer, reader.retries)
        read = check_reader(llm, rules, anchors, people, how, settings.seed)
        fitness.append(read.fitness)
        notes += [read.note] if read.note else []
    return [*fitness, check_judge(llm, rules.name)], notes


def _fit_for_it(fitness: list[Fitness], *, reads: bool) -> bool:
    """Return whether a model is fit for what was asked about: to read, if its ballots were, else for some role."""
    if reads and any(each.role == "read" and each.verdict == "unfit" for each in fitness):
        return False
    return not fitness or any(each.verdict == "fit" for each in fitness)


def _print(findings: list[Finding]) -> None:
    for each in findings:
        mark = {True: "ok", False: "no", None: "--"}[each.ok]
        _say(f"{mark}  {each.what:<10} {each.said}")


def _print_fitness(fitness: list[Fitness], notes: list[str]) -> None:
    for each in fitness:
        _say(f"\nfit to {each.role}: {WORDS[each.verdict]}")
        for point in each.points:
            mark = {"fit": "ok", "doubtful": "??", "unfit": "no", "unknown": "--", None: "  "}[point.verdict]
            _say(f"{mark}  {point.what:<12} {point.said}")
        for fix in dict.fromkeys(point.fix for point in each.against if point.fix):
            _say(f"    {fix}")
    for line in [*notes, FEW] if fitness else []:
        _say(f"\n{line}")


def _say(line: str) -> None:
    printer().print(line, markup=False, highlight=False, soft_wrap=True)


def _line(text: str, most: int = 200) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= most else text[: most - 1] + "…")
