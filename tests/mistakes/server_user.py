"""Mistakes of somebody whose models are served: URLs, keys, names of models, budgets, and servers that misbehave."""

from __future__ import annotations

from tests.mistakes import places
from tests.mistakes.mistake import NO_SERVER, SPENT, Mistake
from tests.support.server import Call, completion, ok

SMALL = "--set train_anchors=2 --set held_out_anchors=2 --set train_personas=2 --set held_out_personas=2 --epochs 1 --set arms=[rft]"
QUESTIONS = "name: q\nquestions: [{id: a, kind: open, text: Why}]\n"
KEY = "sk-proj-0123456789abcdef"
RUN = (places.run(),)
HELLO = "<think>p</think><sales_pitch>It is blue.</sales_pitch>"


def well(call: Call) -> bytes:
    """Answer as a model does."""
    return completion(HELLO)


def listing(*names: str) -> bytes:
    """Return the models that a server lists."""
    return ok({"data": [{"id": name, "owned_by": "test"} for name in names]})


def checked(
    did: str, answer: bytes | None, *says: str, code: int = NO_SERVER, listed: bytes = b"", out: bool = True
) -> Mistake:
    """A server that answers badly, looked at by itself."""
    return Mistake(
        did,
        "llm check {server} --set serving.server.patience=0.1",
        says,
        code=code,
        answers=lambda call: answer,
        listed=listed,
        out=out,
        slow=True,
    )


def refused(did: str, typed: str, *says: str, code: int = 2) -> Mistake:
    """What is refused before any server is asked."""
    return Mistake(did, typed, says, code=code)


def served(did: str, answer: bytes, *says: str, code: int = NO_SERVER, typed: str = "") -> Mistake:
    """A run whose readers are served by a server that answers badly."""
    return Mistake(
        did,
        f"run --reader {{server}} {SMALL} --set serving.server.patience=0.1 --out r {typed}",
        says,
        code=code,
        answers=lambda call: answer,
        leaves=("r",),
        slow=True,
    )


