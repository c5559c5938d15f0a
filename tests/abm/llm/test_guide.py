"""A completion that is held to choices is one of them, drawn as the model would among them, whatever shares its batch."""

from __future__ import annotations

import msgspec
import pytest

from abm.llm import Sampling, backend
from moloch.errors import InputError

torch = pytest.importorskip("torch", reason="needs the learn extra")

from abm.llm.conformance import SAMPLING, ask, replies  # noqa: E402
from abm.llm.local._guide import Guide, trie  # noqa: E402
from abm.llm.local.backend import TransformersLLM  # noqa: E402

CHOICES = ("A", "B", "It is blue.", "It is", "It is blue. Yes")
"""Of one token and of several; one begins with another."""


def held(i, choices=CHOICES, **changes):
    """Return the ``i``-th request, held to ``choices``."""
    return msgspec.structs.replace(ask(i, **changes), choices=choices)


@pytest.fixture(scope="module")
def tiny(tiny_model, tiny_adapters):
    """A random model: by itself it would never write a choice."""
    return TransformersLLM(tiny_model, adapters=tiny_adapters, device="cpu", batch=8)


class TestTrie:
    """What may come next."""

    def test_only_the_options_tokens_are_left(self):
        """At the root their first tokens; where one is whole and another goes on, the stops too."""
        guide = Guide([((1, 2), (1, 2, 3), (4,)), ()], stops={0})
        logits = torch.zeros(2, 6)

        def left():
            masked = guide.mask(logits, [0, 1])
            assert torch.equal(masked[1], logits[1]), "a free row is free"
            return masked[0].isfinite().nonzero().ravel().tolist()

        assert left() == [1, 4]
        assert not guide.take(0, 1) and left() == [2]
        assert not guide.take(0, 2) and left() == [0, 3]
        assert guide.take(0, 3)
        assert left() == list(range(6)), "a row that is done may wait for its batch with any token"

    def test_no_options_no_work(self):
        """Logits of a free batch are handed through, not copied."""
        logits = torch.zeros(1, 3)
        assert Guide([()], stops={0}).mask(logits, [0]) is logits

    def test_equal_beginnings_are_shared(self):
        """A trie, not a list."""
        assert list(trie([(1, 2), (1, 3)])) == [1]


class TestChoices:
    """The backend holds to them."""

    def test_every_answer_is_a_choice(self, tiny, one):
        """At any temperature, with its own adapter, among free rows in the same batch; the model stopped by itself."""
        requests = [
            held(i, sampling=Sampling(temperature, top_p, 24), adapter=adapter)
            for i, (temperature, top_p, adapter) in enumerate(
                (t, p, a) for t in (0.0, 1.0, 2.0) for p in (1.0, 0.3) for a in ("", one)
            )
        ]
        free = [ask(100 + i) for i in range(4)]
        found = replies(tiny, [*requests, *free])
        assert all(found[request.site].text in CHOICES and found[request.site].finish == "stop" for request in requests)
        assert not any(found[request.site].text in CHOICES for request in free)

    def test_all_choices_can_come(self, tiny):
        """The draw decides, also between one and another that begins with it."""
        found = {
            reply.text
            for reply in tiny.complete([held(0, seed=i, sampling=Sampling(5.0, max_tokens=24)) for i in range(60)])
        }
        assert found == set(CHOICES)

    def test_the_batch_does_not_matter(self, tiny):
        """Alone or among free and held rows: the same answer."""
        requests = [held(i) if i % 2 else ask(i) for i in range(8)]
        alone = {request.site: next(iter(tiny.complete([request]))) for request in requests}
        assert replies(tiny, requests) == alone

    def test_a_bound_cuts_and_says_so(self, tiny):
        """One token of several is the beginning of a choice, cut; a choice of one token is whole."""
        short = msgspec.structs.replace(SAMPLING, max_tokens=1)
        cut, whole = tiny.complete([held(0, ("It is blue.",), sampling=short), held(2, ("A",), sampling=short)])
        assert cut.finish == "length" and "It is blue.".startswith(cut.text) and cut.text != "It is blue."
        assert (whole.finish, whole.text) == ("stop", "A")

    def test_chances_are_the_models(self, tiny):
        """Between two tokens, in proportion to the model's own probabilities of them."""
        tokens = [tiny.tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("A", "B")]
        assert [len(token) for token in tokens] == [1, 1]
        with torch.inference_mode():
            logits = tiny.model(torch.tensor([tiny.prompt_ids(ask(0))])).logits[0, -1]
        wanted = float(torch.softmax(logits[[tokens[0][0], tokens[1][0]]], 0)[0])
        n = 400
        found = [reply.text for reply in tiny.complete([held(0, ("A", "B"), seed=i) for i in range(n)])]
        assert found.count("A") / n == pytest.approx(wanted, abs=4 * (wanted * (1 - wanted) / n) ** 0.5 + 1e-9)

    def test_a_choice_that_cannot_be_written(self, tiny):
        """An empty one is refused, with the site."""
        with pytest.raises(InputError, match=r"write/0: the model cannot write a choice.*''"):
            list(tiny.complete([held(0, ("A", ""))]))

    def test_the_pocket_model_votes(self):
        """As its readers would be asked: one letter."""
        llm = backend("pocket", device="cpu")
        assert {reply.text for reply in llm.complete([held(i, ("A", "B", "C")) for i in range(6)])} <= {"A", "B", "C"}


