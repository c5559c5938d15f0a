"""Arenas for writers that were not trained for them: plain text, examples, texts that end, a cut, and second attempts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.arenas import BUILT_IN, Arena, arena
from abm.arenas.anchors import load_anchors, make_anchor
from abm.arenas.completions import Completion, Rejection
from abm.arenas.messages import NO_SENTENCE, before, last_sentence, read_answer
from abm.arenas.near import repeats
from abm.arenas.prompts import ExampleMessage
from abm.conformance import ArenaConformance
from abm.llm.port import Request, Sampling
from abm.probe import DIAGNOSTIC
from analysis.probes import battery
from moloch.errors import InputError, LogError

SALES = arena("sales")
PLAIN = SALES.asked("plain")
DIGESTS = {"sales": "cda09a3025776c74", "elections": "8498010a04ffca99", "social": "c6036eb83e471db3"}
LAMP = ExampleMessage(anchor="Title: Lamp", message="A lamp for you.")


class TestRecords:
    """What was not asked for leaves no trace."""

    @pytest.mark.parametrize("name", BUILT_IN)
    def test_a_built_in_arena_is_what_it_was(self, name):
        """Its digest, and its record."""
        rules = arena(name)
        assert rules.digest == DIGESTS[name] and rules.plain is not None
        assert not {*Arena.LATER, "plain", "probes"} & rules.model_dump().keys()

    def test_what_was_asked_for_is_recorded(self):
        """So that every prompt can be made again from the record alone."""
        asked = SALES.asked("plain", stop=("\n\n",), attempts=2)
        record = asked.model_dump(mode="json")
        again = Arena.model_validate(record)
        assert record["format"] == "plain" and record["attempts"] == 2 and again.digest == asked.digest != SALES.digest
        assert again.write_prompt("Title: x") == asked.write_prompt("Title: x")

    def test_a_call_without_stop_has_the_key_it_had(self):
        """And one with it has another."""
        call = Request("write/0", [{"role": "user", "content": "Hi."}], Sampling(), 1)
        stopping = Request("write/0", [{"role": "user", "content": "Hi."}], Sampling(), 1, stop=("\n",))
        assert call.key("m") == "5b98a54fbb5d2fba" != stopping.key("m")


class TestOfALog:
    """Arenas as logs hold them."""

    def test_one_that_is_none_is_one_error(self):
        """It says what is wrong with it: a log of a stranger, or of a later version."""
        with pytest.raises(LogError, match="arena that cannot be read: anchor"):
            Arena.recorded({"name": "sales"})


class TestPrompts:
    """A model that knows no tags is asked for none."""

    @pytest.mark.parametrize("name", BUILT_IN)
    def test_no_tag_is_asked_for(self, name):
        """Neither of a writer nor of one who learns what readers think."""
        rules = arena(name).asked("plain")
        for prompt in (rules.write_prompt("Title: x"), rules.feedback_prompt("Title: x", "me", ["a", "b"])):
            assert not any("<" in message["content"] for message in prompt)

    @pytest.mark.parametrize("name", BUILT_IN)
    def test_examples_are_turns_before_the_question(self, name):
        """Each a question like the last one, and its answer."""
        prompt = arena(name).asked("plain").write_prompt("Title: x")
        assert [message["role"] for message in prompt] == ["system", *(["user", "assistant"] * 2), "user"]
        asks = prompt[-1]["content"].partition("Title: x")[2]
        assert asks and all(message["content"].endswith(asks) for message in prompt if message["role"] == "user")

    def test_in_tags_examples_stand_in_tags(self):
        """As the model is to answer."""
        prompt = SALES.asked(examples=(LAMP,)).write_prompt("Title: x")
        assert prompt[2] == {"role": "assistant", "content": "<sales_pitch>A lamp for you.</sales_pitch>"}

    def test_an_example_ends_no_turn(self):
        """It is text, like an anchor."""
        odd = ExampleMessage(anchor="Title: <|im_end|>", message="Buy.</s>")
        assert not any(sign in str(SALES.asked("plain", (odd,)).write_prompt("x")) for sign in ("<|im_end|>", "</s>"))

    def test_an_arena_of_ones_own_needs_no_plain_templates(self):
        """They are made of its words."""
        own = SALES.model_copy(update={"plain": None, "message": "riddle"})
        prompt = own.asked("plain").write_prompt("Title: x")
        assert (
            prompt[-1]["content"]
            == "Title: x\n\nWrite one short riddle about this product. Answer with its text alone."
        )

    def test_an_arena_that_cannot_be_asked_so(self):
        """Its system text would ask for the tag; or it never had tags."""
        tags = SALES.write.model_copy(update={"system": "Write in <sales_pitch></sales_pitch>."})
        with pytest.raises(InputError, match=r"its system text asks for the tag.*section 'plain'"):
            SALES.model_copy(update={"plain": None, "write": tags}).asked("plain")
        with pytest.raises(InputError, match="no templates for 'format: tags'"):
            PLAIN.asked("tags")

    @pytest.mark.parametrize("name", BUILT_IN)
    def test_built_in_examples_are_no_lesson_in_lying(self, name):
        """No probe of strategy finds fault with them, and none is about an anchor that is written about."""
        rules = arena(name).asked("plain")
        split = load_anchors(None, rules)
        texts = {anchor.text for anchor in (*split.train, *split.held_out)}
        for example in rules.examples:
            assert example.anchor not in texts
            lines = dict(line.split(": ", 1) for line in example.anchor.splitlines())
            row = {field.name: lines[field.label] for field in rules.anchor.fields if field.label in lines}
            anchor = make_anchor(rules.anchor, row)
            assert anchor.text == example.anchor
            for probe in (each for each in battery(rules) if each.name not in DIAGNOSTIC):
                assert probe.judge(example.message, anchor, rules).label != 1, (probe.name, example.message)


class TestPlainConformance(ArenaConformance):
    """An arena in plain format keeps what every arena promises."""

    @pytest.fixture(params=BUILT_IN)
    def arena(self, request):
        return arena(request.param).asked("plain")


class TestPlainText:
    """The whole completion, without a thinking block, is the message."""

    @pytest.mark.parametrize(
        ("answer", "thinking", "text"),
        [
            ("It is blue.", "", "It is blue."),
            ("\n It is blue.\n\nBuy it. ", "", "It is blue.\n\nBuy it."),
            ("<think>Blue?</think>\n\nIt is blue.", "Blue?", "It is blue."),
            ("thinking aloud</think> It is blue.", "thinking aloud", "It is blue."),
        ],
    )
    def test_accepted(self, answer, thinking, text):
        """A model that thinks may do so."""
        assert read_answer(answer, PLAIN).message == Completion(thinking, text)

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            ("", "empty message"),
            ("...", "empty message"),
            ("None", "empty message"),
            ("<think>It is", "unclosed <think>"),
            ("<think>a</think>b</think>c", "more than one <think>"),
            ("<sales_pitch>It is blue.</sales_pitch>", "tags inside message"),
        ],
    )
    def test_rejected(self, answer, reason):
        """With its reason."""
        assert read_answer(answer, PLAIN).message == Rejection(reason)

    @given(st.text(), st.booleans(), st.sampled_from(["plain", "tags"]), st.sampled_from(["none", "sentence"]))
    def test_any_text_is_read(self, text, ended, form, cut):
        """It is a message or a rejection, and what counts of it is its beginning."""
        read = read_answer(text, SALES.asked(form, stop=("\n\n",), cut=cut), ended=ended)
        assert text.startswith(read.said)
        assert read.message.text.strip() if isinstance(read.message, Completion) else read.message.reason


class TestEnds:
    """A completion ends at a text that ends it; one that met its bound, at its last whole sentence."""

    def test_a_text_that_ends_it(self):
        """The first one there, whether the backend stopped at it or went on."""
        read = read_answer("It is blue.\nUser: And?", PLAIN.asked(stop=("Assistant:", "\nUser:")), ended=False)
        assert read == ("It is blue.", True, Completion("", "It is blue."), 0)
        assert before("a|b#c", ("#", "|")) == "a"

    def test_cut_in_plain_text(self):
        """What is left out is counted; the rest is what was sampled, and has no end of its own."""
        read = read_answer("It is blue. It weighs", PLAIN, ended=False)
        assert read == ("It is blue.", False, Completion("", "It is blue."), len(" It weighs"))

    def test_cut_in_tags(self):
        """The thinking stays whole."""
        rules, answer = SALES.asked(cut="sentence"), "<think>Hm. Well</think><sales_pitch>It is blue! It"
        read = read_answer(answer, rules, ended=False)
        assert read.message == Completion("Hm. Well", "It is blue!") and read.said.endswith("blue!")
        whole = "<sales_pitch>It is</sales_pitch> and so"
        assert read_answer(whole, rules, ended=False) == (whole, False, Completion("", "It is"), 0)

    def test_nothing_is_cut_unasked(self):
        """Nor where the model came to an end."""
        assert read_answer("It is blue. It", PLAIN.asked(cut="none"), ended=False).message == Completion(
            "", "It is blue. It"
        )
        assert read_answer("It is blue. It", PLAIN).cut == 0
        assert read_answer("<sales_pitch>It is blue. It", SALES, ended=False).message == Rejection(
            "unclosed <sales_pitch>"
        )

    def test_without_a_sentence(self):
        """There is no message."""
        assert read_answer("It is a very long", PLAIN, ended=False).message == Rejection(NO_SENTENCE)
        assert read_answer("<think>It is. And", PLAIN, ended=False).message == Rejection("unclosed <think>")

    @pytest.mark.parametrize(
        ("text", "end"),
        [
            ("It is blue. It", 11),
            ('He said "Go!" and', 13),
            ("It weighs 3.5 kg and", 0),
            ("It costs 3.", 0),
            ("Made in 1990. It", 13),
            ("Buy. Ask Dr. Who", 4),
            ("Good:\n1. It is", 0),
            ("Is it? Yes", 6),
            ("好。它", 2),
            ("Wait... it", 7),
            ("So. e.g. this", 3),
            ("", 0),
        ],
    )
    def test_sentences(self, text, end):
        """A full stop may belong to a number, an initial, an abbreviation."""
        assert last_sentence(text) == end


class TestCopies:
    """A message that repeats an example is known for it."""

    @pytest.mark.parametrize(
        ("text", "copied"),
        [
            (PLAIN.examples[0].message, True),
            (f"Hello! {PLAIN.examples[1].message}", True),
            ("ALL you need -- on your back, the Beallzeark watch weighs 750 grams.", True),
            ("It comes with a warranty of 46 months, and it weighs only 90 grams.", False),
            ("and weighs only 900 grams", True),
            ("It comes with a", True),
            ("900 grams", False),
            ("", False),
        ],
    )
    def test_six_words_in_a_row(self, text, copied):
        """Whatever surrounds them; of a shorter message all of its words, but for two or three."""
        assert repeats(text, [example.message for example in PLAIN.examples]) == copied
        assert not repeats(text, [])
