"""Values checked by a model: what is wrong with them, all of it, in plain words, and what may stand there instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from moloch.errors import InputError, together
from moloch.meant_texts import as_meant, leading
from moloch.reasons import reason
from moloch.yamls import Keys, Source

Model = TypeVar("Model", bound=BaseModel)
MOST_MISTAKES = 50
"""Mistakes of one file that are reported at once."""


def validated(model: type[Model], source: Source, what: str) -> Model:
    """Return a YAML text as a model.

    Args:
        what: the whole, for errors that concern no single key, such as ``"the arena"``.

    Raises:
        InputError: not YAML, or not what the model allows: every mistake, see :func:`checked`.
    """
    made, wrong = checked(model, as_meant(model, source.values(), source.texts_at))
    if made is None:
        raise together(source.placed([(each["loc"], _mistaken(model, what, each)) for each in wrong]))
    return made


def _mistaken(model: type[BaseModel], what: str, error: Any) -> InputError:
    why, fix = error["msg"], error.get("ctx", {}).get("fix", "")
    if error["type"] == "extra_forbidden":
        why, fix = "there is no such key", others(model, error["loc"], "Keys")
    name = ".".join(map(str, error["loc"])) or what
    if error["type"] == "missing":
        return InputError(f"{name} is missing")
    return InputError(f"{name} is not valid", why=why, fix=fix)


def checked(model: type[Model], values: Any) -> tuple[Model | None, list[Any]]:
    """Return ``values`` as a model, or None and every mistake in them, as pydantic lists it, with a plainer reason: up to :data:`MOST_MISTAKES`.

    A truth value that stands for a number is a mistake too, as ``epochs: yes`` is, which would be 1. What a model checks of
    several values together is reported once each of them is valid.
    """
    try:
        made = model.model_validate(values)
        wrong = [_truth(keys) for keys in _truths(values, made)]
    except ValidationError as error:
        made, wrong = None, [{**each, "msg": reason(each)} for each in error.errors(include_url=False)]
        wrong += [_truth(keys) for keys in _truths_among(model, values)]
    return (None if wrong else made), _to_tell(wrong, values)[:MOST_MISTAKES]


def _truth(keys: Keys) -> dict[str, Any]:
    return {"type": "truth", "loc": keys, "msg": NO_NUMBER}


def _truths(values: Any, made: Any) -> Iterator[Keys]:
    """Yield where ``values`` say yes or no and what was made of them holds a number."""
    if isinstance(values, bool) and isinstance(made, int | float) and not isinstance(made, bool):
        yield ()
    pairs: list[tuple[str | int, Any, Any]] = []
    if isinstance(values, dict):
        held: Any = made if isinstance(made, dict) else getattr(made, "__dict__", {})
        pairs = [(key, value, held.get(key)) for key, value in values.items()]
    elif isinstance(values, list) and isinstance(made, list | tuple):
        pairs = [(i, value, each) for i, (value, each) in enumerate(zip(values, made, strict=False))]
    for key, value, each in pairs:
        yield from ((key, *inner) for inner in _truths(value, each))


def _truths_among(model: type[BaseModel], values: Any) -> Iterator[Keys]:
    """Yield where ``values`` of which no model can be made say yes or no for a number: as a word, it is none."""
    try:
        model.model_validate(_in_words(values))
    except ValidationError as error:
        for each in error.errors(include_url=False):
            path, value = leading(values, each["loc"])
            if each["type"] in ("int_parsing", "float_parsing") and isinstance(value, bool):
                yield path


def _in_words(values: Any) -> Any:
    """Return ``values`` with each truth value as the word for it, which a model takes where it takes a truth value."""
    if isinstance(values, dict):
        return {key: _in_words(value) for key, value in values.items()}
    if isinstance(values, list):
        return [_in_words(value) for value in values]
    return str(values).lower() if isinstance(values, bool) else values


def _to_tell(wrong: list[Any], values: Any) -> list[Any]:
    """Return the mistakes to tell: one for each place, a truth value before what is wrong with the number that it stands for, and none
    for a missing key beside an unknown one, which explains it."""
    unknown = {leading(values, each["loc"][:-1])[0] for each in wrong if each["type"] == "extra_forbidden"}
    told: dict[Any, Any] = {}
    for each in wrong:
        lacks = each["type"] == "missing"
        place = leading(values, each["loc"])[0]
        if each["type"] == "truth":
            told[place] = each
        elif not (lacks and place in unknown):
            told.setdefault(each["loc"] if lacks else place, each)
    return list(told.values())


NO_NUMBER = "yes, no, on, off, true and false are truth values, and it takes a number"
"""Why such a value is refused."""


def others(model: type[BaseModel], keys: Sequence[str | int], what: str) -> str:
    """Return what may stand where the last of ``keys`` does not, the one that may be meant first; "" where that is not plain."""
    here: Any = model
    for key in keys[:-1]:
        if isinstance(key, int):
            continue
        field = here.model_fields.get(str(key))
        models = list(_models_in(field.annotation)) if field else []
        if len(models) != 1:
            return ""
        here = models[0]
    meant = get_close_matches(str(keys[-1]), here.model_fields, n=1)
    return f"{f'Did you mean {meant[0]!r}? ' if meant else ''}{what} are {', '.join(here.model_fields)}."


def named_within(model: type[BaseModel], name: str, under: str = "") -> list[str]:
    """Return the dotted keys, within the values that a model holds under names of its own, whose last part is ``name``."""
    found = list[str]()
    for key, field in model.model_fields.items():
        kinds = {field.annotation, *get_args(field.annotation)} - {type(None)}
        for inner in (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)):
            here = f"{under}{key}."
            found += [f"{here}{name}"] if name in inner.model_fields else []
            found += named_within(inner, name, here)
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a field may hold: itself, or in it where it is optional or has several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
