"""A completion that is held to a bounded schema fills it in, whatever the model would write by itself."""

from __future__ import annotations

import json

import msgspec
import pytest

from abm.llm import Sampling
from moloch.errors import InputError

torch = pytest.importorskip("torch", reason="needs the learn extra")

from abm.llm.conformance import SAMPLING, ask  # noqa: E402
from abm.llm.local.backend import TransformersLLM  # noqa: E402

TEXT = {"type": "string", "maxLength": 12}


def one_of(*values):
    return {"type": "string", "enum": list(values)}


def fields(**properties):
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


POST = {"anyOf": [fields(do=one_of("nothing", "like")), fields(do=one_of("share", "reply"), say=TEXT)]}
SCHEMAS = {
    "a page": fields(
        **{"post 1": POST, "post 2": POST, "account 1": fields(opinion=one_of("1", "2"), tie=one_of("keep"))}
    ),
    "options that begin alike": fields(choice=one_of("a", "ab", "abc"), yes={"type": "boolean"}),
    "numbers": fields(
        score={"type": "integer", "minimum": -1, "maximum": 12}, last={"type": "integer", "minimum": 1, "maximum": 12}
    ),
    "arrays": fields(
        spans={"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2},
        pair={"type": "array", "prefixItems": [one_of("x"), TEXT]},
    ),
    "a text alone": TEXT,
    "values with quotes": fields(say=one_of('"quoted"', "back\\slash", "ümläut")),
}
FREE = {
    "a text without a bound": fields(say={"type": "string"}),
    "a bound on one of two": fields(say=TEXT, why={"type": "string"}),
    "a field that may be missing": fields(say=TEXT) | {"required": []},
    "a number without bounds": fields(n={"type": "integer"}),
    "an array of any length": fields(n={"type": "array", "items": TEXT}),
    "alternatives that do not differ in a first field": {
        "anyOf": [fields(do=one_of("a")), fields(do=one_of("a"), say=TEXT)]
    },
    "no object": True,
}


def holds(schema, value) -> bool:
    """Return whether a value is one of a schema's: of those of this file, by hand."""
    if "anyOf" in schema:
        return any(holds(each, value) for each in schema["anyOf"])
    if "properties" in schema:
        return list(value) == list(schema["properties"]) and all(
            holds(s, value[k]) for k, s in schema["properties"].items()
        )
    if schema.get("type") == "array":
        items = schema.get("prefixItems") or [schema["items"]] * schema["maxItems"]
        return len(value) == len(items) and all(map(holds, items, value))
    if "enum" in schema:
        return value in schema["enum"]
    if schema.get("type") == "boolean":
        return isinstance(value, bool)
    if schema.get("type") == "integer":
        return isinstance(value, int) and schema["minimum"] <= value <= schema["maximum"]
    return isinstance(value, str) and len(value) <= schema["maxLength"]


def held(i, schema, **sampling):
    """Return the ``i``-th request, held to a schema."""
    wanted = Sampling(**({"temperature": 1.0, "top_p": 1.0, "max_tokens": 400} | sampling))
    return msgspec.structs.replace(ask(i), schema=json.dumps(schema), sampling=wanted)


@pytest.fixture(scope="module")
def llm(tiny_model):
    """A random model: it would never write such an answer by itself."""
    return TransformersLLM(tiny_model, device="cpu", batch=16)


@pytest.mark.system
def test_the_packaged_model_fills_in_a_page():
    """It has never seen JSON; its tokens spell every key."""
    pocket = TransformersLLM("pocket", device="cpu", batch=16)
    for reply in pocket.complete([held(i, SCHEMAS["a page"]) for i in range(3)]):
        assert reply.finish == "stop" and holds(SCHEMAS["a page"], json.loads(reply.text))


@pytest.mark.parametrize("name", SCHEMAS)
def test_forms_are_filled_in(llm, name):
    """At high and at no temperature, and with no token to spare."""
    schema = SCHEMAS[name]
    least = llm._speller.form(json.dumps(schema), "").root.least
    requests = [held(i, schema, temperature=t) for i, t in enumerate([0.0, 1.0, 2.0])]
    requests += [held(i, schema, max_tokens=least + i % 3) for i in range(3, 6)]
    for reply in llm.complete(requests):
        assert reply.finish == "stop", reply
        assert holds(schema, json.loads(reply.text)), reply.text


def test_what_has_no_bound_is_not_enforced(llm):
    """The completion is the one without a schema: what was recorded before stays as it was."""
    schemas = ["", "{", *map(json.dumps, FREE.values())]
    asked = [msgspec.structs.replace(ask(1), site=str(i), schema=schema) for i, schema in enumerate(schemas)]
    texts = {reply.text for reply in llm.complete(asked)}
    assert len(texts) == 1 and not next(iter(texts)).startswith("{")


@pytest.mark.system
def test_a_free_neighbour_writes_what_it_writes_alone(llm):
    """Rows of a batch do not know of each other's forms."""
    (alone,) = llm.complete([ask(3)])
    together = {
        reply.site: reply for reply in llm.complete([held(1, SCHEMAS["a page"]), ask(3), held(2, SCHEMAS["a page"])])
    }
    assert together[ask(3).site].text == alone.text


def test_a_form_that_does_not_fit_is_refused(llm):
    """Before anything is written, and with the number of tokens that it takes."""
    with pytest.raises(InputError, match="tokens at least; max_tokens is 4"):
        list(llm.complete([held(1, SCHEMAS["a page"], max_tokens=4)]))


def test_texts_hold_nothing_that_json_does_not(llm):
    """No quote, no backslash, no line end: the program closes the text, the model never has to escape."""
    long = fields(say={"type": "string", "maxLength": 60})
    for reply in llm.complete([held(i, long, temperature=2.0) for i in range(12)]):
        inside = reply.text[len('{"say": "') : -len('"}')]
        assert json.loads(f'"{inside}"') == inside and len(inside) <= 60


def test_choices_come_before_a_schema(llm):
    """A request that has both is one of its choices."""
    request = msgspec.structs.replace(held(1, SCHEMAS["a page"]), choices=("A", "B"), sampling=SAMPLING)
    assert next(iter(llm.complete([request]))).text in ("A", "B")
