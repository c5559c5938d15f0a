"""What is promised of what a server answers: any of it is data, and what stands beside a completion cannot lose it."""

from __future__ import annotations

import json
import time
import warnings
from email.utils import format_datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abm.arenas.completions import parse_reaction
from abm.llm import Request, Sampling
from abm.llm.http import HTTPLLM, ServiceError
from abm.llm.http import _completion as completions
from abm.llm.http import _failure as failures
from abm.llm.http._dialect import merged
from abm.llm.http._exchange import UNKNOWN, Again, Landed
from abm.llm.http._ids import CompletionIds
from abm.llm.http._json import DEPTH, parsed_json
from abm.llm.http.endpoint import Endpoint
from abm.llm.port import Reply
from moloch.errors import InputError, MolochError, MolochWarning
from tests.abm.llm.test_http import RIGHT, _quick, asked, first_then, llm, texts  # noqa: F401 (a fixture)
from tests.support.server import Call, completion, echo, ok, serving

GOOD = {"role": "assistant", "content": "Blue."}
QUESTION = Request("react/0", [{"role": "user", "content": "Choose."}], Sampling(max_tokens=50), 1)


def body(beside: str = "", message: str = json.dumps(GOOD)) -> bytes:
    """Return a good completion with more JSON beside it."""
    return f'{{"choices": [{{"message": {message}, "finish_reason": "stop"}}]{beside}}}'.encode()


class TestJSON:
    """Whatever a server sends is read, or is no JSON."""

    @pytest.mark.parametrize(
        ("text", "read"),
        [
            (b'{"a": NaN, "b": -Infinity}', {"a": None, "b": float("-inf")}),
            (b'"\\ud800 and \\ud83d\\ude00"', "� and \U0001f600"),
            (b'{"\\udfff": 1}', {"�": 1}),
            (b"\xef\xbb\xbf[1]", [1]),
            (b'"caf\xe9"', "caf�"),
            (b'"two\nlines"', "two\nlines"),
            (b"[1e999]", [float("inf")]),
            (b'{"a": ' + b"7" * 10_000 + b"}", {"a": float("inf")}),
            (b'"[[[[" ', "[[[["),
            (b"", None),
            (b'{"cut', None),
        ],
    )
    def test_read(self, text, read):
        """Numbers, bytes and halves of letters that JSON or Python do not have."""
        assert parsed_json(text) == read

    @pytest.mark.parametrize("opened", ["[", '{"a":', '[{"a":', '[["]}",'])
    @pytest.mark.parametrize("whole", [True, False])
    def test_depth(self, opened, whole):
        """What lies too deep is read as null, if it ends; strings that hold brackets do not count."""
        closed = "".join("]" if sign == "[" else "}" for sign in reversed(opened) if sign in "[{").replace('"]}"', "")
        deep = opened * 50_000 + ("1" + closed * 50_000 if whole else "")
        read = parsed_json(f'{{"deep": {deep}, "beside": 1}}'.encode() if whole else deep.encode())
        assert read is None if not whole else read["beside"] == 1

    def test_levels_that_are_read(self):
        """Sixty-four of them."""
        read = parsed_json(b"\xef\xbb\xbf" + b"[" * DEPTH + b"[7]" + b"]" * DEPTH)
        for _ in range(DEPTH - 1):
            [read] = read
        assert read == [None]

    @given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
    def test_any_bytes(self, data):
        """No bytes raise anything."""
        parsed_json(data)

    @pytest.mark.system
    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists))
    def test_json_is_what_json_says(self, value):
        """What the standard library writes is read as it is, however it is read."""
        text = json.dumps(value)
        for before in (b"", b"\xef\xbb\xbf"):
            assert json.dumps(parsed_json(before + text.encode())) == json.dumps(json.loads(text))