class TestOrder:
    """Batches of a larger model hold prompts of like length."""

    @pytest.mark.system
    def test_sorted_batches_answer_alike(self, tiny, tiny_model, tiny_adapters, monkeypatch):
        """Every request is answered as in plan order, and prompts of a batch are near in length."""
        requests = [ask(i) for i in range(10)]
        plan = replies(tiny, requests)
        monkeypatch.setattr("abm.llm.local.backend.SMALL", 0)
        large = TransformersLLM(tiny_model, adapters=tiny_adapters, device="cpu", batch=4, threads=1)
        found = list(large.complete(requests))
        assert {reply.site: reply for reply in found} == plan
        assert [reply.tokens_in for reply in found] == sorted(reply.tokens_in for reply in found)

    def test_out_of_memory_is_one_line(self, tiny, monkeypatch):
        """With the setting that helps."""
        from moloch.errors import MolochError

        def full(*args, **options):
            raise torch.OutOfMemoryError("tried to allocate\nand more")

        monkeypatch.setattr("abm.llm.local.backend.decode", full)
        with pytest.raises(MolochError, match=r"out of GPU memory: tried to.*serving\.rows lower than 8"):
            list(tiny.complete([ask(0)]))

    @pytest.mark.parametrize("place", ["decode", "Swapper.activate"])
    def test_out_of_main_memory_is_one_line(self, tiny, monkeypatch, place):
        """As torch's allocator says it on a CPU, while decoding and while an adapter is put on."""
        from moloch.errors import MolochError

        monkeypatch.setattr(f"abm.llm.local.backend.{place}", lambda *given, **options: torch.empty(1 << 50))
        with pytest.raises(MolochError, match=r"ran out of memory: .*allocate.*serving\.rows lower than 8") as error:
            list(tiny.complete([ask(0)]))
        assert "\n" not in str(error.value)

    def test_other_faults_are_not_called_that(self, tiny, monkeypatch):
        """An error of the program stays one."""
        monkeypatch.setattr("abm.llm.local.backend.decode", lambda *given, **options: torch.ones(2) @ torch.ones(3))
        with pytest.raises(RuntimeError, match="size"):
            list(tiny.complete([ask(0)]))

    def test_a_model_that_does_not_fit(self, tiny_model, monkeypatch):
        """Is told with what would."""
        monkeypatch.setattr("torch.nn.Module.to", lambda *given, **options: torch.empty(1 << 50))
        with pytest.raises(InputError, match=r"cannot put the model on .*take a smaller model") as error:
            TransformersLLM(tiny_model, device="cpu")
        assert "\n" not in str(error.value)
