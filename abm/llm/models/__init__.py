"""Models that a user added to the cache of this machine: ``moloch model add|list|show|remove``.

An added model is an ordinary folder of safetensors with tokenizer and chat template, so everything that takes a model's
folder takes its name too: ``moloch run --model smollm2``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moloch.lazy import door

if TYPE_CHECKING:
    from abm.llm.models.home import models_home
    from abm.llm.models.known import KNOWN, KnownModel
    from abm.llm.models.shelf import AddedModel, add_model, added_model, added_models, remove_model

__all__ = [
    "KNOWN",
    "AddedModel",
    "KnownModel",
    "add_model",
    "added_model",
    "added_models",
    "models_home",
    "remove_model",
]

_HOMES = {
    "KNOWN": "abm.llm.models.known",
    "AddedModel": "abm.llm.models.shelf",
    "KnownModel": "abm.llm.models.known",
    "add_model": "abm.llm.models.shelf",
    "added_model": "abm.llm.models.shelf",
    "added_models": "abm.llm.models.shelf",
    "models_home": "abm.llm.models.home",
    "remove_model": "abm.llm.models.shelf",
}

__getattr__, __dir__ = door(__name__, _HOMES)
