"""Several adapters in one pass: each row has, bit for bit, the numbers that it has in a pass of its own adapter."""

from __future__ import annotations

import msgspec
import pytest

pytest.importorskip("torch", reason="needs the learn extra")

import torch
from transformers import AutoModelForCausalLM

from abm.llm import Sampling
from abm.llm.conformance import ask
from abm.llm.local import backend as room
from abm.llm.local._row_weights import RowWeights, can_group
from abm.llm.local.backend import TransformersLLM
from abm.llm.local.threads import FEW, torch_threads
from abm.llm.port import in_batches
from tests.support.tiny import save_tiny_adapter, save_tiny_model

WARM = Sampling(temperature=1.0, max_tokens=24)


WIDE = {"hidden_size": 64, "intermediate_size": 128, "num_key_value_heads": 4, "head_dim": 16}
"""Of layers that are a multiple of any machine's vectors wide, as real models are."""


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    """A tiny model of such layers."""
    return save_tiny_model(tmp_path_factory.mktemp("wide") / "model", **WIDE)


@pytest.fixture(scope="module")
def tiny_adapters(tmp_path_factory):
    """A folder of adapters of it."""
    return tmp_path_factory.mktemp("wide-adapters")


@pytest.fixture(scope="module")
def names(tiny_model, tiny_adapters):
    """The base model and two adapters."""
    return ["", *(save_tiny_adapter(tiny_model, tiny_adapters, seed=seed) for seed in (1, 2))]


@pytest.fixture(scope="module")
def llm(tiny_model, tiny_adapters):
    """The tiny model with the two adapters."""
    return TransformersLLM(tiny_model, adapters=tiny_adapters, device="cpu", threads=1)


@pytest.fixture
def passes(monkeypatch):
    """The numbers of rows that are decoded together, as they are."""
    found, decode = [], room.decode
    monkeypatch.setattr(
        room, "decode", lambda model, rows, **given: (found.append(len(rows)), decode(model, rows, **given))[1]
    )
    return found


def apart(llm, requests):
    """Return the replies to the requests of each adapter alone, by site."""
    names = dict.fromkeys(request.adapter for request in requests)
    return {
        reply.site: reply
        for name in names
        for reply in llm.complete([request for request in requests if request.adapter == name])
    }


class TestLogits:
    """What a model computes of each row."""

    @pytest.mark.parametrize("sizes", [(1, 1, 1), (5, 2, 3), (40, 1, 17)])
    def test_equal_those_of_separate_passes(self, llm, names, sizes):
        """Of the base model and of two adapters, whatever the others are; of a prompt and of a single token."""
        generator = torch.Generator().manual_seed(1)
        for columns in (1, 19):
            rows = [torch.randint(6, 200, (size, columns), generator=generator) for size in sizes]
            with torch.inference_mode():
                merged = [llm._swapper.merged(name) for name in names]
                with RowWeights(llm.model, merged) as weights:
                    weights.sizes = list(sizes)
                    together = llm.model(torch.cat(rows)).logits.split(sizes)
                for name, own, found in zip(names, rows, together, strict=True):
                    llm._swapper.activate(name)
                    assert torch.equal(found, llm.model(own).logits)
                llm._swapper.activate("")

    def test_equal_those_of_peft_up_to_rounding(self, llm, tiny_model, tiny_adapters, names):
        """Which computes an adapter beside the weights."""
        from peft import PeftModel

        ids = torch.tensor([llm.prompt_ids(ask(2))] * 3)
        with torch.inference_mode():
            with RowWeights(llm.model, [llm._swapper.merged(name) for name in names]) as weights:
                weights.sizes = [1, 1, 1]
                together = llm.model(ids).logits
            for row, name in zip(together, names, strict=True):
                rival = AutoModelForCausalLM.from_pretrained(tiny_model).eval()
                rival = PeftModel.from_pretrained(rival, tiny_adapters / name).eval() if name else rival
                torch.testing.assert_close(row, rival(ids[:1]).logits[0], rtol=1e-4, atol=1e-4)
        assert min((together[i] - together[j]).abs().max() for i, j in ((0, 1), (0, 2), (1, 2))) > 0.1

    def test_the_base_model_comes_back(self, llm, names):
        """After the block, and after an error inside it."""
        ids = torch.tensor([llm.prompt_ids(ask(2))])
        with torch.inference_mode():
            llm._swapper.activate("")
            base = llm.model(ids).logits
            with pytest.raises(KeyError), RowWeights(llm.model, [llm._swapper.merged(names[1])]) as weights:
                weights.sizes = [1]
                assert not torch.equal(llm.model(ids).logits, base)
                raise KeyError
            assert torch.equal(llm.model(ids).logits, base)