SERVER: tuple[Mistake, ...] = (
    # where it is
    refused("no scheme", "run --llm localhost:8000/v1", "Did you mean http://localhost:8000/v1?"),
    refused("one slash", "run --llm http:/localhost:8000", "Did you mean http://localhost:8000?"),
    refused("a scheme that is not spoken", "run --llm ftp://host/v1", "not the URL of a server"),
    refused("no host", "run --llm http://", "not the URL of a server"),
    refused("a port that there is not", "run --llm http://host:99999/v1", "not the URL of a server"),
    refused("a port in words", "run --llm http://host:abc/v1", "not the URL of a server", "port"),
    refused("an engine mistyped", "run --llm vlm", "unknown backend 'vlm'", "vllm"),
    refused("a company for a server", "run --llm openai", "unknown backend 'openai'"),
    refused("a server of this machine mistyped", "run --llm olama", "olama", "ollama"),
    refused("a user and a password in the URL", "run --llm http://me:secret@host/v1", "keys come from the environment"),
    refused(
        "a server for the model that writes, and no files",
        "run --llm http://localhost:9/v1 --model nowhere",
        "no files of model 'nowhere' here",
    ),
    refused(
        "a server that nothing asks",
        "run --llm http://localhost:8/v1 --set \"serving.models={pocket: {url: 'http://localhost:9/v1'}}\"",
        "no model is asked at this server",
    ),
    Mistake("a server where nobody answers", "llm check http://127.0.0.1:9/v1", (), code=1, out=True),
    refused(
        "a reader where nobody answers",
        "run --reader http://127.0.0.1:9/v1",
        "http://127.0.0.1:9/v1",
        "Is it running",
        code=NO_SERVER,
    ),
    refused(
        "a host that there is not",
        "run --reader http://no-such-host.invalid/v1",
        "no-such-host.invalid",
        code=NO_SERVER,
    ),
    refused("a reader that is no server", "run --reader qwen", "qwen"),
    refused(
        "a reader of a server of this machine that is not there", "run --reader ollama", "Start Ollama", code=NO_SERVER
    ),
    Mistake(
        "a judge where nobody answers",
        "probe run --judge http://127.0.0.1:9/v1#m",
        ("http://127.0.0.1:9/v1", "Is it running"),
        code=NO_SERVER,
        given=RUN,
    ),
    Mistake("a judge that is not here", "probe run --judge gpt-4", ("gpt-4",), given=RUN),
    Mistake("no judge", "probe run", ("--judge",), given=RUN),
    Mistake("a battery that there is not", "probe run --judge pocket --battery mine", ("mine", "paper"), given=RUN),
    # keys
    Mistake(
        "a key in clear text",
        "run --reader http://10.0.0.9:8000/v1",
        ("MOLOCH_API_KEY would be sent in clear text", "key_in_clear"),
        environment={"MOLOCH_API_KEY": KEY},
    ),
    refused("a key for the name of one", f"run --llm http://localhost:9/v1 --set serving.server.key={KEY}", "key"),
    Mistake(
        "no key for a server that wants one",
        "llm check {server}",
        ("No key was sent", "MOLOCH_API_KEY"),
        answers=lambda call: ok({"detail": "Invalid token"}, "401 No"),
    ),
    Mistake(
        "a key that is not taken",
        "llm check {server}",
        ("taken from MOLOCH_API_KEY",),
        answers=lambda call: ok({"detail": "Invalid token"}, "401 No"),
        environment={"MOLOCH_API_KEY": KEY},
    ),
    Mistake(
        "a key with a line's end",
        "llm check {server}",
        ("MOLOCH_API_KEY",),
        answers=well,
        environment={"MOLOCH_API_KEY": KEY + "\nx"},
    ),
    Mistake(
        "a key that may not do it",
        "llm check {server}",
        ("403",),
        answers=lambda call: ok({"error": {"message": "not allowed"}}, "403 Forbidden"),
    ),
    # models
    Mistake(
        "a model that the server lacks",
        f"run --reader {{server}}#qwen {SMALL} --out r",
        ("does not serve 'qwen'", "it serves m"),
        answers=well,
    ),
    refused(
        "a named reader where nobody answers",
        f"run --reader http://127.0.0.1:9/v1#m {SMALL} --out r",
        "Is it running",
        code=NO_SERVER,
    ),
    Mistake(
        "a key that no run is begun without",
        f"run --reader {{server}}#m {SMALL} --out r",
        ("No key was sent", "MOLOCH_API_KEY"),
        answers=well,
        listed=ok({"detail": "Invalid token"}, "401 No"),
    ),
    served(
        "a reader that never names an option",
        completion("Both are lovely."),
        "names no option",
        "Both are lovely",
        code=8,
    ),
    Mistake(
        "several models and no name",
        "run --reader {server}",
        ("a-model", "b-model"),
        answers=well,
        listed=listing("a-model", "b-model"),
    ),
    Mistake("a server without models", "run --reader {server}", ("model",), answers=well, listed=listing()),
    Mistake(
        "a list of models that is a page",
        "run --reader {server}",
        ("lists no model",),
        answers=well,
        listed=ok(b"<html>hello</html>"),
    ),
    Mistake(
        "a server of something else",
        "run --reader {server}",
        ("404",),
        answers=well,
        listed=ok({"detail": "Not Found"}, "404 Not Found"),
    ),
    # answers
    checked(
        "a server without the model",
        ok({"error": {"message": "model not found"}}, "404 Not Found"),
        "model not found",
        code=2,
    ),
    checked("an answer that is a page", ok(b"<html>gateway</html>"), "http"),
    checked("an answer without choices", ok({"choices": []}), "http"),
    checked("an answer that is a number", ok(b"5"), "http"),
    checked("an error without words", ok(b"", "500 Internal Server Error"), "500"),
    checked(
        "too many requests for ever",
        ok({"error": {"message": "slow down"}}, "429 Too Many Requests", Retry_After="0"),
        "429",
    ),
    checked(
        "a quota that is used up",
        ok(
            {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
            "429 Too Many Requests",
        ),
        "quota",
    ),
    checked("another address for ever", ok(b"", "302 Found", Location="/v1/chat/completions"), "302", code=2),
    checked(
        "a refusal of what was asked",
        ok({"error": {"message": "max_tokens is too large"}}, "400 Bad Request"),
        "max_tokens is too large",
        code=2,
    ),
    served(
        "a prompt that is too long for a reader",
        ok({"error": {"message": "context length exceeded"}}, "400 Bad Request"),
        "context length exceeded",
        code=2,
    ),
    served("a server that breaks in the middle", ok(b"", "503 Service Unavailable"), "503"),
    # budgets
    Mistake(
        "no calls allowed",
        f"run --reader {{server}} {SMALL} --max-calls 0 --out r",
        ("0 of 0 calls",),
        code=SPENT,
        answers=well,
        leaves=("r",),
        slow=True,
    ),
    Mistake(
        "no tokens allowed",
        f"run --reader {{server}} {SMALL} --max-tokens 0 --out r",
        ("0 of 0 tokens",),
        code=SPENT,
        answers=well,
        leaves=("r",),
        slow=True,
    ),
    refused("a bound in words", "run --max-usd much", "--max-usd"),
    refused("money without prices", "run --reader http://127.0.0.1:9/v1#m --max-usd 1", "price"),
    refused("a budget mistyped", "run --set budget.call=3", "budget.call", "calls"),
    # settings of a server
    refused(
        "a setting of a server mistyped",
        "run --llm http://localhost:9/v1 --set serving.server.concurency=3",
        "Did you mean 'concurrency'?",
    ),
    refused(
        "calls at once that are none",
        "run --llm http://localhost:9/v1 --set serving.server.concurrency=0",
        "concurrency",
    ),
    refused(
        "a timeout that is none",
        "run --llm http://localhost:9/v1 --set serving.server.timeout=-1",
        "serving.server.timeout",
        "above 0",
    ),
    Mistake(
        "places of models that are not there",
        "ask run --questions q.yaml --serving s.yaml --reader pocket",
        ("s.yaml",),
        given=RUN,
        files={"q.yaml": QUESTIONS},
    ),
    Mistake(
        "places of models that are none",
        "ask run --questions q.yaml --serving s.yaml --reader pocket",
        ("s.yaml",),
        given=RUN,
        files={"s.yaml": "llm: vlm\n", "q.yaml": QUESTIONS},
    ),
    refused("vLLM that is not installed", "run --llm vllm --model pocket", "vllm"),
    refused("a model to check that is not here", "llm check qwen", "qwen"),
    Mistake("a check of an arena that there is not", "llm check pocket --arena shop", ("shop", "sales")),
)
