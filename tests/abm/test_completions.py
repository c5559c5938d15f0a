"""What a model's answer counts as: a message, a rejection with its reason, a choice, or no vote."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.arenas import BUILT_IN, Arena, arena
from abm.arenas.completions import Completion, Reaction, Rejection, parse_choice, parse_completion, parse_reaction

TAG = "sales_pitch"


class TestMessages:
    """A completion holds one message, and its thinking if it gives one."""

    @pytest.mark.parametrize(
        ("completion", "thinking", "text"),
        [
            ("<think>Plan: colour.</think>\n<sales_pitch>It is blue.</sales_pitch>", "Plan: colour.", "It is blue."),
            ("<sales_pitch>It is blue.</sales_pitch>", "", "It is blue."),
            ("<THINK> p </Think><Sales_Pitch>\n It is blue. \n</SALES_PITCH>", "p", "It is blue."),
            ("< think >p</ think >< sales_pitch >It is blue.</ sales_pitch >", "p", "It is blue."),
            ("the prompt opened it</think><sales_pitch>It is blue.</sales_pitch>", "the prompt opened it", "It is blue."),
            ("<think></think><sales_pitch>It is blue.</sales_pitch>", "", "It is blue."),
            ("<think>p</think>Here you are:\n<sales_pitch>It is blue.</sales_pitch>\nBye!", "p", "It is blue."),
            ("<think>Write <sales_pitch>x</sales_pitch>?</think><sales_pitch>It is blue.</sales_pitch>",
             "Write <sales_pitch>x</sales_pitch>?", "It is blue."),
            ("<sales_pitch>One.\n\nTwo: 3 < 4 & 5 > 2.</sales_pitch>", "", "One.\n\nTwo: 3 < 4 & 5 > 2."),
            ("<sales_pitch>None of them costs more.</sales_pitch>", "", "None of them costs more."),
        ],
    )  # fmt: skip
    def test_accepted(self, completion, thinking, text):
        """Case, spaces, a missing thinking block and text outside the tags do not matter."""
        assert parse_completion(completion, TAG) == Completion(thinking, text)

    @pytest.mark.parametrize(
        ("completion", "reason"),
        [
            ("", "no <sales_pitch>"),
            ("It is blue.", "no <sales_pitch>"),
            ("<tweet>It is blue.</tweet>", "no <sales_pitch>"),
            ("It is blue.</sales_pitch>", "no <sales_pitch>"),
            ("<think>p</think><sales_pitch>It is", "unclosed <sales_pitch>"),
            ("</sales_pitch>It is<sales_pitch>", "unclosed <sales_pitch>"),
            ("<sales_pitch>a</sales_pitch><sales_pitch>b", "unclosed <sales_pitch>"),
            ("<think>p <sales_pitch>It is blue.</sales_pitch>", "unclosed <think>"),
            ("<think>p</think><think>q<sales_pitch>x</sales_pitch></think>", "more than one <think>"),
            ("<think>p</think>q</think><sales_pitch>x</sales_pitch>", "more than one <think>"),
            ("<think>p<think>q</think><sales_pitch>x</sales_pitch>", "more than one <think>"),
            ("<sales_pitch>a</sales_pitch><sales_pitch>a</sales_pitch>", "more than one <sales_pitch>"),
            ("<sales_pitch>a<sales_pitch>b</sales_pitch></sales_pitch>", "more than one <sales_pitch>"),
            ("<sales_pitch>a</sales_pitch></sales_pitch>", "more than one <sales_pitch>"),
            ("<sales_pitch></sales_pitch>", "empty <sales_pitch>"),
            ("<sales_pitch> \n </sales_pitch>", "empty <sales_pitch>"),
            ("<sales_pitch>...</sales_pitch>", "empty <sales_pitch>"),
            ("<sales_pitch>None</sales_pitch>", "empty <sales_pitch>"),
            ("<sales_pitch>\"null\".</sales_pitch>", "empty <sales_pitch>"),
            ("<sales_pitch>N/A</sales_pitch>", "empty <sales_pitch>"),
            ("<sales_pitch>a <b>bold</b> claim</sales_pitch>", "tags inside <sales_pitch>"),
            ("<sales_pitch>a </tweet> b</sales_pitch>", "tags inside <sales_pitch>"),
        ],
    )  # fmt: skip
    def test_rejected(self, completion, reason):
        """What holds no single whole message is refused with its reason."""
        assert parse_completion(completion, TAG) == Rejection(reason)

    @pytest.mark.parametrize("name", BUILT_IN)
    @given(
        thinking=st.text(st.characters(codec="utf-8", exclude_characters="<>")),
        text=st.text(st.characters(codec="utf-8", exclude_characters="<>")),
    )
    def test_round_trip(self, name, thinking, text):
        """What an arena renders as a trajectory is read back, in every arena."""
        tag, text = arena(name).tag, f"About {text}"
        found = parse_completion(Arena.completion(thinking, tag, text), tag)
        assert found == Completion(thinking.strip(), text.strip())

    @given(st.text())
    def test_total(self, text):
        """Any text is a message or a rejection, never an error, and a message is never empty."""
        found = parse_completion(text, TAG)
        assert found.text.strip() if isinstance(found, Completion) else found.reason


CHOICES = {
    "alone": [
        ("A", 0), ("B", 1), (" a ", 0), ("b\n", 1), ("(B)", 1), ("[A]", 0), ("**B**", 1), ("A.", 0), ("B)", 1), ("'a'", 0),
        ("Option A", 0), ("option b.", 1), ("OPTION B", 1), ("Option (A)", 0), ("1", 0), ("Option 2", 1), ("# B", 1),
    ],
    "tagged": [
        ("<choice>B</choice>", 1), ("<CHOICE> a </CHOICE>", 0), ("<choice>Option B</choice>", 1), ("<choice>B", 1),
        ("<think>I like A.</think><choice>B</choice>", 1), ("A? <choice>B</choice>", 1),
        ("<choice>A</choice> ... <choice>A</choice>", 0), ("<choice>I choose option A.</choice>", 0),
        ("<think>cut off <choice>B</choice>", 1),
    ],
    "in a sentence": [
        ("I choose A.", 0), ("I would buy B because it is warmer.", 1), ("My choice is option A", 0), ("Answer: B", 1),
        ("The answer is (b).", 1), ("B, because it does not boast.", 1), ("B - it is honest", 1), ("A is better.", 0),
        ("A because it is warm", 0), ("I vote for candidate B!", 1), ("I'd go with B", 1), ("{\"choice\": \"B\"}", 1),
        ("I prefer A since it names a price.", 0), ("I like post B.", 1), ("B's pitch is clearer.", 1),
        ("\\boxed{A}", 0), ("Option A sounds right to me. A good pitch.", 0), ("I want it. Option b.", 1),
        ("<think>A or B? A.</think>\nI choose B.", 1), ("I choose B. It does not shout.", 1),
    ],
    "on the last line": [
        ("A is nice but B is better.\n\nB", 1), ("Both are fine.\nAnswer: A", 0), ("A: warm\nB: cold\nFinal answer: **A**", 0),
        ("I compare A and B.\nMy choice is B.", 1),
    ],
    "no vote": [
        ("", None), ("   ", None), ("None", None), ("I abstain", None), ("Neither.", None), ("Both A and B", None),
        ("A or B", None), ("A/B", None), ("A, B", None), ("Not A", None), ("I would not choose B.", None),
        ("I don't like option B", None), ("not option A but B", None), ("C", None), ("Option C", None), ("3", None),
        ("0", None), ("-1", None), ("AB", None), ("banana", None), ("A good pitch.", None), ("I like it a lot", None),
        ("Answer: A good one would be cheaper", None), ("I", None), ("It has vitamin C", None), ("Plan B", None),
        ("I give it 1 star", None), ("<choice></choice>", None), ("<choice>A</choice><choice>B</choice>", None),
        ("<choice>A or B</choice>", None), ("<choice>None</choice>", None), ("<think>B is good", None),
        ("The U.S.A. brand", None), ("Post a comment", None), ("I choose A over B", None), ("I prefer the A+ one", None),
        ("A is nice. I choose option C.", None), ("I choose A, though B is fine", None), ("10", None),
    ],
}  # fmt: skip


class TestChoices:
    """A reader's answer names one of the options, or it is no vote."""

    @pytest.mark.parametrize(("answer", "choice"), [case for cases in CHOICES.values() for case in cases])
    def test_corpus(self, answer, choice):
        """Between two options, labelled answers are read as a person would, and doubtful ones not at all."""
        assert parse_choice(answer, 2) == choice

    @given(st.text(), st.integers(1, 26))
    def test_total(self, text, options):
        """Any text names an option that is there, or none."""
        assert parse_choice(text, options) in {None, *range(options)}

    @given(st.integers(2, 26).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
    def test_every_letter(self, case):
        """Every option can be named, also "A" and "I"."""
        options, i = case
        for spelt in ("{}", " {} ", "({})", "Option {}", "<choice>{}</choice>", "Answer: {}", "I choose option {}."):
            assert parse_choice(spelt.format(chr(65 + i)), options) == i
            assert parse_choice(spelt.format(chr(97 + i)), options) == i


REACTIONS = [
    ("<think>It is warm.</think><choice>B</choice>", "It is warm.", 1),
    ("It is warm.\n<choice>B</choice>", "It is warm.", 1),
    ("<choice>B</choice>", "", 1),
    ("B", "", 1),
    ("Option B.", "", 1),
    ("I choose B because it is warm.", "I choose B because it is warm.", 1),
    ('{"thought": "It is warm.", "choice": "B"}', "It is warm.", 1),
    ('{"choice": "b", "thought": " It is warm. "}', "It is warm.", 1),
    ('{"choice": "Option B"}', "", 1),
    ('{"choice": 2}', "", 1),
    ('```json\n{"thought": "It is warm.", "choice": "B"}\n```', "It is warm.", 1),
    ('{"thought": "It\x0eis\nwarm.", "choice": "B"}', "It is warm.", 1),
    ('Here you are: {"thought": "It is warm.", "choice": "B"}. Good luck!', "It is warm.", 1),
    ('<think>It is warm.</think>{"thought": "", "choice": "B"}', "It is warm.", 1),
    ('<think>{"choice": "A"}? No.</think><choice>B</choice>', '{"choice": "A"}? No.', 1),
    ('{"thought": "A or B?", "choice": "B", "confidence": 0.9}', "A or B?", 1),
    ('{"thought": "A or B?"}', None, None),
    ('{"thought": "x", "choice": ""}', None, None),
    ('{"thought": "x", "choice": null}', None, None),
    ('{"thought": "x", "choice": "A or B"}', None, None),
    ('{"thought": "x", "choice": "C"}', None, None),
    ('{"thought": "x", "choice": ["A"]}', "x", 0),
    ('{"thought": "x", "choice": ["A", "B"]}', None, None),
    ('{"thought": "I like it, "choice": "A or B"', None, None),
    ('{"thought": "x", "choi', None, None),
    ("[]", None, None),
    ("{}", None, None),
    ("", None, None),
    ("I'm sorry, I cannot take on this role.", None, None),
    ("<think>It is warm.", None, None),
    ("<choice>" + "1" * 5_000, None, None),
    ("<choice>" + "1" * 10 + "</choice>", None, None),
    ("Option " + "2" * 5_000 + ".", None, None),
    ('{"choice": ' + "1" * 5_000 + "}", None, None),
    ('{"choice": 1e400}', None, None),
    ('{"choice": true}', None, None),
    ('{"choice": ' + "[" * 100_000, None, None),
    ('{"choice": ' + "[" * 500 + '"A"' + "]" * 500 + "}", None, None),
    ('{"a": ' * 2_000 + '{"choice": "A"}' + "}" * 2_000, None, None),
    ('{"choice": "\\ud800"}', None, None),
    ('{"choice": "\ud800"}', None, None),
    ('{"thought": "[[[[", "choice": "B"}', "[[[[", 1),
]


class TestReactions:
    """A reader's answer holds what it thought and which option it chose."""

    @pytest.mark.parametrize(("answer", "thought", "position"), REACTIONS)
    def test_corpus(self, answer, thought, position):
        """Tags, JSON in fences or prose, or prose alone; what names no option is none."""
        wanted = None if position is None else Reaction(thought, position)
        assert parse_reaction(answer, 2) == wanted

    @given(st.text(), st.integers(1, 26))
    def test_total(self, text, options):
        """Any text is a reaction to one of the options, or none; never an error."""
        found = parse_reaction(text, options)
        assert found is None or 0 <= found.position < options

    @pytest.mark.system
    @given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists), st.text())
    def test_json(self, choice, thought):
        """Whatever stands in the JSON."""
        found = parse_reaction(json.dumps({"thought": thought, "choice": choice}), 3)
        assert found is None or 0 <= found.position < 3
