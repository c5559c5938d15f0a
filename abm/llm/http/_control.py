"""What is asked of a server beside completions: which models it serves, which adapters it holds. One call at a time."""

from __future__ import annotations

import http.client
import re
import ssl
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from abm.llm.http._compression import plain
from abm.llm.http._dialect import Kind
from abm.llm.http._exchange import Address, ServiceError
from abm.llm.http._failure import EARLY, shortened, with_words, words
from abm.llm.http._json import parsed_json
from abm.llm.http._single import MOST, exchanged
from abm.llm.http.endpoint import Endpoint, is_server
from moloch.errors import InputError, MolochWarning

SECONDS = 60.0
"""A server that loads an adapter may take a while."""
LISTING = 15.0
"""Seconds for the list of models."""
LONGEST_NAME = 1000
"""Characters of a model's name; it may be a path."""
LISTED = 600
"""Characters of the names of models that an error lists."""


class ServedModel(NamedTuple):
    """A model as its server knows it."""

    name: str
    kind: Kind


class ServerAnswer(NamedTuple):
    """An HTTP answer; ``data`` is None where it is not JSON, ``elsewhere`` where a redirect leads."""

    status: int
    data: Any
    text: str
    elsewhere: str = ""


SHORTEST_SECRET = 8
"""Characters of a key that is looked for in what a server says. Shorter ones (``x``, ``none``, ``ollama``) guard nothing; to take
them out would change numbers and words."""


