"""Where settings come from: layers, of which later ones are laid over earlier ones, and the place of each setting in its layer.

Knows the form of settings; reads no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moloch.yamls import Keys, Source


@dataclass(frozen=True)
class Layer:
    """Settings that stand in one place.

    Attributes:
        settings: what it says, as settings of a run.
        source: the text that says it.
        prefix: keys of the text under which the settings stand; empty: they are the whole.
        name: how messages call it: ``base``, ``audience=neutral``, ``profile gpu``, ``--set``, a file, a variable.
        within: keys of the setting whose value the text is; empty: it says several.
        chosen: whether somebody chose these settings for what is at hand; not so those of a profile or of another run's record.
    """

    settings: dict[str, Any]
    source: Source
    prefix: Keys
    name: str
    within: Keys = ()
    chosen: bool = True

    def at(self, key: Keys) -> str:
        """Return file, line and column of a setting."""
        return self.source.at(*self.in_text(key))

    def in_text(self, key: Keys) -> Keys:
        """Return the keys of a setting in the layer's text."""
        return (*self.prefix, *key[len(self.within) :])

    def holds(self, key: Keys) -> int:
        """Return how many parts of a setting's key it has; the place of an arm in a list is none where arms have names."""
        here: Any = self.settings
        depth = 0
        for part in key:
            if isinstance(here, list | tuple):
                here = dict(enumerate(here))
            if isinstance(here, Mapping) and part in here:
                here = here[part]
            elif not (depth == 1 and key[0] == "arms" and isinstance(part, int) and isinstance(here, Mapping)):
                break
            depth += 1
        return depth


def holder(layers: Sequence[Layer], key: Keys) -> Layer | None:
    """Return the layer that says a setting, the last one that has most of its key; None where none has any."""
    best = max(reversed(layers), key=lambda layer: layer.holds(key), default=None)
    return best if best is not None and best.holds(key) else None


def texts_in(layers: Sequence[Layer], paths: Iterable[Keys]) -> dict[Keys, str]:
    """Return path -> what was written there, for settings that are plain values of the layer that says them."""
    by: dict[int, tuple[Layer, dict[Keys, Keys]]] = {}
    for path in paths:
        if (layer := holder(layers, path)) is not None and layer.holds(path) == len(path):
            by.setdefault(id(layer), (layer, {}))[1][layer.in_text(path)] = path
    return {
        inner[there]: text
        for layer, inner in by.values()
        for there, text in layer.source.texts_at(inner.keys()).items()
    }


def laid_over(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``more`` laid over it, mapping by mapping."""
    merged = dict(base)
    for key, value in more.items():
        below = merged.get(key)
        merged[key] = laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def nested(keys: Sequence[str | int], value: Any) -> Any:
    """Return settings in which ``keys`` lead to a value.

    >>> nested(("lora", "lr"), 0.001)
    {'lora': {'lr': 0.001}}
    """
    for key in reversed(keys):
        value = {key: value}
    return value
