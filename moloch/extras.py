"""Optional packages: which extra of this one brings them, and the one line that says so where one is missing."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from moloch.errors import InputError

EXTRAS = {
    "learn": "accelerate datasets gguf huggingface_hub peft tokenizers torch transformers trl".split(),
    "store": ["obstore"],
    "tables": ["fastexcel", "pyreadstat"],
    "ui": "altair anywidget ipyvue ipyvuetify matplotlib solara solara_assets starlette traitlets uvicorn".split(),
    "figures": "altair fontTools great_tables matplotlib vl_convert".split(),
    "vllm": ["vllm"],
    "ray": ["ray"],
    "tensorboard": ["tensorboard"],
}
"""Extra -> the modules that it brings and that a plain installation lacks."""


IN_SETUP = ("learn", "store", "tables", "ui", "figures")
"""Extras of a user that ``make setup`` installs in a clone."""
_ROOT = Path(__file__).parent.parent


def how_to_get(extra: str) -> str:
    """Return the command that installs an extra: in a clone of the project that of its Makefile."""
    if not ((_ROOT / "Makefile").is_file() and (_ROOT / "pyproject.toml").is_file()):
        return f"pip install 'moloch-abm[{extra}]'"
    return "make setup" if extra in IN_SETUP else f"pip install -e '.[{extra}]'"


def missing(error: ImportError) -> InputError | None:
    """Return what to tell a user of a module that was not found; None if no extra brings it, which is a fault of ours."""
    top = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in EXTRAS.items() if top in modules), "")
    return _lacks(f"{top} is not installed", extra, f"it comes with the {extra} extra") if extra else None


def need(extra: str, what: str) -> None:
    """See that an extra is there before work begins that ends in it.

    Args:
        what: for the error, such as ``"learning"``.

    Raises:
        InputError: a module of it is not there.
    """
    for module in EXTRAS[extra]:
        if not _is_there(module):
            raise _lacks(f"{what} needs the {extra} extra", extra, f"{module} is not installed")


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _lacks(what: str, extra: str, why: str) -> InputError:
    return InputError(what, why=why, fix=how_to_get(extra))