class Control:
    """Asks a server.

    Args:
        path: before every call's own, ``/v1`` say.
        endpoint: whose key is sent as a bearer token, if there is one.
        secret: another key, or an empty one, which is not sent.
    """

    def __init__(self, address: Address, path: str, endpoint: Endpoint, *, secret: str | None = None) -> None:
        self._address, self._path, self._endpoint = address, path, endpoint
        self._secret = endpoint.secret if secret is None else secret
        self._hidden = self._secret if len(self._secret) >= SHORTEST_SECRET else ""
        self._key = self._hidden.encode()

    @property
    def has_key(self) -> bool:
        """Whether a key is sent that nothing may repeat."""
        return bool(self._key)

    @property
    def place(self) -> str:
        """The server's address, for messages."""
        host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
        return f"http{'s' if self._address.tls else ''}://{host}:{self._address.port}{self._path}"

    def head(self, verb: str, path: str) -> bytes:
        """Return the first lines of a call, up to where its own headers go."""
        host, port, tls = self._address
        name = f"[{host}]" if ":" in host else host
        if port != (443 if tls else 80):
            name += f":{port}"
        lines = [
            f"{verb} {self._path}{path} HTTP/1.1",
            f"Host: {name}",
            "User-Agent: moloch",
            "Accept: application/json",
            "Accept-Encoding: identity",
        ]
        lines += [f"Authorization: Bearer {self._secret}"] if self._secret else []
        return ("\r\n".join(lines) + "\r\n").encode("latin-1")

    def ask(
        self, verb: str, path: str, fields: dict[str, Any] | None = None, *, seconds: float = SECONDS
    ) -> ServerAnswer:
        """Return the server's answer, with any status.

        Raises:
            ServiceError: there is none.
        """
        body = None if fields is None else msgspec.json.encode(fields)
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers["Authorization"] = f"Bearer {self._secret}"
        try:
            answer, data = exchanged(self._address, (verb, self._path + path, body, headers), seconds)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreached(error) from error
        data = self.redacted(plain((answer.getheader("content-encoding") or "").encode("latin-1"), data, MOST))
        elsewhere = self.redacted_text(answer.getheader("location") or "") if 300 <= answer.status < 400 else ""
        return ServerAnswer(answer.status, parsed_json(data), data.decode("utf-8", "replace"), elsewhere)

    def _unreached(self, error: OSError | http.client.HTTPException) -> ServiceError:
        why = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        fix = self._endpoint.start_fix
        if isinstance(error, ssl.SSLCertVerificationError):
            why = f"its certificate is not accepted: {error.verify_message}"
            fix = (
                "Give the name that the certificate is for; SSL_CERT_FILE names a file of certificates that you trust."
            )
        elif isinstance(error, ssl.SSLError) or (self._address.tls and "handshake" in str(error)):
            why = (
                f"it does not answer in TLS ({(getattr(error, 'reason', '') or str(error)).lower().replace('_', ' ')})"
            )
            fix = f"https:// asks for TLS. If the server has none, give {self.place.replace('https://', 'http://', 1)}."
        return ServiceError("cannot reach the server", where=self.place, why=why, fix=fix)

    def models(self) -> list[dict[str, Any]]:
        """Return what the server says it serves; nothing if it does not say.

        Raises:
            ServiceError: it cannot be reached, or not now.
            InputError: it wants another key, or is elsewhere.
        """
        return self._models()[1]

    def _models(self) -> tuple[ServerAnswer, list[dict[str, Any]]]:
        answer = self.ask("GET", "/models", seconds=LISTING)
        if answer.status == 429 or answer.status >= 500 or answer.status in EARLY:
            raise ServiceError(
                "the server is not answering calls",
                where=self.place,
                why=self.words(answer, " to the list of its models"),
                fix="Once it does, give the same command again.",
            )
        if answer.status in (401, 403):
            raise InputError(
                "the server refuses access", where=self.place, why=self.words(answer), fix=self._endpoint.key_fix
            )
        if answer.elsewhere:
            why = f"HTTP {answer.status} to {shortened(answer.elsewhere)}"
            raise InputError("the server is elsewhere", where=self.place, why=why, fix="Give that URL.")
        return answer, self._listed(answer) if answer.status == 200 else []

    def _listed(self, answer: ServerAnswer) -> list[dict[str, Any]]:
        """Return the models of a list; a key within a name may have been written in escapes."""
        models = _listed(answer.data)
        return [each | {"id": self.redacted_text(each["id"])} for each in models] if self._hidden else models

    def listing(self, seconds: float) -> tuple[ServerAnswer, list[dict[str, Any]] | None]:
        """Return the answer to the list of models, and those that write; None if it is no such list.

        Raises:
            ServiceError: there is no answer in time.
        """
        answer = self.ask("GET", "/models", seconds=seconds)
        if not (isinstance(answer.data, list) or (isinstance(answer.data, dict) and answer.data.keys() & _LISTS)):
            return answer, None
        return answer, _writers([each for each in self._listed(answer) if not each.get("parent")])

    def served(self, name: str, given: str = "") -> ServedModel:
        """Return how the server calls a model: by its name, by the folder it is in, or as its only one.

        Args:
            name: as the settings have it; a server's URL or name names none.
            given: by the endpoint, as the server's name for it; empty if it gives none.

        Raises:
            InputError: it serves others.
        """
        answer, models = self._models()
        kind, wanted = _kind(models), given or name
        nameless = is_server(wanted)
        if not models and nameless:
            raise InputError(
                "the server lists no model",
                where=self.place,
                why="it has none, or does not say which" if answer.status == 200 else self.words(answer),
                fix=f"Load one into it, or name what it serves: {self._endpoint.place('NAME')}, or the endpoint's `name`.",
            )
        if not models or any(each["id"] == wanted for each in models):
            return ServedModel(wanted, kind)
        last = _last(wanted)
        bases = _writers([each for each in models if not each.get("parent")])
        near = [each["id"] for each in bases if last in (_last(each["id"]), _last(each.get("root")))]
        if len(near) == 1:
            return ServedModel(near[0], kind)
        if len(bases) == 1 and not given:
            [only] = bases
            if not nameless:
                what = f"{self.place} serves one model, {shortened(only['id'])!r}; it is asked in place of {name!r}"
                warnings.warn(what, MolochWarning, stacklevel=2)
            return ServedModel(only["id"], kind)
        raise InputError(
            "the server serves several models" if nameless else f"the server does not serve {wanted!r}",
            where=self.place,
            why=f"it serves {names_of(bases)}",
            fix=f"Name one of them: {self._endpoint.place('NAME')}, or the endpoint's `name`.",
        )

    def prompt_logprobs(self, model: str, tokens: Sequence[int]) -> list[float]:
        """Return the log-probability of each token of a prompt but the first, in nats, as vLLM gives them.

        Raises:
            InputError: the server gives none.
        """
        fields = {"model": model, "prompt": tokens, "max_tokens": 1, "temperature": 0, "prompt_logprobs": 0}
        answer = self.ask("POST", "/completions", fields)
        try:
            rows = answer.data["choices"][0]["prompt_logprobs"]
            return [float(row[str(token)]["logprob"]) for token, row in zip(tokens[1:], rows[1:], strict=True)]
        except (TypeError, KeyError, IndexError, ValueError, OverflowError) as error:
            raise self._without_logprobs(answer) from error

    def chat_logprobs(self, model: str) -> list[float]:
        """Return the log-probabilities of a short completion's tokens, in nats.

        Raises:
            InputError: the server gives none.
        """
        fields = {"model": model, "messages": [{"role": "user", "content": "Say good morning."}], "logprobs": True}
        answer = self.ask("POST", "/chat/completions", fields | {"max_tokens": 8, "temperature": 0, "seed": 1})
        try:
            return [float(each["logprob"]) for each in answer.data["choices"][0]["logprobs"]["content"]]
        except (TypeError, KeyError, IndexError, ValueError, OverflowError) as error:
            raise self._without_logprobs(answer) from error

    def _without_logprobs(self, answer: ServerAnswer) -> InputError:
        return InputError(
            "the server gives no log-probabilities",
            where=self.place,
            why=self.words(answer) if answer.status != 200 else "its answer holds none",
        )

    def words(self, answer: ServerAnswer, to: str = "") -> str:
        """Return an answer's status, what it was an answer ``to``, and the server's own words."""
        said = self.redacted_text(words(answer.data, answer.text.encode("utf-8", "replace")))
        return with_words(f"HTTP {answer.status}{to}", said)

    def redacted(self, data: bytes) -> bytes:
        """Return what a server said without the key, which some repeat."""
        return data.replace(self._key, b"[key]") if self._key and self._key in data else data

    def redacted_text(self, text: str) -> str:
        """Return the same of a text that was read: in JSON, a key may have been written in escapes."""
        return text.replace(self._hidden, "[key]") if self._hidden else text