class TestBeside:
    """What stands beside a good completion cannot lose it."""

    @pytest.mark.parametrize(
        "beside",
        [
            ', "usage": NaN',
            ', "usage": {"prompt_tokens": NaN, "completion_tokens": 1e999}',
            f', "usage": {"[" * 100_000}{"]" * 100_000}',
            f', "usage": {{"prompt_tokens": {"9" * 5_000}}}',
            ', "id": "\\ud800", "model": 7, "created": -1e400',
            ', "id": ["x"], "model": {"name": "m"}',
            ', "error": null, "system_fingerprint": "\\udc00"',
            ', "choices_more": [[[{}]]], "error": {"message": "just a warning"}',
            ', "timings": {"predicted_ms": Infinity}',
        ],
    )
    def test_kept(self, beside):
        """NaN, depth, digits, halves of letters and other types than usual."""
        headers = {"Retry_After": "9" * 400, "X_Odd": "\xff\xfe"}
        with serving(lambda call: ok(body(beside), **headers)) as server:
            model = llm(server)
            (found,) = model.complete(asked(1))
            assert (found.text, found.finish) == ("Blue.", "stop") and not model.service().retried

    def test_a_long_answer_with_a_deep_usage_takes_linear_time(self):
        """Four times the length takes about four times as long, not sixteen times."""

        def seconds(n: int) -> float:
            odd = body(f', "usage": {"[" * n}{"]" * n}, "also": "' + '\\"' * n + '", "open": NaN')
            best = 1e9
            for _ in range(3):
                began = time.process_time()
                data = parsed_json(odd)
                assert isinstance(completions.completion(QUESTION, data, completions.usage(data)), Reply)
                best = min(best, time.process_time() - began)
            return best

        assert seconds(400_000) < 12 * seconds(100_000)


class TestTexts:
    """A text may be in parts, and thinking may be anywhere; it is taken once."""

    @pytest.mark.parametrize(
        ("message", "text"),
        [
            ({"content": [{"type": "text", "text": "Bl"}, {"type": "text", "text": "ue."}]}, "Blue."),
            ({"content": ["Bl", "ue."]}, "Blue."),
            ({"content": {"type": "text", "text": "Blue."}}, "Blue."),
            ({"content": {"parts": [{"text": "Blue."}]}}, "Blue."),
            ("Blue.", "Blue."),
            ({"content": None, "refusal": [{"type": "refusal", "refusal": "No."}]}, "No."),
            ({"content": None}, ""),
            ({"content": "Blue.", "reasoning_content": "Hm."}, "<think>Hm.</think>\nBlue."),
            ({"content": "Blue.", "reasoning": {"content": "Hm."}}, "<think>Hm.</think>\nBlue."),
            ({"content": "Blue.", "reasoning_details": [{"type": "x", "text": "Hm."}]}, "<think>Hm.</think>\nBlue."),
            ({"content": "Blue.", "thinking": "Hm."}, "<think>Hm.</think>\nBlue."),
            ({"content": "<think>Hm.</think>\nBlue.", "reasoning_content": "Hm."}, "<think>Hm.</think>\nBlue."),
            ({"content": "<think>\nHm.\n</think>\n\nBlue.", "reasoning_content": "Hm."}, "<think>Hm.</think>\nBlue."),
            ({"content": "Hm.</think>Blue.", "reasoning_content": "Hm.\n"}, "<think>Hm.\n</think>\nBlue."),
            ({"content": "Hm.\n\nBlue.", "reasoning_content": "Hm."}, "<think>Hm.</think>\nBlue."),
            ({"content": "<think>Mine.</think>Blue.", "reasoning_content": "Hm."}, "<think>Mine.</think>Blue."),
            ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                          {"type": "text", "text": "Blue."}]}, "<think>Hm.</think>\nBlue."),
            ({"content": "a\ud800b"}, "a�b"),
            ({"content": [{"type": "output_text", "text": {"value": "Blue.", "annotations": []}}]}, "Blue."),
            ({"content": [{"type": "tool_use", "input": {}}, {"type": "text", "text": "Blue."}, None]}, "Blue."),
            ({"content": [{"type": "image_url", "image_url": {"url": "x"}}, 7, "Blue."]}, "Blue."),
        ],
    )  # fmt: skip
    def test_shapes(self, message, text):
        """Each is a way in which some server gives a text."""
        said = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})
        with serving(lambda call: ok(said.encode())) as server:
            (found,) = llm(server).complete(asked(1))
        assert found.text == text

    def test_a_vote_with_thinking_twice(self):
        """A reader whose server gives its thinking apart and leaves it in the text votes."""
        answer = completion("<think>B is red.</think><choice>A</choice>", reasoning_content="B is red.")
        with serving(lambda call: answer) as server:
            (found,) = llm(server).complete(asked(1))
        vote = parse_reaction(found.text, 2)
        assert vote is not None and (vote.position, vote.thought) == (0, "B is red.")

    @pytest.mark.parametrize(
        "content",
        [5, True, [1], [{"type": "image_url", "image_url": {"url": "x"}}], {"a": 1}, [[[[[[[[[["deep"]]]]]]]]]]],
    )
    def test_no_text(self, content):
        """What is no text is asked for again."""
        outcome = completions.completion(QUESTION, {"choices": [{"message": {"content": content}}]}, UNKNOWN)
        assert isinstance(outcome, Again) and outcome.why == "malformed answer" and outcome.wrong


