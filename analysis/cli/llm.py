"""``moloch llm``: is a model available, and does it do what a study needs?"""

from __future__ import annotations

import json
import shlex
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.cli import options
from analysis.cli.console import printer, stderr

if TYPE_CHECKING:
    from abm.llm.http.nearby import Nearby
    from abm.llm.port import LLM
    from abm.llm.trial import Finding

app = typer.Typer(name="llm", help="Look at language models and their servers.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command()
def check(
    model: Annotated[
        str, typer.Argument(help="pocket, a folder, a served name, http://host:8000/v1#name, or ollama:name.")
    ] = "",
    config: Annotated[str | None, typer.Option(help="Settings that say where models are served.")] = None,
    llm: options.Llm = None,
    set_: options.Set = None,
    as_json: options.Json = False,
) -> None:
    """See whether a model is reachable, renders chats, can be held to options and JSON, gives log-probabilities, and how fast it writes.

    Asks it some 38 short questions, which a hosted model charges for. Exit code 1: a study cannot use it.
    """
    with stderr().status("asking"):
        from abm.llm.backends import Backends
        from abm.llm.http.endpoint import is_server
        from abm.llm.trial import attempt, check
        from learning import load_config

        settings = load_config(config, {}, options.serving(llm) + (set_ or []), imports=False)
        asked = model or (llm if llm and is_server(llm) else settings.model)
        with_backends = Backends(settings.serving)
        try:
            with_backends.check([asked])
            backend = with_backends.llm(asked)
            first = [attempt("reachable", lambda: _place(backend))]
            checked = check(backend) if first[0].ok else None
        finally:
            with_backends.close()
    findings = [*first, *(checked.findings if checked else [])]
    usable = checked is not None and checked.usable
    if as_json:
        rows = [{"what": each.what, "ok": each.ok, "said": each.said} for each in findings]
        speed = checked.tokens_per_s if checked else 0.0
        print(json.dumps({"model": asked, "usable": usable, "tokens_per_s": speed, "findings": rows}))
    else:
        _print(findings)
    if not usable:
        raise typer.Exit(1)


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
        raise typer.Exit(1)


def _print_places(places: list[Nearby]) -> None:
    say = partial(printer().print, markup=False, highlight=False, soft_wrap=True)
    width = max(len(place.server) for place in places)
    for place in places:
        mark, what = "ok" if place.models else "--", f"  {place.told}" if place.told else ""
        say(f"{mark}  {place.server:<{width}}  {place.url}{what}")
        for option in place.options:
            say(f"{'':{width + 6}}--reader {shlex.quote(option)}")
    if any(place.models for place in places):
        say("The model behind --reader plays the personas of moloch run; moloch llm check looks at it first.")
    else:
        say(
            "No server of models listens here. Start one, or name another machine's: --reader http://host:8000/v1#NAME."
        )


def _place(llm: LLM) -> str:
    """Say what serves a model; a server is asked."""
    from abm.llm.http import HTTPLLM

    if isinstance(llm, HTTPLLM):
        return f"{llm.endpoint.url} serves {llm.served.name} ({llm.served.kind})"
    return f"{llm.name} in this process, {type(llm).__name__}"


def _print(findings: list[Finding]) -> None:
    console = printer()
    for each in findings:
        mark = {True: "ok", False: "no", None: "--"}[each.ok]
        console.print(f"{mark}  {each.what:<10} {each.said}", markup=False, highlight=False, soft_wrap=True)
