"""The in-process backend: exact batches, own streams of draws, adapters that come off, errors in one line."""

from __future__ import annotations

import json
import shutil

import msgspec
import pytest

from abm.llm import Sampling, backend
from abm.llm.conformance import REQUESTS, SAMPLING, BackendConformance, ask, replies
from abm.llm.port import in_batches
from moloch.errors import CorruptLog, InputError

pytest.importorskip("torch", reason="needs the learn extra")

import torch
from transformers import AutoModelForCausalLM

from abm.llm.local.backend import TransformersLLM

GREEDY = Sampling(temperature=0.0, max_tokens=12)


ENDS = range(20, 45)
"""Tokens that end an answer of ``terse_model``: many, so that some rows stop early."""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Plain forwards of a tiny model gain nothing from more threads, and crawl where a neighbour is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def terse_model(tiny_model, tmp_path_factory):
    """The tiny model with many end tokens."""
    folder = shutil.copytree(tiny_model, tmp_path_factory.mktemp("terse") / "model")
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(settings | {"eos_token_id": list(ENDS)}))
    return folder


@pytest.fixture(scope="module")
def tiny(terse_model, tiny_adapters):
    """The terse tiny model with the two adapters."""
    return TransformersLLM(terse_model, adapters=tiny_adapters, device="cpu", batch=4)


def unbatched_greedy(llm, request, ends=()):
    """Return the likeliest tokens by plain forwards of one row, without cache, padding or mask, until an end token."""
    ends, ids, new = {llm.tokenizer.eos_token_id, *ends}, llm.prompt_ids(request), []
    with torch.inference_mode():
        while len(new) < request.sampling.max_tokens:
            logits = llm.model(torch.tensor([ids + new]), use_cache=False).logits[0, -1]
            if int(logits.argmax()) in ends:
                break
            new.append(int(logits.argmax()))
    return new


class TestTransformers(BackendConformance):
    """The tiny model answers."""

    @pytest.fixture
    def llm(self, tiny):
        return tiny


class TestPrompts:
    """A prompt is rendered once, and kept whole."""

    def test_template_once(self, tiny):
        """The beginning of text stands once, and the chat's own marks are single tokens."""
        ids = tiny.prompt_ids(ask(0))
        names = tiny.tokenizer.convert_ids_to_tokens(ids)
        assert names.count("<|bos|>") == 1
        assert names[0] == "<|bos|>"
        assert [name for name in names if name.startswith("<|")][1:] == [
            "<|system|>", "<|end|>", "<|user|>", "<|end|>", "<|assistant|>",
        ]  # fmt: skip

    def test_too_long_is_refused(self, tiny):
        """A prompt that leaves no room for its completion is an error with its site and lengths; none is answered."""
        long = msgspec.structs.replace(ask(1), messages=[{"role": "user", "content": "blue " * 600}])
        answered = tiny.complete([ask(0), long])
        with pytest.raises(InputError) as caught:
            next(answered)
        assert caught.value.where == "write/1"
        assert f"{len(tiny.prompt_ids(long))} tokens and 24" in caught.value.why
        assert "512" in caught.value.why

    @pytest.mark.parametrize(
        "sampling", [Sampling(-0.1), Sampling(top_p=0.0), Sampling(top_p=1.1), Sampling(max_tokens=0)]
    )
    def test_sampling_out_of_range(self, tiny, sampling):
        """Settings that mean nothing are refused."""
        with pytest.raises(InputError, match="sampling out of range"):
            list(tiny.complete([ask(0, sampling=sampling)]))