def shapes():
    """Return answers of all shapes: JSON in which the fields of completions and errors stand anywhere."""
    names = st.sampled_from(
        ["choices", "message", "content", "usage", "error", "detail", "errors", "code", "type", "text", "id", "model", "prompt_tokens",
         "completion_tokens", "total_tokens", "finish_reason", "reasoning_content", "refusal", "loc", "msg", "status"]
    )  # fmt: skip
    words = st.sampled_from(["429", "insufficient_quota", "rate limit", "error", "</think>", '{"choice": "A"', "<"])
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | words
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=5), inner, max_size=5), max_leaves=25
    )  # fmt: skip


class TestAnyAnswer:
    """No answer makes anything but a reply, another attempt or an error that says why."""

    @pytest.mark.system
    @settings(max_examples=300, deadline=None)
    @given(
        st.sampled_from(
            [200, 201, 204, 301, 400, 401, 403, 404, 408, 409, 413, 422, 425, 429, 500, 501, 503, 529, 599]
        ),
        shapes(),
        st.text(max_size=30),
        st.booleans(),
    )
    def test_outcomes(self, status, data, header, choices):
        """Whatever the status, the body and the headers are."""
        model, held = _offline(), QUESTION
        if choices:
            held = Request("react/0", QUESTION.messages, QUESTION.sampling, 1, choices=("A", "B"))
        raw = json.dumps(data).encode("utf-8", "replace")
        headers = {b"retry-after": header.encode("utf-8", "replace"), b"location": header.encode("utf-8", "replace")}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MolochWarning)
            landed = model.read(held, status, headers, raw, True)
        assert isinstance(landed, Landed) and isinstance(landed.outcome, Reply | Again | MolochError)
        if isinstance(landed.outcome, Reply):
            landed.outcome.text.encode()  # it can be written and sent
            assert landed.outcome.tokens_in >= 0 and landed.outcome.tokens_out >= 0
        for tokens in landed.usage:
            assert tokens is None or tokens >= 0

    @given(st.text(max_size=60) | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(format_datetime))
    def test_waits(self, text):
        """What a server asks for is a time that can pass, or nothing."""
        for name in (b"retry-after", b"retry-after-ms"):
            wait = failures.asked_wait({name: text.encode("utf-8", "replace")})
            assert wait is None or 0 <= wait <= failures.LONGEST_WAIT

    @pytest.mark.system
    @given(shapes())
    def test_words(self, data):
        """Are one bounded line that a terminal can show."""
        said = failures.words(data)
        assert len(said) <= failures.SHOWN and all(sign.isprintable() for sign in said)


def _offline() -> HTTPLLM:
    model = HTTPLLM("m", Endpoint(url="http://localhost:9/v1"))
    from abm.llm.http._control import ServedModel

    model.__dict__["served"] = ServedModel("m", "openai")
    return model


