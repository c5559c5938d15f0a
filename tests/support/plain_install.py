"""Every command on an installation without extras; a program of its own: ``python plain_install.py RUNS FOLDER [block]``.

With ``block`` the modules of all extras are hidden first. Prints one JSON object: its name -> [exit code, what it said], or the
traceback of what escaped.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import traceback
from importlib.abc import MetaPathFinder
from pathlib import Path


class Hidden(MetaPathFinder):
    """Modules that are as good as not installed."""

    def __init__(self, tops: set[str]) -> None:
        self._tops = tops

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in self._tops:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def commands(runs: Path, folder: Path) -> dict[str, list[str]]:
    """Return name -> command: help of each, then what can be done with finished runs and without a model."""
    import typer.main

    from analysis.cli.app import app

    def names(command, path: list[str]):
        yield path
        for name, inner in getattr(command, "commands", {}).items():
            yield from names(inner, [*path, name])

    helps = {" ".join([*path, "--help"]): [] for path in names(typer.main.get_command(app), [])}
    log, networked, nowhere = str(runs / "sales-isolated"), str(runs / "sales-networked"), "http://127.0.0.1:9/v1"
    small = ["--set", "train_anchors=2", "--set", "held_out_anchors=2"]
    named = {
        "doctor": [],
        "personas check": ["demographic"],
        "run": [*small, "--out", str(folder / "here")],
        "run --dry-run": ["--out", str(folder / "dry")],
        f"run --reader {nowhere}#m": [*small, "--out", str(folder / "there")],
        f"llm check {nowhere}": [],
        "model list": [],
        "show": [log],
        "log info": [log],
        "log verify": [log],
        "log tail": [log],
        "log export": [log, "parquet", str(folder / "tables")],
        "log upload": [log, f"file://{folder / 'store'}"],
        "replay": [log],
        "replay --verify": [log],
        "replay --live": [log],
        "compare": [log, networked],
        f"probe --judge {nowhere}": [log],
        "surrogate": [log, "--out", str(folder / "fit.yaml")],
        "graph": [networked, str(folder / "graph.gexf")],
        "fork": [log, "--at", "1", "--out", str(folder / "fork")],
        "ui": [log],
    }
    return {name: [*name.split(), *more] for name, more in (helps | named).items()}


def tried(argv: list[str]) -> list[object]:
    """Return the exit code of a command and what it said."""
    from analysis.cli import main

    sys.argv = ["moloch", *argv]
    said = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main()
            code: object = 0
        except SystemExit as left:
            code = left.code or 0
        except BaseException:
            return ["traceback", traceback.format_exc()]
    return [code, said.buffer.getvalue().decode()]


if __name__ == "__main__":
    if "block" in sys.argv:
        from moloch.extras import EXTRAS

        sys.meta_path.insert(0, Hidden({module for modules in EXTRAS.values() for module in modules}))
    runs, folder = Path(sys.argv[1]), Path(sys.argv[2])
    print(json.dumps({name: tried(argv) for name, argv in commands(runs, folder).items()}))
