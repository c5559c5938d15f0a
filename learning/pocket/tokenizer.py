"""The pocket model's tokenizer: byte-level BPE in which every unseen name falls into the same short pieces.

The space before capitals and digits is a token of its own, so that a name reads alike after a colon and inside
a sentence; each number 0-999 is one token; invented names are left out of the training text.
``python -m learning.pocket.tokenizer FOLDER`` writes it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from abm.arenas import BUILT_IN, arena
from learning.pocket.grammar import STRATEGIES, world
from learning.pocket.words import function_words, words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

MERGES = 2600
SPECIAL = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
TAGS = ("<think>", "</think>", "<choice>", "</choice>")

CHAT_TEMPLATE = (
    "{%- for message in messages %}{{ '<|' + message['role'] + '|>' }}"
    "{%- if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}"
    "{%- else %}{{ message['content'] + '<|end|>' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>' }}{%- endif %}"
)


def build() -> PreTrainedTokenizerFast:
    """Return the tokenizer; the same on every machine."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(" (?=[A-Z0-9])"), "isolated"),
            pre_tokenizers.Split(Regex("[0-9]{1,3}"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=MERGES + len(alphabet), min_frequency=2, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    whole = Tokenizer.from_str(_with_numbers(tokenizer.to_str()))
    tags = [*TAGS, *(tag for name in BUILT_IN for tag in (f"<{arena(name).tag}>", f"</{arena(name).tag}>"))]
    whole.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    whole.add_tokens([AddedToken(token, special=False, normalized=False) for token in tags])
    return PreTrainedTokenizerFast(
        tokenizer_object=whole,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        additional_special_tokens=list(SPECIAL[2:]),
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )


def _with_numbers(serialized: str) -> str:
    """Return the tokenizer with one token for each number of one to three digits."""
    raw = json.loads(serialized)
    vocab, merges = raw["model"]["vocab"], raw["model"]["merges"]
    known = {tuple(merge) for merge in merges}
    for digits in (2, 3):
        for number in range(10**digits):
            text = f"{number:0{digits}d}"
            if text not in vocab:
                vocab[text] = len(vocab)
            for pair in dict.fromkeys(((text[:-1], text[-1]), (text[0], text[1:]))):
                if pair not in known:
                    merges.append(list(pair))
    return json.dumps(raw)


def _corpus() -> Iterator[str]:
    """Yield the text that merges are learnt from: templates most, then common words; no names, no numbers."""
    for name in BUILT_IN:
        grammar, rules = world(name), arena(name)
        prompts = [rules.write_prompt(""), rules.feedback_prompt("", "", ["", ""]), rules.react_prompt("", ["", ""])]
        texts = [message["content"] for prompt in prompts for message in prompt]
        texts += [f"{field.label}:" for field in rules.anchor.fields]
        texts += [t for a in grammar.attributes for t in (*a.told, *a.plain, *a.big, *a.values)]
        texts += [t for group in grammar.sentences.values() for t in group]
        texts += [" > ".join(path) for path in grammar.categories]
        texts.append(f"Plan: {', '.join([*(a.name for a in grammar.attributes), *STRATEGIES, 'quote'])}.")
        for text in texts:
            yield from [text.replace("{v}", "").replace("{name}", "")] * 100
    yield from [" " + word for word in function_words()] * 200
    for word in words():
        yield from [" " + word] * 8
        yield word.capitalize()


def main() -> None:
    """Write the tokenizer's files into the folder named on the command line."""
    folder = Path(sys.argv[1])
    tokenizer = build()
    tokenizer.save_pretrained(folder)
    print(f"{folder}: {len(tokenizer)} tokens")


if __name__ == "__main__":
    main()
