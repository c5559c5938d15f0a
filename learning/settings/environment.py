"""Settings from the environment: ``MOLOCH_SET__LORA__LR=1e-3`` is ``--set lora.lr=1e-3``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

PREFIX = "MOLOCH_SET__"


def environment_settings(environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield variable, name of a setting, and its value in YAML, in the order of variables' names.

    >>> list(environment_settings({"MOLOCH_SET__LORA__LR": "1e-3", "MOLOCH_MODELS": "/models"}))
    [('MOLOCH_SET__LORA__LR', 'lora.lr', '1e-3')]
    """
    for variable, value in sorted(environ.items()):
        if variable.startswith(PREFIX) and len(variable) > len(PREFIX):
            yield variable, variable.removeprefix(PREFIX).lower().replace("__", "."), value
