"""The readers' model behind a server of its own: the settings that say so. A server is asked only for a name that was not given."""

from __future__ import annotations

import json

from abm.llm.backends import Serving
from abm.llm.http.endpoint import Endpoint, is_server, lacks_scheme, shown, url_and_name
from learning.settings.config import LLM_AUDIENCE, RunConfig
from moloch.errors import InputError


def reader_settings(place: str, serving: Serving, writers: str) -> list[str]:
    """Return, as ``key=value``, the settings by which a server's model plays the personas; writers stay where they are.

    Args:
        place: ``URL#NAME``, ``ollama:NAME`` and the like; without a name the server's only model.
        serving: where models are served otherwise.
        writers: the model that writes.

    Raises:
        InputError: no server, or it serves several models and none is named.
        ServiceError: no name is given, and the server cannot be asked for one.
    """
    endpoint = reader_endpoint(place, serving)
    model = endpoint.name
    if model == writers:  # the two differ in where they are
        model = endpoint.place(model)
    served = {**serving.models, model: endpoint}
    served = {name: each.model_dump(mode="json", exclude_unset=True) for name, each in served.items()}
    return [f"audience={LLM_AUDIENCE}", f"reader.model={json.dumps(model)}", f"serving.models={json.dumps(served)}"]


def served_again(place: str, config: RunConfig, serving: Serving | None = None) -> Serving:
    """Return where models are served when a run's personas are asked again, its readers by ``place``.

    Args:
        serving: where models are served otherwise; by default nothing is known of that.

    Raises:
        InputError: no server, or no model played the run's personas.
    """
    serving = serving or Serving()
    if config.audience != LLM_AUDIENCE:
        raise InputError(
            "--reader has no effect here", why="no language model played this run's personas", fix="Leave it out."
        )
    model = config.reader_model
    known = url_and_name(model)[1] if is_server(model) else model
    models = {**serving.models, model: reader_endpoint(place, serving, known)}
    return serving.model_copy(update={"models": models})


def reader_endpoint(place: str, serving: Serving, name: str = "") -> Endpoint:
    """Return the endpoint of ``place``, its model named.

    Args:
        name: of the model, where ``place`` names none; by default the server's only one.

    Raises:
        InputError, ServiceError: as :func:`reader_settings`.
    """
    if lacks_scheme(place):
        raise InputError(
            f"--reader takes a server, not {shown(place)!r}",
            why="a URL begins with http:// or https://",
            fix=f"Give --reader http://{shown(place)}.",
        )
    if not is_server(place):
        raise InputError(
            f"--reader takes a server, not {shown(place)!r}",
            why="a model of this machine reads by --audience llm, and by --set reader.model=NAME where it is not the one that writes",
            fix="For example http://localhost:8000/v1#NAME, or ollama:NAME; moloch llm find lists what is served here.",
        )
    endpoint = serving.at(place, name)
    if endpoint.name:
        return endpoint
    from abm.llm.http import HTTPLLM

    return endpoint.model_copy(update={"name": HTTPLLM(endpoint.url, endpoint).served.name})