class TestOwnWords:
    """An error repeats what the server said, in whatever shape it said it."""

    @pytest.mark.parametrize(
        "said",
        [
            {"detail": "too long by far"},
            {"detail": [{"loc": ["body", "messages"], "msg": "too long by far", "type": "value_error"}]},
            {"detail": {"reason": "too long by far"}},
            {"errors": [{"title": "too long by far"}]},
            {"errors": {"message": "too long by far"}},
            {"error": "too long by far"},
            {"error": {"message": "too long by far", "code": None}},
            {"error": {"error": {"message": "too long by far"}}},
            [{"error": {"message": "too long by far"}}],
            {"message": ["too long by far"]},
            {"msg": "too long by far"},
            {"error": True, "message": "too long by far"},
            {"odd": {"very": "too long by far"}},
            b"too long by far",
            b"<html><style>p {}</style><h1>too long by far</h1></html>",
        ],
    )
    def test_shapes(self, said):
        """FastAPI's, Ollama's, Gemini's, and those of proxies."""
        with (
            serving(lambda call: ok(said, "422 No")) as server,
            pytest.raises(InputError, match=r"HTTP 422: .*too long by far"),
        ):
            list(llm(server).complete(asked(1)))

    def test_a_terminal_is_safe(self):
        """Escape sequences and line ends do not reach it."""
        said = {"detail": "red \x1b[31malert\r\nmoloch: all is well\x07 \u202e"}
        with serving(lambda call: ok(said, "422 No")) as server, pytest.raises(InputError) as caught:
            list(llm(server).complete(asked(1)))
        assert str(caught.value).isprintable()

    @pytest.mark.parametrize("status", ["500 Oops", "507 Full", "409 No"])
    def test_why_it_is_gone(self, status):
        """A server that keeps failing is gone for its own reason, not only for its silence."""
        said = {"error": "model requires more system memory (9.1 GiB) than is available (2.0 GiB)"}
        with (
            serving(lambda call: ok(said, status)) as server,
            pytest.raises(ServiceError, match=r"HTTP \d+: model requires more system memory .*; no answer for"),
        ):
            list(llm(server, patience=0.05).complete(asked(3)))

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            ("429 Too Many", {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota."}}),
            ("429 Too Many", {"error": {"type": "insufficient_quota", "message": "Check your plan."}}),
            ("429 Too Many", {"detail": "You exceeded your current quota"}),
            ("402 Payment Required", {"error": {"message": "Insufficient credits. Add more."}}),
            ("403 No", {"error": {"message": "Your credit balance is too low"}}),
            ("200 OK", {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota."}}),
            ("200 OK", {"error": {"code": 402, "message": "Insufficient credits"}}),
        ],
    )
    def test_a_spent_quota_stops_at_once(self, status, said):
        """No call is made again for it; the same command resumes once there is more."""
        with serving(lambda call: ok(said, status)) as server:
            with pytest.raises(ServiceError, match=r"quota of this server is spent.*(?i:quota|credit|plan)"):
                list(llm(server, concurrency=2, patience=60).complete(asked(20)))
            assert len(server.calls) <= 2

    def test_a_limit_per_minute_is_no_spent_quota(self):
        """A server that says when it will answer again is waited for, whatever it calls its limit."""
        busy = ok({"error": {"message": "You exceeded your current quota"}}, "429 Many", Retry_After="0.01")
        with serving(first_then(busy)) as server:
            assert texts(llm(server).complete(asked(20))) == RIGHT

    def test_throttled_within_a_success(self):
        """It is waited for and counts as no attempt."""
        within = ok({"choices": [{"error": {"code": 429}, "finish_reason": "error", "message": {"content": ""}}]})
        for busy in (ok({"error": {"code": 429}}), within):
            with serving(first_then(busy, times=4)) as server:
                model = llm(server, attempts=1)
                assert texts(model.complete(asked(20))) == RIGHT
                assert not model.service().failed


class TestIds:
    """A completion's id comes once; a connection on which one repeats is out of step."""

    @staticmethod
    def _twice(sent: dict[int, bytes], every: int = 1):
        """Return answers with ids, the first of each connection sent again when the next call comes."""
        number = iter(range(10**6))

        def answer(call: Call) -> bytes:
            own = _named(f"id-{next(number)}", f"seed {call.fields['seed']}")
            before = sent.pop(call.connection, None)
            if before is None:
                sent[call.connection] = own
                return own
            return before + own

        return answer

    @pytest.mark.parametrize("concurrency", [1, 2, 8])
    def test_an_answer_that_comes_twice(self, concurrency):
        """Every call gets its own answer, where half of them got another's."""
        with serving(self._twice({})) as server:
            model = llm(server, concurrency=concurrency, attempts=1)
            right = {f"react/{i}": f"seed {i}" for i in range(60)}
            assert texts(model.complete(asked(60))) == right
            service = model.service()
        assert set(service.retried) == {"answer to another call"} and not service.failed

    def test_a_shift_that_goes_on(self):
        """A server that stays one answer behind on a connection gives none of them to the wrong call."""
        behind: dict[int, bytes] = {}
        number = iter(range(10**6))

        def answer(call: Call) -> bytes:
            own = _named(f"id-{next(number)}", f"seed {call.fields['seed']}")
            said = behind.get(call.connection, own)
            behind[call.connection] = own
            return said

        with serving(answer) as server:
            found = texts(llm(server, concurrency=2).complete(asked(60)))
        assert found == {f"react/{i}": f"seed {i}" for i in range(60)}

    @pytest.mark.parametrize("concurrency", [1, 8])
    @pytest.mark.parametrize("name", ["stub", "", None, 7])
    def test_servers_without_ids(self, concurrency, name):
        """Where all are alike, or there are none, they tell nothing, and cost one call at most."""
        with serving(lambda call: _named(name, f"seed {call.fields['seed']}")) as server:
            assert texts(llm(server, concurrency=concurrency).complete(asked(20))) == RIGHT
            assert len(server.calls) <= 20 + concurrency

    def test_ids_of_a_thousand(self):
        """Ollama draws them: two answers that share one are no repetition."""
        models = [{"id": "m", "owned_by": "library"}]
        with serving(
            lambda call: _named(f"c-{call.fields['seed'] % 7}", f"seed {call.fields['seed']}"), models=models
        ) as server:
            assert texts(llm(server, concurrency=2).complete(asked(20))) == RIGHT
            assert len(server.calls) == 20

    def test_memory_is_bounded(self, monkeypatch):
        """The oldest are forgotten."""
        monkeypatch.setattr("abm.llm.http._ids.KEPT", 3)
        ids = CompletionIds()
        assert [ids.stale(name, first=False) for name in "abcda"] == [False] * 5
        assert ids.stale("d", first=False) and ids.stale("d", first=False)


def _named(name: object, text: str) -> bytes:
    return ok({"id": name, "choices": [{"message": {"content": text}, "finish_reason": "stop"}]})


class TestWhoAnswered:
    """Which model answered is logged, and a difference is said once."""

    def test_a_difference(self):
        """Each name that is not the one asked for is reported once, however many calls it answers."""
        names = ("m", "m-2026-01-01", "m-2026-01-01", "other\x1b[31m")

        def answer(call: Call) -> bytes:
            reply = {"message": {"content": "x"}, "finish_reason": "stop"}
            return ok({"model": names[call.fields["seed"] % 4], "choices": [reply]})

        with serving(answer) as server, pytest.warns(MolochWarning) as said:
            model = llm(server)
            list(model.complete(asked(20)))
            first = model.service()
            list(model.complete(asked(20)))
        assert sorted(str(each.message).split("answers as ")[1] for each in said) == [
            "'m-2026-01-01' where 'm' is asked",
            "'other [31m' where 'm' is asked",
        ]
        assert sorted(first.answered_by.values()) == [5, 5, 10] and first.answered_by["m-2026-01-01"] == 10

    def test_names_without_end(self):
        """A server that names another model each time fills no log."""
        with (
            serving(lambda call: ok({"model": f"m{call.fields['seed']}", "choices": [{"message": GOOD}]})) as server,
            pytest.warns(MolochWarning) as said,
        ):
            model = llm(server)
            list(model.complete(asked(60)))
        answered_by = model.service().answered_by
        assert sum(answered_by.values()) == 60 and answered_by["others"] == 44 and len(said) == 16

    def test_none_is_named(self):
        """Servers that do not say are left alone."""
        with serving() as server, warnings.catch_warnings():
            warnings.simplefilter("error", MolochWarning)
            model = llm(server)
            list(model.complete(asked(3)))
        assert model.service().answered_by == {}


class TestDialects:
    """A server is asked as it wants to be asked, and what was given up is said once."""

    @pytest.mark.parametrize("thinking", ["", "<think>Hm.</think>\n"])
    @pytest.mark.parametrize(
        "said", ['{"choice": "B"}', ' {\n "choice" : "B"\n}', '{"choice":"B', '```json\n{"choice": "B"}\n```']
    )
    def test_options_by_schema(self, said, thinking):
        """Where a server has no field for options, they are an enum of a schema; the answer is the option all the same."""
        with serving(lambda call: completion(said, reasoning_content="Hm." if thinking else None)) as server:
            model = llm(server)
            (found,) = model.complete(asked(1, choices=("A", "B")))
            (call,) = server.calls
        held = call.fields["response_format"]["json_schema"]
        assert held["schema"]["properties"] == {"choice": {"type": "string", "enum": ["A", "B"]}} and held["strict"]
        assert held["schema"]["required"] == ["choice"] and "structured_outputs" not in call.fields
        assert found.text == f"{thinking}B" and model.changes == []

    @pytest.mark.parametrize(
        ("said", "text"),
        [('{"choice": "A', '{"choice": "A'), ('{"choice": "AB', "AB"), ('{"choice": "', '{"choice": "'), ("C", "C")],
    )
    def test_a_cut_option_is_not_guessed(self, said, text):
        """An answer that was cut where two options are possible stays what it is, and that options are ignored is said."""
        with serving(lambda call: completion(said, "length")) as server, warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = list(llm(server).complete(asked(5, choices=("A", "AB"))))
        assert {reply.text for reply in found} == {text}
        assert len(told) == (text != "AB")

    @pytest.mark.parametrize("kind", ["vllm", "test"])
    @pytest.mark.parametrize("status", ["400 Bad", "422 No", "501 No", "200 OK"])
    def test_what_is_refused_is_given_up(self, kind, status):
        """Options, then a schema: each is said once, every call is answered, and none counts as failed."""

        def answer(call: Call) -> bytes:
            for field in ("structured_outputs", "response_format"):
                if field in call.fields:
                    return ok({"error": {"message": f"{field} is not supported by this model"}}, status)
            return echo(call)

        with serving(answer, models=[{"id": "m", "owned_by": kind}]) as server, pytest.warns(MolochWarning) as said:
            model = llm(server)
            assert texts(model.complete(asked(20, choices=("A", "B")))) == RIGHT
            service, before = model.service(), len(server.calls)
            assert texts(model.complete(asked(20, schema='{"type":"object"}'))) == RIGHT
            assert len(server.calls) == before + 20, "the second round asks as the first has learnt"
        steps = 2 if kind == "vllm" else 1
        assert len(said) == len(model.changes) == len(service.changes) == steps
        assert "JSON Schema" in service.changes[-1] and not service.failed

    def test_bounds_of_texts_are_given_up_alone(self):
        """A server that knows schemas but no maxLength is asked for the schema without it; a property of that name stays."""
        text = {"type": "string", "maxLength": 9}
        schema = {"type": "object", "properties": {"quote": text, "maxLength": text}}

        def answer(call: Call) -> bytes:
            if '"maxLength":9' in json.dumps(call.fields["response_format"]).replace(" ", ""):
                return ok(
                    {"error": {"message": "Invalid schema for response_format: 'maxLength' is not permitted."}},
                    "400 Bad",
                )
            return echo(call)

        with serving(answer) as server, pytest.warns(MolochWarning, match="no maxLength"):
            model = llm(server)
            list(model.complete(asked(3, schema=json.dumps(schema))))
        held = server.calls[-1].fields["response_format"]["json_schema"]["schema"]
        assert held["properties"] == {"quote": {"type": "string"}, "maxLength": {"type": "string"}}

    @pytest.mark.parametrize(
        "said",
        [
            "System role not supported",
            "Conversation roles must alternate user/assistant/user/assistant/...",
            "Invalid value: 'system' message is not allowed",
            "This model does not support system instructions: role 'system'",
        ],
    )
    def test_a_template_without_system_role(self, said):
        """The system text is put before the user's, which is said once, and logged."""

        def answer(call: Call) -> bytes:
            roles = [message["role"] for message in call.fields["messages"]]
            return echo(call) if "system" not in roles else ok({"message": said}, "400 Bad")

        chat = [{"role": "system", "content": "You sell."}, {"role": "user", "content": "Sell this."}]
        calls = [Request(f"react/{i}", chat, Sampling(), i) for i in range(20)]  # type: ignore[arg-type]
        with serving(answer) as server, pytest.warns(MolochWarning, match="takes no system text") as told:
            model = llm(server)
            assert texts(model.complete(calls)) == RIGHT
            assert server.calls[-1].fields["messages"] == [{"role": "user", "content": "You sell.\n\nSell this."}]
        assert len(told) == 1 and len(model.service().changes) == 1

    def test_texts_that_end_an_answer(self):
        """A server gets them, four at most; one that refuses them is asked without, which is said once, and logged."""

        def answer(call: Call) -> bytes:
            refused = {"message": "Unsupported parameter: 'stop' is not supported with this model."}
            return ok({"error": refused}, "400 Bad") if "stop" in call.fields else echo(call)

        calls = [msgspec.structs.replace(each, stop=("a", "b", "c", "d", "e")) for each in asked(6)]
        with serving(echo) as server:
            list(llm(server).complete(calls))
            assert [call.fields["stop"] for call in server.calls] == [["a", "b", "c", "d"]] * 6
        with serving(answer) as server, pytest.warns(MolochWarning, match="takes no texts that end an answer") as told:
            model = llm(server)
            assert len(list(model.complete(calls))) == 6 and "stop" not in server.calls[-1].fields
        assert len(told) == 1 and len(model.service().changes) == 1
        with serving(echo) as server:
            list(llm(server).complete(asked(2)))
            assert not any("stop" in call.fields for call in server.calls)

    def test_merged(self):
        """No text is lost, wherever a system text stands."""
        chat = [("system", "a"), ("system", "b"), ("user", "c"), ("assistant", "d"), ("system", "e")]
        found = merged([{"role": role, "content": text} for role, text in chat])  # type: ignore[typeddict-item]
        assert [(m["role"], m["content"]) for m in found] == [
            ("user", "a\n\nb\n\nc"),
            ("assistant", "d"),
            ("user", "e"),
        ]

    def test_what_is_no_matter_of_dialect(self):
        """A refusal for another reason is an error with its words, not another way of asking."""
        with serving(lambda call: ok({"detail": "context length exceeded"}, "400 Bad")) as server:
            with pytest.raises(InputError, match="context length exceeded"):
                list(llm(server).complete(asked(1, choices=("A", "B"))))
            assert len(server.calls) == 1


class TestModels:
    """Which model is asked, of those that a server lists in whatever way."""

    @pytest.mark.parametrize(
        "listed",
        [{"data": [{"id": "one"}]}, [{"id": "one"}], {"models": [{"name": "one"}]}, {"data": ["one"]}, {"data": [{"id": "one", "owned_by": ["x"]}, 7]}],
    )  # fmt: skip
    def test_the_only_one(self, listed):
        """A server with one model has it chosen, whatever kind of server it is; another name than that asked for is said."""
        with serving() as server:
            server.listed = ok(listed)
            address = HTTPLLM(server.url, Endpoint(url=server.url))
            assert address.served.name == "one"
            with pytest.warns(MolochWarning, match="one model, 'one'; it is asked in place of 'm'"):
                assert llm(server).served.name == "one"
            with pytest.raises(InputError, match=r"does not serve 'm'.*it serves one"):
                _ = HTTPLLM("m", Endpoint(url=server.url, name="m")).served

    def test_several(self):
        """A URL alone does not choose among several."""
        with (
            serving(models=[{"id": "x"}, {"id": "y"}]) as server,
            pytest.raises(InputError, match=r"several models.*it serves x, y"),
        ):
            _ = HTTPLLM(server.url, Endpoint(url=server.url)).served

    @settings(max_examples=50, deadline=None)
    @given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "id", "models", "name", "root", "parent", "owned_by"]), inner, max_size=4), max_leaves=12))  # fmt: skip
    def test_any_list(self, data):
        """No list raises anything."""
        from abm.llm.http._control import _kind, _listed

        models = _listed(data)
        assert all(isinstance(each["id"], str) for each in models) and _kind(models) in ("vllm", "ollama", "openai")
