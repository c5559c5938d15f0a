"""Whether the models of runs are where their settings say, and answer there, before anything is begun. Asks servers for their lists of models."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from abm.llm.backends import Backends
from learning.runs.costs import asked_models, check_places
from learning.settings.config import RunConfig
from moloch.errors import MolochError


def check_servers(config: RunConfig) -> None:
    """See that every model that a run would ask is where its settings say, and that its server answers and serves it.

    Raises:
        InputError: as :func:`learning.runs.costs.check_places`, or a server does not serve the model.
        ServiceError: a server cannot be reached.
    """
    check_places(config)
    with closing(Backends(config.serving)) as backends:
        backends.reach(asked_models(config))


def check_some_can_begin(configs: Iterable[RunConfig]) -> None:
    """See that the models of one run of several, at least, are there; the others may be wrong on purpose, or later.

    Raises:
        InputError, ServiceError: none of them could begin; the first one's mistake.
    """
    first: MolochError | None = None
    seen = set[tuple[object, ...]]()
    for config in configs:
        learners = [arm.model for arm in config.all_arms.values()]
        if (places := (id(config.serving), *asked_models(config), *learners)) in seen:
            continue
        seen.add(places)
        try:
            check_servers(config)
        except MolochError as error:
            first = first or error
            continue
        return
    if first is not None:
        raise first