class TestTextsThatEnd:
    """A completion ends at a text that the call names, and does not hold it; the others of its batch go on."""

    def test_it_stops_there(self, tiny):
        """As if the model had written that much and ended."""
        calls = [ask(i) for i in range(4)]
        free = replies(tiny, calls)
        text = free["write/2"].text
        stop = text[len(text) // 2 :][:3]
        ended = replies(tiny, [msgspec.structs.replace(each, stop=("@@@@", stop)) for each in calls])
        for site, whole in free.items():
            assert ended[site].text == whole.text.partition(stop)[0]
            if stop in whole.text:
                assert ended[site].finish == "stop" and ended[site].tokens_out <= whole.tokens_out
            else:
                assert ended[site] == whole
        assert ended["write/2"].tokens_out < free["write/2"].tokens_out


class TestExactness:
    """What a row says is what it would say alone."""

    def test_greedy_is_that_of_plain_forwards(self, tiny):
        """Left-padded, cached and shrinking batches say, token for token, what plain forwards of one row say."""
        list(tiny.complete([ask(0)]))  # the base weights
        requests = [ask(i, sampling=GREEDY) for i in range(8)]
        lengths = {len(tiny.prompt_ids(request)) for request in requests}
        assert len(lengths) > 1, "the batch must need padding"
        found = replies(tiny, requests)
        for request in requests:
            wanted = unbatched_greedy(tiny, request, ENDS)
            assert found[request.site].text == tiny.tokenizer.decode(wanted, skip_special_tokens=True)
            assert found[request.site].tokens_out == len(wanted)

    def test_batch_does_not_matter_to_greedy(self, tiny):
        """Alone, in another order or among others, a greedy answer is the same."""
        requests = [ask(i, sampling=GREEDY) for i in range(7)]
        whole, back = replies(tiny, requests), replies(tiny, requests[::-1])
        alone = {request.site: next(iter(tiny.complete([request]))) for request in requests}
        assert whole == back == alone

    def test_draws_belong_to_the_row(self, tiny):
        """At a temperature too, a row's seed alone decides its draws, whatever else is in the batch."""
        whole = replies(tiny, REQUESTS)
        alone = {request.site: next(iter(tiny.complete([request]))) for request in REQUESTS}
        assert whole == alone
        assert {reply.finish for reply in whole.values()} == {"stop", "length"}, "rows must leave the batch early"

    def test_mixed_sampling(self, tiny):
        """Greedy, sampled and nucleus rows of different lengths share a batch without touching one another."""
        settings = [GREEDY, SAMPLING, Sampling(0.7, 0.5, 30), Sampling(0.0, 0.5, 5)]
        requests = [ask(i, sampling=sampling) for i, sampling in enumerate(settings)]
        alone = {request.site: next(iter(tiny.complete([request]))) for request in requests}
        assert replies(tiny, requests) == alone

    def test_seeds(self, tiny):
        """Equal prompts with different seeds are answered differently, with equal seeds alike."""
        same = {reply.text for reply in tiny.complete([ask(0, seed=7) for _ in range(5)])}
        other = {reply.text for reply in tiny.complete([ask(0, seed=i) for i in range(5)])}
        assert len(same) == 1
        assert len(other) == 5

    def test_length_bound_is_a_prefix(self, tiny):
        """A shorter bound gives the beginning of the longer answer, and says whether it cut it."""
        long = replies(tiny, [ask(i, sampling=Sampling(1.0, max_tokens=20)) for i in range(8)])
        short = replies(tiny, [ask(i, sampling=Sampling(1.0, max_tokens=5)) for i in range(8)])
        assert {reply.finish for reply in short.values()} == {"stop", "length"}
        for site, reply in short.items():
            assert long[site].text.startswith(reply.text)
            assert reply.tokens_out == min(5, long[site].tokens_out)
            assert (reply.finish == "length") == (long[site].tokens_out >= 5)

    @pytest.mark.parametrize(
        ("architecture", "changes"),
        [
            ("llama", {}),
            ("mistral", {"sliding_window": 8}),
            ("gemma2", {"sliding_window": 8, "query_pre_attn_scalar": 8}),
            ("gpt2", {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 512}),
        ],
    )
    def test_other_architectures(self, tmp_path, architecture, changes):
        """Grouped heads, sliding windows and learnt positions decode as plain forwards do."""
        from tests.support.tiny import save_tiny_model

        folder = save_tiny_model(tmp_path, architecture, **changes)
        llm = TransformersLLM(folder, device="cpu")
        requests = [ask(i, sampling=GREEDY) for i in (0, 1, 4)]
        found = replies(llm, requests)
        for request in requests:
            wanted = unbatched_greedy(llm, request)
            assert found[request.site].text == llm.tokenizer.decode(wanted, skip_special_tokens=True)
            assert found[request.site].tokens_out == len(wanted)

    def test_stops_at_every_end_token(self, tiny_model, tmp_path):
        """All end tokens that the model's generation settings list end an answer."""
        folder = shutil.copytree(tiny_model, tmp_path / "model")
        llm = TransformersLLM(folder, device="cpu")
        tokens = unbatched_greedy(llm, ask(0, sampling=GREEDY))
        assert len(tokens) > 2
        settings = json.loads((folder / "generation_config.json").read_text())
        ends = [llm.tokenizer.eos_token_id, tokens[2]]
        (folder / "generation_config.json").write_text(json.dumps(settings | {"eos_token_id": ends}))
        cut = next(iter(TransformersLLM(folder, device="cpu").complete([ask(0, sampling=GREEDY)])))
        assert cut.finish == "stop"
        assert cut.tokens_out == tokens.index(tokens[2])


class TestAdapters:
    """An adapter is put on for its own requests and leaves no trace."""

    @pytest.mark.system
    def test_off_is_the_base(self, tiny, terse_model, one, two):
        """After adapters were used, the weights and answers of the base model are what they were, bit for bit."""
        base = TransformersLLM(terse_model, device="cpu", batch=4)
        list(tiny.complete([ask(i, adapter=name) for i in range(3) for name in (one, two)]))
        assert replies(tiny, REQUESTS) == replies(base, REQUESTS)
        for (name, ours), (_, theirs) in zip(tiny.model.named_parameters(), base.model.named_parameters(), strict=True):
            assert torch.equal(ours, theirs), name

    @pytest.mark.parametrize("name", ["one", "two"])
    def test_merged_is_what_peft_computes(self, tiny, tiny_model, tiny_adapters, name, request):
        """The merged weights give PEFT's own, unmerged logits (rank-stabilised scaling too)."""
        from peft import PeftModel

        name = request.getfixturevalue(name)
        rival = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model), tiny_adapters / name).eval()
        ids = torch.tensor([tiny.prompt_ids(ask(2))])
        list(tiny.complete([ask(0, adapter=name)]))
        with torch.inference_mode():
            ours, theirs, base = tiny.model(ids).logits, rival(ids).logits, rival.get_base_model()
            with rival.disable_adapter():
                plain = base(ids).logits
        assert (theirs - plain).abs().max() > 0.1, "the adapter must matter"
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)

    @pytest.fixture
    def faint(self, tiny_model, tmp_path):
        """An adapter's folder, whose changes are a hundredth of what bfloat16 tells apart in most weights."""
        from safetensors.torch import load_file, save_file

        from tests.support.tiny import named_by_content, save_tiny_adapter

        folder = tmp_path / save_tiny_adapter(tiny_model, tmp_path)
        path = folder / "adapter_model.safetensors"
        save_file({k: v * (1e-3 if "lora_B" in k else 1) for k, v in load_file(path).items()}, path)
        return tmp_path / named_by_content(folder)

    def test_half_precision_keeps_what_it_adds(self, tiny_model, faint):
        """Beside weights of bfloat16 an adapter adds what PEFT says; merged into them most of it would be gone."""
        from safetensors.torch import load_file

        llm = TransformersLLM(tiny_model, adapters=faint.parent, device="cpu", dtype="bfloat16")
        layer, tensors = llm.model.model.layers[0].mlp.up_proj, load_file(faint / "adapter_model.safetensors")
        up, down = (tensors[f"base_model.model.model.layers.0.mlp.up_proj.lora_{k}.weight"] for k in "BA")
        given = torch.eye(down.shape[1], dtype=torch.bfloat16)
        with torch.inference_mode():
            plain = torch.zeros_like(layer(given))
            llm._swapper.activate(faint.name)
            layer.weight.data, weight = torch.zeros_like(layer.weight), layer.weight.data
            added = (layer(given) - plain).float()
            layer.weight.data = weight
        wanted = 2.0 * (up @ down).T
        merged = (weight.float() + wanted.T).bfloat16().float() - weight.float()
        assert (added - wanted).norm() < 0.01 * wanted.norm()
        assert (merged.T - wanted).norm() > 0.5 * wanted.norm(), "the test shows nothing"

    def test_half_precision_off_is_the_base(self, tiny_model, tiny_adapters, one, two):
        """And an adapter that is on answers otherwise, after which the base is what it was, bit for bit."""
        llm = TransformersLLM(tiny_model, adapters=tiny_adapters, device="cpu", dtype="bfloat16")
        ids = torch.tensor([llm.prompt_ids(ask(2))])
        with torch.inference_mode():
            base = llm.model(ids).logits
            llm._swapper.activate(one)
            first = llm.model(ids).logits
            llm._swapper.activate(two)
            second = llm.model(ids).logits
            llm._swapper.activate("")
            assert torch.equal(llm.model(ids).logits, base)
        apart = [(left - right).abs().max() for left, right in ((first, base), (second, base), (first, second))]
        assert min(apart) > 0.1

    @pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
    def test_half_an_adapter_is_none(self, tiny_model, tiny_adapters, monkeypatch, dtype, one):
        """If memory runs out on the way, the model answers with its base weights."""
        from abm.llm.weights import Swapper

        llm = TransformersLLM(tiny_model, adapters=tiny_adapters, device="cpu", dtype=dtype)
        ids, put, done = torch.tensor([llm.prompt_ids(ask(2))]), Swapper._put, []

        def runs_out(swapper, name, factors):
            if len(done) == 3:
                raise torch.OutOfMemoryError("no more")
            done.append(name)
            put(swapper, name, factors)

        monkeypatch.setattr(Swapper, "_put", runs_out)
        with torch.inference_mode():
            base = llm.model(ids).logits
            with pytest.raises(torch.OutOfMemoryError):
                llm._swapper.activate(one)
            assert torch.equal(llm.model(ids).logits, base)

    def test_mixed_call(self, tiny, one, two):
        """Requests of several adapters in one call are each answered as if asked apart."""
        requests = [ask(i, adapter=name) for i, name in enumerate([two, "", one, "", two, one])]
        apart = {}
        for name in ("", one, two):
            apart |= replies(tiny, [request for request in requests if request.adapter == name])
        assert replies(tiny, requests) == apart
        assert len({reply.text for reply in apart.values()}) == len(requests)

    def test_calls_that_interleave(self, tiny, one, two):
        """A call that is still being read is not disturbed by another call with another adapter."""
        requests = [ask(i, adapter=one) for i in range(9)]
        wanted, found = replies(tiny, requests), {}
        for reply in tiny.complete(requests):
            found[reply.site] = reply
            list(tiny.complete([ask(20, adapter=two, sampling=Sampling(max_tokens=1))]))
        assert found == wanted

    def test_key_tells_adapters_apart(self, tiny, one):
        """The digest is the base model's, whatever adapter was last used; the call key names the adapter."""
        before = tiny.digest
        list(tiny.complete([ask(0, adapter=one)]))
        assert tiny.digest == before
        assert ask(0, adapter=one).key(before) != ask(0).key(before)

    def test_unknown_adapter(self, tiny, tiny_model):
        """An adapter that is not there is an error, and the base model still answers."""
        with pytest.raises(CorruptLog, match="cannot read the adapter"):
            list(tiny.complete([ask(0, adapter="nobody")]))
        assert list(tiny.complete([ask(0)]))
        with pytest.raises(InputError, match="no folder of adapters"):
            list(TransformersLLM(tiny_model, device="cpu").complete([ask(0, adapter="one")]))

    @pytest.mark.parametrize(
        "change",
        [
            {"use_dora": True},
            {"peft_type": "IA3"},
            {"modules_to_save": ["lm_head"]},
            {"rank_pattern": {"q_proj": 2}},
            {"init_lora_weights": "pissa"},
            {"fan_in_fan_out": True},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_odd_adapters_are_refused(self, tiny_model, tiny_adapters, tmp_path, change, one):
        """A kind of adapter that merging would get wrong is refused, not approximated."""
        from tests.support.tiny import named_by_content

        odd = shutil.copytree(tiny_adapters / one, tmp_path / "odd")
        settings = odd / "adapter_config.json"
        settings.write_text(json.dumps(json.loads(settings.read_text()) | change))
        odd = named_by_content(odd)
        llm = TransformersLLM(tiny_model, adapters=tmp_path, device="cpu")
        with pytest.raises(InputError, match="not a plain LoRA adapter"):
            list(llm.complete([ask(0, adapter=odd)]))

    def test_adapter_of_another_model(self, tiny_adapters, tmp_path, one):
        """An adapter that does not fit is refused, and the message names the weight."""
        from tests.support.tiny import save_tiny_model

        llm = TransformersLLM(save_tiny_model(tmp_path, hidden_size=16), adapters=tiny_adapters, device="cpu")
        with pytest.raises(InputError, match=r"does not fit the model.*_proj\.weight"):
            list(llm.complete([ask(0, adapter=one)]))

    def test_unread_tensors_are_refused(self, tiny_model, tiny_adapters, tmp_path, one):
        """A tensor that merging would leave out is an error."""
        from safetensors.torch import load_file, save_file

        from tests.support.tiny import named_by_content

        odd = shutil.copytree(tiny_adapters / one, tmp_path / "odd")
        path = odd / "adapter_model.safetensors"
        save_file(load_file(path) | {"base_model.model.lm_head.bias": torch.zeros(3)}, path)
        odd = named_by_content(odd)
        llm = TransformersLLM(tiny_model, adapters=tmp_path, device="cpu")
        with pytest.raises(InputError, match=r"lm_head\.bias"):
            list(llm.complete([ask(0, adapter=odd)]))


def test_it_says_by_what_it_computes(tiny):
    """For the record of a run."""
    assert tiny.place() | {"threads": "1"} == {
        "backend": "transformers", "device": "cpu", "precision": "float32", "rows": "4", "threads": "1",
    }  # fmt: skip


class TestModels:
    """A model is known by its content, and one that cannot be used is refused in one line."""

    def test_digest_is_of_the_content(self, tiny_model, tmp_path):
        """A copy has the same digest; other weights, settings, tokenizers or templates have others."""
        copies = {}
        for change in ("copy", "weights", "settings", "tokenizer", "template", "ends"):
            copies[change] = shutil.copytree(tiny_model, tmp_path / change)
        config = json.loads((copies["settings"] / "config.json").read_text())
        (copies["settings"] / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.1}))
        (copies["copy"] / "config.json").write_text(json.dumps(config | {"transformers_version": "0"}))
        (copies["ends"] / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 30]}))
        for name, file in (("tokenizer", "tokenizer.json"), ("template", "chat_template.jinja")):
            (copies[name] / file).write_text((copies[name] / file).read_text().replace("<|user|>", "<|uter|>") + " ")
        weights = (copies["weights"] / "model.safetensors").read_bytes()
        (copies["weights"] / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
        digests = {name: TransformersLLM(folder, device="cpu").digest for name, folder in copies.items()}
        assert digests.pop("copy") == TransformersLLM(tiny_model, device="cpu").digest
        assert len({*digests.values(), TransformersLLM(tiny_model, device="cpu").digest}) == 6

    def test_digest_is_not_of_the_precision(self, tiny_model):
        """A run goes on where the same files are computed in another precision."""
        half = TransformersLLM(tiny_model, device="cpu", dtype="bfloat16")
        assert half.digest == TransformersLLM(tiny_model, device="cpu").digest

    def test_half_precision_files(self, tiny_model, tmp_path):
        """Weights kept in float16 are computed in float32 on a CPU."""
        folder = shutil.copytree(tiny_model, tmp_path / "half")
        AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float16).save_pretrained(folder)
        llm = TransformersLLM(folder, device="cpu")
        assert {weight.dtype for weight in llm.model.parameters()} == {torch.float32}

    @pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
    def test_no_model(self, tiny_model, tmp_path, missing):
        """A folder without a model's files is named, with what to do."""
        folder = shutil.copytree(tiny_model, tmp_path / "model")
        (folder / missing).unlink()
        with pytest.raises(InputError, match="no model") as caught:
            backend(folder)
        assert "pocket" in caught.value.fix

    def test_pickled_weights_are_no_model(self, tiny_model, tmp_path):
        """Weights that only a pickle holds are not loaded."""
        folder = shutil.copytree(tiny_model, tmp_path / "model")
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        with pytest.raises(InputError, match="no model"):
            backend(folder)

    @pytest.mark.parametrize("broken", ["config.json", "model.safetensors", "tokenizer.json"])
    def test_broken_files(self, tiny_model, tmp_path, broken):
        """Files that are not what they should be are one error that names the folder."""
        folder = shutil.copytree(tiny_model, tmp_path / "model")
        (folder / broken).write_bytes(b"{not this")
        with pytest.raises(InputError, match="cannot load the model") as caught:
            backend(folder)
        assert caught.value.where == str(folder)

    def test_no_template(self, tiny_model, tmp_path):
        """A model that has no chat template is refused: nobody guesses how it was trained to be asked."""
        folder = shutil.copytree(tiny_model, tmp_path / "model")
        (folder / "chat_template.jinja").unlink()
        with pytest.raises(InputError, match="no chat template"):
            backend(folder)

    def test_recurrent_models_are_refused(self, tmp_path):
        """A model whose memory is not attention would be decoded wrongly, so it is refused."""
        from tests.support.tiny import save_tiny_model

        folder = save_tiny_model(tmp_path, "mamba", state_size=4)
        with pytest.raises(InputError, match="cannot generate with the model"):
            backend(folder)

    def test_it_says_how_far_it_is(self, tiny, monkeypatch):
        """While a batch is decoded, its tokens so far can be seen; given back, they are the reply's."""
        seen, tell = [], TransformersLLM._is_writing
        monkeypatch.setattr(
            TransformersLLM, "_is_writing", lambda self, n: (tell(self, n), seen.append(self.writing))[0]
        )
        for batch in in_batches(tiny, REQUESTS):
            seen.clear()
            written = sum(reply.tokens_out for reply in tiny.complete(batch))
            assert seen == sorted(seen) and seen[-1] == written > seen[0] and tiny.writing == 0

    def test_threads_are_given_back(self, tiny):
        """Decoding leaves the process's number of threads as it was."""
        torch.set_num_threads(2)
        try:
            list(tiny.complete(REQUESTS[:2]))
            assert torch.get_num_threads() == 2
        finally:
            torch.set_num_threads(1)
