"""Pretraining goes on where it stopped, as if it had not; its loss sees completions only."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from random import Random

import pytest
import safetensors.torch
from safetensors.torch import load_file

from abm.arenas import BUILT_IN, arena
from learning.pocket import train as pretraining
from learning.pocket import words as words_module
from learning.pocket.stream import Exercise, Mix, drill, free_text, ledger
from learning.pocket.tokenizer import build
from learning.pocket.train import PocketSettings, encode, learning_rate, mix_at, new_model, train
from learning.pocket.words import prose

TINY = PocketSettings(steps=4, batch=3, warmup=1, hidden=16, layers=1, heads=2, inner=16)


@pytest.fixture(scope="module")
def tokenizer():
    """The tokenizer, built once."""
    return build()


@pytest.fixture(autouse=True)
def built_once(tokenizer, monkeypatch):
    """Training does not build the tokenizer again."""
    monkeypatch.setattr(pretraining, "build", lambda: tokenizer)


class TestResume:
    """A run that is stopped and run again ends in the weights of one that was not."""

    @pytest.mark.system
    def test_ends_in_the_same_weights(self, tmp_path, monkeypatch):
        """Stopped right after the checkpoint of step 2 of 4; weights and optimizer state are equal to the bit."""
        train(TINY, tmp_path / "whole", every=2)
        save = pretraining.save

        def save_and_stop(*args):
            save(*args)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(pretraining, "save", save_and_stop)
            with pytest.raises(KeyboardInterrupt):
                train(TINY, tmp_path / "stopped", every=2)
        assert json.loads((tmp_path / "stopped/progress.json").read_text())["step"] == 2
        halfway = load_file(tmp_path / "stopped/model.safetensors")
        train(TINY, tmp_path / "stopped", every=2)
        for name in ("model", "resume"):
            whole, stopped = (load_file(tmp_path / run / f"{name}.safetensors") for run in ("whole", "stopped"))
            assert whole.keys() == stopped.keys()
            assert all(whole[key].equal(stopped[key]) for key in whole)
        assert any(not halfway[key].equal(stopped_at) for key, stopped_at in
                   load_file(tmp_path / "stopped/model.safetensors").items())  # fmt: skip

    @pytest.mark.system
    @pytest.mark.parametrize("in_place", [False, True])
    def test_survives_a_kill_inside_a_checkpoint(self, tmp_path, monkeypatch, in_place):
        """Killed while step 4 of 6 is being written, before or after the file that counts is in place."""
        longer = replace(TINY, steps=6)
        train(longer, tmp_path / "whole", every=2)
        write, model_of = safetensors.torch.save_file, pretraining.new_model
        done = []

        def torn(state, path, *args):
            done.append(path)
            if len(done) == 2 and not in_place:
                path.write_bytes(b"torn")
                raise KeyboardInterrupt
            write(state, path, *args)

        def killed(settings, tokenizer):
            model = model_of(settings, tokenizer)
            save_pretrained = model.save_pretrained

            def once(out):
                if len(done) == 2:
                    raise KeyboardInterrupt
                save_pretrained(out)

            model.save_pretrained = once
            return model

        with monkeypatch.context() as patch:
            patch.setattr(safetensors.torch, "save_file", torn)
            patch.setattr(pretraining, "new_model", killed)
            with pytest.raises(KeyboardInterrupt):
                train(longer, tmp_path / "killed", every=2)
        train(longer, tmp_path / "killed", every=2)
        whole, killed = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "killed"))
        assert all(whole[key].equal(killed[key]) for key in whole)

    def test_the_log_holds_each_step_once(self, tmp_path):
        """Lines after the checkpoint are dropped when the run goes on from it."""
        train(TINY, tmp_path, every=4)
        (tmp_path / "train.jsonl").write_text('{"step": 2}\n{"step": 4}\n{"step": 5}\n')
        train(TINY, tmp_path, every=4)
        assert (tmp_path / "train.jsonl").read_text() == '{"step": 2}\n{"step": 4}\n'

    def test_refuses_an_older_kind_of_checkpoint(self, tmp_path):
        """It is neither read by halves nor overwritten."""
        (tmp_path / "progress.json").write_text("{}")
        with pytest.raises(SystemExit, match="older kind"):
            train(TINY, tmp_path, every=4)

    def test_a_finished_run_is_left_alone(self, tmp_path):
        """Running the command of a finished run again changes no byte of its weights."""
        train(TINY, tmp_path, every=4)
        before = (tmp_path / "model.safetensors").read_bytes()
        train(TINY, tmp_path, every=4)
        assert (tmp_path / "model.safetensors").read_bytes() == before

    def test_refuses_a_checkpoint_of_other_settings(self, tmp_path):
        """A folder belongs to one run."""
        train(TINY, tmp_path, every=4)
        with pytest.raises(SystemExit, match="other settings"):
            train(replace(TINY, seed=2), tmp_path, every=4)

    def test_another_seed_gives_other_weights(self, tmp_path):
        """The equalities above are not for want of randomness."""
        for seed in (1, 2):
            train(replace(TINY, seed=seed), tmp_path / str(seed), every=4)
        one, two = (load_file(tmp_path / run / "model.safetensors") for run in ("1", "2"))
        assert any(not one[key].equal(two[key]) for key in one)


class TestEncode:
    """Loss falls on completions and their end, never on prompts or padding."""

    def test_labels_hold_the_completion_and_its_end(self, tokenizer):
        """What is labelled decodes to the completion followed by the end token."""
        random = Random(4)
        mix = Mix(drills=0.0, long=0.0)
        examples = [free_text(arena(where), random, sentences=2, mix=mix) for where in BUILT_IN]
        ids, labels = encode(examples, tokenizer)
        assert ids.shape == labels.shape
        for example, row, marks in zip(examples, ids, labels, strict=True):
            wanted = marks != -100
            assert tokenizer.decode(marks[wanted]) == example.completion + tokenizer.eos_token
            assert row[wanted].equal(marks[wanted])

    def test_a_prompt_is_what_writers_are_given(self, tokenizer):
        """The ids before the completion are those of the chat template with an open assistant turn."""
        prompt = arena("sales").write_prompt("Title: Lamp\nDescription: It is red.")
        ids, labels = encode([Exercise(prompt, "<think>a</think>")], tokenizer)
        head = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=False)
        assert ids[0, : len(head)].tolist() == head and (labels[0, : len(head)] == -100).all()

    def test_a_drill_goes_on_inside_its_turn(self, tokenizer):
        """Its repetition follows at once, with neither an end of turn nor a role between."""
        example = drill(Random(9))
        ids, labels = encode([example], tokenizer)
        text = tokenizer.decode(ids[0])
        assert text == f"<|user|>{example.prompt[0]['content']}{example.completion}{tokenizer.eos_token}"
        assert tokenizer.decode(labels[0][labels[0] != -100]) == example.completion + tokenizer.eos_token


class TestSchedule:
    """Rate and mix are functions of the step, never of the clock."""

    def test_the_rate_warms_up_and_falls_to_two_percent(self):
        """It peaks at the end of the warm-up and never rises after it."""
        settings = PocketSettings(steps=200, warmup=20)
        rates = [learning_rate(step, settings) for step in range(settings.steps + 1)]
        assert rates[:21] == sorted(rates[:21]) and rates[20:] == sorted(rates[20:], reverse=True)
        assert math.isclose(max(rates), settings.peak_lr) and math.isclose(rates[-1], 0.02 * settings.peak_lr)

    def test_drills_fade_and_strategies_come_after_copying(self):
        """70 % to 8 % over the first quarter; honest until 45 %."""
        mixes = [mix_at(step, PocketSettings(steps=1000)) for step in range(1000)]
        assert math.isclose(mixes[0].drills, 0.7) and math.isclose(mixes[250].drills, 0.08)
        assert [m.strategies for m in mixes] == [False] * 450 + [True] * 550

    def test_stage_2_is_calibrated_from_its_step_on(self):
        """0 stands for the calibrated factors."""
        first = pretraining.CALIBRATED_FROM
        two = PocketSettings(stage=2)
        assert mix_at(first - 1, two).boost > 0 == mix_at(first, two).boost


class TestStage3:
    """What made the model copy any number, and quote."""

    def test_a_ledger_asks_for_every_number_again(self):
        """Each labelled number comes once in the prompt and once in the completion, in another order."""
        random = Random(1)
        for _ in range(50):
            example = ledger(random)
            told, again = (re.findall(r"\w+ \d+", text) for text in (example.prompt[0]["content"], example.completion))
            assert sorted(told) == sorted(again) and len(set(told)) == len(told) >= 5

    def test_prose_has_no_open_slots_and_no_held_out_names(self, monkeypatch):
        """Sentences are filled in, begin as sentences do and end; every name in them is one that pretraining may see."""
        drawn = []
        real = words_module.name
        monkeypatch.setattr(
            words_module, "name", lambda r, *, held_out: drawn.append(real(r, held_out=held_out)) or drawn[-1]
        )
        random = Random(1)
        for _ in range(300):
            text = prose(random, held_out=False)
            assert not re.search(r"[{}]", text) and text[-1] in ".!?" and not text.lstrip("\"'")[0].islower()
        assert len(drawn) > 100 and not any(map(words_module.is_held_out, drawn))

    def test_the_mix_has_numbers_of_both_kinds(self):
        """A quarter of the anchors keeps rounded numbers, as the built-in ones have."""
        mix = mix_at(0, PocketSettings(stage=3))
        assert 0 < mix.wide < 1 and mix.ledgers > 0 and mix.prose > 0 and mix.boost == 0


def test_the_model_is_a_standard_one_with_tied_embeddings(tokenizer):
    """Every engine can serve it, and each tensor is saved once."""
    model = new_model(TINY, tokenizer)
    assert model.config.model_type == "qwen3" and model.config.tie_word_embeddings
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert model.config.num_key_value_heads == model.config.num_attention_heads
