"""``moloch model``: real language models on this machine, by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.cli import options
from analysis.cli.console import printer, say_under, stderr

if TYPE_CHECKING:
    from abm.llm.models import AddedModel

app = typer.Typer(name="model", help="Add, list and remove language models of this machine.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Of an added model.")]


@app.callback()
def _group() -> None:
    pass


@app.command()
def add(
    source: Annotated[str, typer.Argument(help="smollm2, a .gguf file, or a folder of safetensors.")],
    name: Annotated[str, typer.Option(help="The name to call it by; by default, the source's name.")] = "",
    precision: Annotated[
        str, typer.Option(help="Precision of weights from a GGUF file: float32 or bfloat16.")
    ] = "float32",
    as_json: options.Json = False,
) -> None:
    """Put a model into the cache of this machine; then it is used by its name.

    For example: moloch model add smollm2; moloch run --model smollm2
    """
    from abm.llm.models import add_model

    model = add_model(
        source, name, precision=precision, say=lambda line: stderr().print(line, markup=False, soft_wrap=True)
    )
    _print([model], as_json)


@app.command("list")
def list_(as_json: options.Json = False) -> None:
    """List added models and those that can be added by name."""
    from abm.llm.models import KNOWN, added_models

    models = added_models()
    _print(models, as_json)
    if not as_json:
        for key in KNOWN.keys() - {model.name for model in models}:
            _say(f"{key:<20} not added: moloch model add {key}  ({KNOWN[key].about}, {KNOWN[key].licence})")


@app.command()
def show(name: Name, as_json: options.Json = False) -> None:
    """Show an added model: where it is, what it came from, its digest."""
    from abm.llm.models import added_model
    from abm.llm.weights import model_digest
    from moloch.errors import InputError

    if (model := added_model(name)) is None:
        raise InputError(f"no added model {name!r}", fix="See moloch model list.")
    digest = model_digest(model.folder)
    if as_json:
        print(json.dumps(_row(model) | {"digest": digest}))
        return
    for key, value in (_row(model) | {"digest": digest}).items():
        _say(f"{key:<10} {value}")


@app.command()
def remove(name: Name) -> None:
    """Remove an added model; a folder that was linked stays where it is."""
    from abm.llm.models import remove_model

    model = remove_model(name)
    _say(f"removed {model.name}")


def _row(model: AddedModel) -> dict[str, object]:
    return {
        "name": model.name,
        "folder": str(model.folder),
        "source": model.source,
        "sha256": model.sha256,
        "licence": model.licence,
        "precision": model.precision,
        "bytes": model.size,
    }


def _print(models: list[AddedModel], as_json: bool) -> None:
    if as_json:
        print(json.dumps([_row(model) for model in models]))
        return
    for model in models:
        gone = "" if model.size else "  (its folder is gone)"
        licence = f", {model.licence}" if model.licence else ""
        where = f"{model.size / 1e6:,.0f} MB in {model.folder}, from {model.source}{licence}{gone}"
        say_under(f"{model.name:<20} ", where)


def _say(line: str) -> None:
    printer().print(line, markup=False, highlight=False, soft_wrap=True)