class TestCalls:
    """Requests of several adapters in one call."""

    def test_they_share_a_batch(self, llm, names, passes):
        """One pass for all, and the answers of one for each, whenever rows leave it; one of them is drawn greedily."""
        requests = [ask(i % 6, adapter=name, sampling=WARM) for i in range(18) for name in names[i % 2 :]]
        requests = [msgspec.structs.replace(each, site=f"{i}", seed=i) for i, each in enumerate(requests)]
        requests[3] = msgspec.structs.replace(requests[3], sampling=Sampling(0.0, 1.0, 9))
        together = {reply.site: reply for reply in llm.complete(requests)}
        assert passes == [len(requests)] and in_batches(llm, requests)[0] != requests  # sorted by adapter
        assert together == apart(llm, requests) and len(passes) == 4
        assert len({reply.tokens_out for reply in together.values()}) > 1 or len(set(together)) > 20
        assert len({reply.text for reply in together.values()}) > 20

    def test_a_batch_has_room(self, tiny_model, tiny_adapters, names, passes):
        """No more rows than a batch may have; and a batch by itself is cut as it was."""
        llm = TransformersLLM(tiny_model, adapters=tiny_adapters, device="cpu", threads=1, batch=4)
        requests = [
            msgspec.structs.replace(ask(0, adapter=name), site=f"{name}{i}") for i in range(2) for name in names
        ]
        list(llm.complete(requests))
        assert passes == [4, 2]
        assert all(in_batches(llm, batch) == [batch] for batch in in_batches(llm, requests))

    def test_not_where_rows_would_be_padded_otherwise(self, llm, names, passes):
        """Longer prompts of another adapter would move a row's numbers by rounding: two passes."""
        long = msgspec.structs.replace(ask(1, adapter=names[1]), messages=[{"role": "user", "content": "blue " * 30}])
        list(llm.complete([ask(0), long]))
        assert passes == [1, 1]

    def test_not_where_one_is_drawn_from_a_nucleus(self, llm, names, passes):
        """Which changes how all rows of a batch are drawn."""
        other = ask(0, adapter=names[1], sampling=Sampling(1.0, 0.9, 8))
        list(llm.complete([ask(0), msgspec.structs.replace(other, site="other")]))
        assert passes == [1, 1]

    def test_not_in_half_precision(self, tiny_model, tiny_adapters, names, passes):
        """There adapters are computed beside the weights."""
        llm = TransformersLLM(tiny_model, adapters=tiny_adapters, device="cpu", dtype="bfloat16", threads=1)
        list(llm.complete([msgspec.structs.replace(ask(0, adapter=name), site=name) for name in names[:2]]))
        assert passes == [1, 1]


def test_only_of_plain_layers(tmp_path):
    """A model with other products, as of experts that are one tensor, is not grouped."""
    folder = save_tiny_model(
        tmp_path, "qwen3_moe", num_experts=2, num_experts_per_tok=1, moe_intermediate_size=16, decoder_sparse_step=1
    )
    assert not can_group(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32))


def test_only_what_the_machine_computes_alike(tmp_path):
    """Layers of an odd width are rounded otherwise in another company: they are tried and not grouped."""
    for width, alike in ((48, False), (64, True)):
        folder = save_tiny_model(tmp_path / str(width), **WIDE | {"intermediate_size": width + 1 - alike})
        assert can_group(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)) is alike


@pytest.mark.system
@pytest.mark.parametrize("sizes", [(33, 9), (40, 40)])
def test_by_two_threads(tmp_path, monkeypatch, sizes):
    """The pocket model gives two threads to groups of many rows and one to few, as in passes of their own."""
    from abm.llm.folders import model_folder

    names = [
        save_tiny_adapter(model_folder("pocket"), tmp_path, seed=seed, target_modules=["q_proj", "down_proj"])
        for seed in (1, 2)
    ]
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    with torch_threads(FEW):
        llm = TransformersLLM("pocket", adapters=tmp_path, device="cpu")
        if llm._threads != FEW:
            pytest.skip("this machine does not multiply alike by two threads")
        drawn = Sampling(1.0, 1.0, 3)
        requests = [
            msgspec.structs.replace(ask(0, adapter=name, sampling=drawn), site=f"{name}/{i}", seed=i)
            for name, size in zip(names, sizes, strict=True)
            for i in range(size)
        ]
        assert len(in_batches(llm, requests)) == 1
        assert {reply.site: reply for reply in llm.complete(requests)} == apart(llm, requests)
