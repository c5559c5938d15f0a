"""The tokenizer makes copying easy: names and numbers fall into the same pieces everywhere."""

from __future__ import annotations

from random import Random

import pytest

from abm.arenas import arena
from abm.llm.folders import model_folder
from learning.pocket.tokenizer import build
from learning.pocket.words import name


@pytest.fixture(scope="module")
def tokenizer():
    """The tokenizer, built anew."""
    return build()


@pytest.mark.system
def test_the_shipped_tokenizer_is_the_one_that_the_code_builds(tokenizer):
    """Same pieces, same ids."""
    from transformers import AutoTokenizer

    shipped = AutoTokenizer.from_pretrained(model_folder("pocket"), local_files_only=True)
    assert shipped.get_vocab() == tokenizer.get_vocab()
    assert shipped.chat_template == tokenizer.chat_template


def test_each_number_to_999_is_one_token(tokenizer):
    """Also after a space and before a unit."""
    for number in range(1000):
        pieces = tokenizer.tokenize(f"It weighs {number} grams.")
        assert str(number) in pieces


def test_a_name_has_the_same_pieces_in_prompt_and_message(tokenizer):
    """After a colon, inside a sentence and before a full stop."""
    random = Random(1)
    for _ in range(200):
        word = name(random, held_out=True)
        alone = tokenizer.tokenize(word)
        for text in (f"Name: {word}\nBiography", f"I am {word}.", f"Meet the {word} today"):
            pieces = tokenizer.tokenize(text)
            assert any(pieces[i : i + len(alone)] == alone for i in range(len(pieces)))


def test_any_text_survives(tokenizer):
    """Bytes that no merge covers fall back to single bytes."""
    for text in ("Tickets: 1,250 € – naïve café 東京 🎈\n\ttab", "<think>a</think>\n<post>b</post>"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_template_is_applied_once(tokenizer):
    """One role token per message, one open assistant turn, nothing doubled."""
    prompt = arena("sales").write_prompt("Title: Lamp")
    text = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    assert [text.count(f"<|{role}|>") for role in ("system", "user", "assistant")] == [1, 1, 1]
    assert tokenizer(text)["input_ids"] == tokenizer(text, add_special_tokens=False)["input_ids"]
