"""What is asked of a server beside completions: which models it serves, which adapters it holds. One call at a time."""

from __future__ import annotations

import http.client
import ssl
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from abm.llm.http._dialect import Kind
from abm.llm.http._exchange import Address, ServiceError
from abm.llm.http._failure import EARLY, shortened, with_words, words
from abm.llm.http._json import parsed_json
from abm.llm.http.endpoint import Endpoint
from moloch.errors import InputError, MolochWarning

SECONDS = 60.0
"""A server that loads an adapter may take a while."""


class ServedModel(NamedTuple):
    """A model as its server knows it."""

    name: str
    kind: Kind


class ServerAnswer(NamedTuple):
    """An HTTP answer; ``data`` is None where it is not JSON."""

    status: int
    data: Any
    text: str


class Control:
    """Asks a server.

    Args:
        path: before every call's own, ``/v1`` say.
        endpoint: whose key is sent as a bearer token, if there is one.
    """

    def __init__(self, address: Address, path: str, endpoint: Endpoint) -> None:
        self._address, self._path, self._endpoint = address, path, endpoint
        self._secret = endpoint.secret
        self._key = self._secret.encode()

    @property
    def has_key(self) -> bool:
        """Whether a key is sent, which nothing may repeat."""
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
        host, port, tls = self._address
        if tls:
            connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=ssl.create_default_context())
        else:
            connection = http.client.HTTPConnection(host, port, timeout=seconds)
        headers = {"Content-Type": "application/json"}
        if self._secret:
            headers["Authorization"] = f"Bearer {self._secret}"
        try:
            connection.request(
                verb, self._path + path, None if fields is None else msgspec.json.encode(fields), headers
            )
            answer = connection.getresponse()
            body = answer.read(16 * 2**20)
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError(
                "cannot reach the server",
                where=self.place,
                why=str(error) or type(error).__name__,
                fix="Is it running, and is this its address? The same command goes on once it is.",
            ) from error
        finally:
            connection.close()
        body = self.redacted(body)
        return ServerAnswer(answer.status, parsed_json(body), body.decode("utf-8", "replace"))

    def models(self) -> list[dict[str, Any]]:
        """Return what the server says it serves; nothing if it does not say.

        Raises:
            ServiceError: it cannot be reached, or not now.
            InputError: it wants another key.
        """
        answer = self.ask("GET", "/models")
        if answer.status == 429 or answer.status >= 500 or answer.status in EARLY:
            raise ServiceError(
                "the server does not serve now",
                where=self.place,
                why=self.words(answer, " to the list of its models"),
                fix="The same command goes on once it does.",
            )
        if answer.status in (401, 403):
            raise InputError(
                "the server does not let us in", where=self.place, why=self.words(answer), fix=self._endpoint.key_fix
            )
        return _listed(answer.data) if answer.status == 200 else []

    def served(self, name: str, given: str = "") -> ServedModel:
        """Return how the server calls a model: by its name, by the folder it is in, or as its only one.

        Args:
            name: as the settings have it; a URL names none.
            given: by the endpoint, as the server's name for it; empty if it gives none.

        Raises:
            InputError: it serves others.
        """
        models = self.models()
        kind, wanted = _kind(models), given or name
        if not models or any(each["id"] == wanted for each in models):
            return ServedModel(wanted, kind)
        last = _last(wanted)
        bases = [each for each in models if not each.get("parent")]
        near = [each["id"] for each in bases if last in (_last(each["id"]), _last(each.get("root")))]
        if len(near) == 1:
            return ServedModel(near[0], kind)
        if len(bases) == 1 and not given:
            [only] = bases
            if "://" not in name:
                what = f"{self.place} serves one model, {shortened(only['id'])!r}; it is asked in place of {name!r}"
                warnings.warn(what, MolochWarning, stacklevel=2)
            return ServedModel(only["id"], kind)
        raise InputError(
            "the server serves several models" if "://" in wanted else f"the server does not serve {wanted!r}",
            where=self.place,
            why=f"it serves {shortened(', '.join(sorted(each['id'] for each in bases)[:8]))}",
            fix="Name one of them: URL#NAME, or the endpoint's `name`.",
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
            why=self.words(answer),
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
        return text.replace(self._secret, "[key]") if self._secret else text


def _listed(data: Any) -> list[dict[str, Any]]:
    """Return the models of a list, in any of the shapes that servers give it."""
    found = next((data[name] for name in ("data", "models") if data.get(name)), []) if isinstance(data, dict) else data
    models: list[dict[str, Any]] = []
    for each in found if isinstance(found, list) else []:
        entry = {"id": each} if isinstance(each, str) else each
        if isinstance(entry, dict) and isinstance(name := entry.get("id") or entry.get("name"), str):
            models.append(entry | {"id": name})
    return models


def _kind(models: list[dict[str, Any]]) -> Kind:
    owners = [each.get("owned_by") for each in models]
    return "vllm" if "vllm" in owners else "ollama" if "library" in owners else "openai"


def _last(path: object) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1] if isinstance(path, str) else ""