def names_of(models: Sequence[dict[str, Any]]) -> str:
    """Return the names of models, as many as a line takes."""
    names, line = sorted(each["id"] for each in models), ""
    for i, name in enumerate(names):
        more = shortened(name) if not line else f"{line}, {shortened(name)}"
        if len(more) > LISTED and line:
            return f"{line} and {len(names) - i} more"
        line = more
    return line


_LISTS = ("data", "models")
"""Where a list of models stands; Ollama without one says ``{"data": null}``."""


def _listed(data: Any) -> list[dict[str, Any]]:
    """Return the models of a list, in any of the shapes that servers give it."""
    entries = next((data[name] for name in _LISTS if data.get(name)), []) if isinstance(data, dict) else data
    models: list[dict[str, Any]] = []
    for each in entries if isinstance(entries, list) else []:
        entry = {"id": each} if isinstance(each, str) else each
        name = (entry.get("id") or entry.get("name")) if isinstance(entry, dict) else None
        if isinstance(name, str) and name.isprintable() and len(name) <= LONGEST_NAME:
            models.append(entry | {"id": name})
    return models


def _writers(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the models that write: Ollama and LM Studio list those that only embed or rank among them."""
    return [each for each in models if not _EMBEDS.search(each["id"])] or models


_EMBEDS = re.compile(r"(?i)(?:^|[^a-z])(?:embed|embedding|rerank|reranker)(?:$|[^a-z])")

_OWNERS: dict[object, Kind] = {
    "vllm": "vllm",
    "library": "ollama",
    "llamacpp": "llamacpp",
    "organization_owner": "lmstudio",
}
"""By what the lists of models name their owners."""


def _kind(models: list[dict[str, Any]]) -> Kind:
    owners = [owner for each in models if isinstance(owner := each.get("owned_by"), str)]
    kinds: list[Kind] = [kind for name, kind in _OWNERS.items() if name in owners]
    return kinds[0] if kinds else "openai"


def _last(path: object) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1] if isinstance(path, str) else ""
