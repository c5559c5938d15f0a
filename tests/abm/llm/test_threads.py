"""Two threads of a small model give what one gives, bit by bit, and are taken where that holds."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="needs the learn extra")

from abm.llm import Request, Sampling  # noqa: E402
from abm.llm.local import threads  # noqa: E402
from abm.llm.local.backend import TransformersLLM  # noqa: E402
from abm.llm.local.threads import FEW, MANY, like_one, share, torch_threads, usual  # noqa: E402


@pytest.fixture
def told(monkeypatch):
    """Threads sleep while they wait, and torch is set to two."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    with torch_threads(2):
        yield


@pytest.fixture(scope="module")
def alike():
    """Skip where two threads of this machine multiply otherwise than one: a small model has one thread there."""
    with pytest.MonkeyPatch.context() as patch, torch_threads(2):
        patch.setenv("OMP_WAIT_POLICY", "PASSIVE")
        if TransformersLLM(device="cpu").place()["threads"] != "2":
            pytest.skip("two threads of this machine multiply otherwise than one")


def linear(outputs: int, inputs: int) -> torch.nn.Module:
    model = torch.nn.Sequential(torch.nn.Linear(inputs, outputs))
    model.num_parameters = lambda: outputs * inputs  # type: ignore[assignment]
    model.device, model.dtype = torch.device("cpu"), torch.float32  # type: ignore[assignment]
    model.config = SimpleNamespace(_attn_implementation="sdpa")  # type: ignore[assignment]
    return model


class TestUsual:
    """How many threads a model has that nobody set threads for."""

    def test_as_many_as_torch_for_a_large_one(self, told):
        """It is left to torch."""
        assert usual(SimpleNamespace(num_parameters=lambda: threads.SMALL)) == torch.get_num_threads()

    def test_one_where_torch_has_one(self, told):
        """``OMP_NUM_THREADS=1``, which is what processes that share a machine are given, is one."""
        with torch_threads(1):
            assert usual(linear(64, 64)) == 1

    def test_one_where_waiting_spins(self, told, monkeypatch):
        """Nobody told OpenMP to sleep: a busy neighbour would cost all that is gained."""
        monkeypatch.delenv("OMP_WAIT_POLICY")
        monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
        monkeypatch.delenv("KMP_BLOCKTIME", raising=False)
        assert usual(linear(64, 64)) == 1

    @pytest.mark.parametrize("same, count", [(True, FEW), (False, 1)])
    def test_two_where_they_multiply_alike(self, told, monkeypatch, same, count):
        """It is tried, not taken on trust; and however many cores there are, two it stays."""
        threads._alike.cache_clear()
        monkeypatch.setattr(threads, "_same", lambda *product: same)
        with torch_threads(5):
            assert usual(linear(65, 64)) == count
        threads._alike.cache_clear()

    @pytest.mark.parametrize(
        "name, value",
        [
            ("dtype", torch.bfloat16),
            ("device", torch.device("meta")),
            ("config", SimpleNamespace(_attn_implementation="eager")),
        ],
    )
    def test_one_where_nothing_is_known(self, told, monkeypatch, name, value):
        """In another precision, elsewhere, and with other attention."""
        monkeypatch.setattr(threads, "_same", lambda *product: True)
        model = linear(66, 64)
        assert usual(model) == FEW
        setattr(model, name, value)
        assert usual(model) == 1
        threads._alike.cache_clear()

    def test_a_difference_is_seen(self):
        """A product that the number of threads changes is not taken for the same."""
        one = torch.ones(2, 2)
        assert threads._same(torch.matmul, one, one)
        assert not threads._same(lambda left, right: left * torch.get_num_threads(), one, one)


class TestShared:
    """A pass of few rows is one thread's."""

    @pytest.mark.parametrize(
        "rows, columns, kept, count",
        [(MANY, 1, 1, 2), (MANY - 1, 1, 1, 1), (1, MANY, 0, 2), (4, 99, 1, 1), (4, 99, torch.arange(8), 2)],
    )
    def test_by_the_rows_of_its_smallest_product(self, told, rows, columns, kept, count):
        """What is kept for the output matrix, of every row."""
        seen = []

        class Model(torch.nn.Module):
            def forward(self, input_ids, logits_to_keep):
                seen.append(torch.get_num_threads())

        model = Model()
        share(model, 2)
        model(input_ids=torch.zeros(rows, columns), logits_to_keep=kept)
        assert seen == [count]


class TestGradients:
    """The backward pass of several threads."""

    def gradients(self, count: int, shaped=like_one) -> list[torch.Tensor]:
        """Return the gradients of a LoRA by ``count`` threads: over 3,000 rows, whose sums threads would share."""
        torch.manual_seed(1)
        x, frozen, head = torch.randn(3000, 192), torch.randn(448, 192) / 14, torch.randn(1500, 448) / 20
        down, up = torch.randn(16, 192, requires_grad=True), torch.randn(448, 16, requires_grad=True)
        with torch_threads(count):
            hidden = torch.nn.functional.silu(x @ frozen.T + x @ down.T @ up.T)
            q = hidden[:2880, :384].reshape(4, 720, 12, 32).transpose(1, 2)
            seen = torch.nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True)
            loss = torch.nn.functional.cross_entropy(hidden @ head.T, torch.zeros(3000, dtype=torch.long))
            for part in shaped(iter([loss + seen.pow(2).mean(dim=-1).mean(dim=-1).mean()])):
                part.backward()
            assert torch.get_num_threads() == count
        return [down.grad, up.grad]  # type: ignore[list-item]

    @pytest.mark.system
    @pytest.mark.parametrize("count", [2, 3, 5])
    def test_are_one_threads(self, alike, count):
        """Bit by bit."""
        one, several = self.gradients(1), self.gradients(count)
        assert all(map(torch.equal, one, several))

    @pytest.mark.system
    def test_one_thread_is_left_alone(self):
        """As it was without."""
        assert all(map(torch.equal, self.gradients(1), self.gradients(1, iter)))


class TestPocket:
    """The whole model."""

    def replies(self, count: int) -> list[str]:
        prompts = [f"Sell the lamp number {i % 50}. It weighs {i * 7} grams." for i in range(70)]
        requests = [
            Request(
                f"w/{i}", [{"role": "user", "content": text}], Sampling(temperature=1.0, max_tokens=4 + i % 30), seed=i
            )
            for i, text in enumerate(prompts)
        ]
        with torch_threads(count):
            llm = TransformersLLM(device="cpu")
            assert llm.place()["threads"] == str(min(count, 2))
            return [reply.text for reply in sorted(llm.complete(requests), key=lambda reply: int(reply.site[2:]))]

    @pytest.mark.system
    def test_writes_alike(self, alike, told):
        """Many rows and then few, as they end one after the other."""
        assert self.replies(1) == self.replies(2)

    def test_asked_for_it_stays_as_it_was(self, told):
        """Whoever sets ``threads`` has them in every pass: runs that were begun so go on so."""
        llm = TransformersLLM(device="cpu", threads=2)
        with torch_threads(1):
            list(
                llm.complete([Request("w/1", [{"role": "user", "content": "Hello."}], Sampling(max_tokens=2), seed=1)])
            )
        assert not llm.model._forward_pre_hooks
