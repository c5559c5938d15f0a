"""Arms that learn instructions: their models reflect, what they propose is tried, and what is kept becomes the arm's adapter. All of it is events.

Every call goes through the journal: a run that resumes pays for none again, and one that is decided again asks no model. What is
asked, and which proposal is kept, is the method's matter (:class:`learning.methods.InstructionMethod`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from abm.arenas import Message
from abm.arenas.completions import Rejection
from abm.audience import SourceReaders
from abm.events import AdapterTrained, InstructionsProposed, InstructionsTried, LLMReplied
from abm.journal import Journal
from abm.llm.instructions import instructions_are_here, instructions_id, read_instructions, save_instructions
from abm.llm.port import LLM, Request, Sampling, messages_tokens
from abm.worlds.model import Society
from abm.worlds.trials import TrialPlace, hold_trials, write_trials
from learning.methods import METHODS, Contests, DecidedContest, InstructionMethod, Owned, Retrospect, Trial, collect
from learning.plan.parts import Learn, Part
from learning.runs.inputs import Inputs
from learning.settings.config import RunConfig
from moloch import keyed
from moloch.content import content_id

KINDS = (LLMReplied, InstructionsProposed, InstructionsTried)
"""Events of a training of instructions before its last one."""


class _Reflection(NamedTuple):
    """A reflection: what it is about, what was left out of it, and its prompt; without a contest there is none."""

    number: int
    of: Retrospect
    left_out: int
    prompt: list[Message]


class Reflections:
    """The trainings of those arms of a run that learn instructions.

    Args:
        llm_of: arm -> the model that writes for it, and so the one that reflects.
        society: whose audience votes.
        adapters: folder in which what was learnt is kept, and compared with the log where it is used; None where nothing is, as in a replay.
    """

    def __init__(
        self,
        config: RunConfig,
        inputs: Inputs,
        journal: Journal,
        llm_of: Callable[[str], LLM],
        society: Society,
        adapters: Path | None,
    ) -> None:
        self._config, self._inputs, self._journal, self._llm_of = config, inputs, journal, llm_of
        self._society, self._adapters = society, adapters

    def method_of(self, arm: str) -> InstructionMethod | None:
        """Return the method of an arm that learns instructions; None for the others."""
        return instruction_method(self._inputs, arm)

    def instructions_of(self, arm: str) -> str | None:
        """Return the instructions that an arm has learnt; None where it learnt weights.

        Raises:
            CorruptLog: the file that holds them is there, and holds others.
        """
        state = self._journal.state
        text = state.instructions.get(arm)
        if (
            text is not None
            and self._adapters is not None
            and instructions_are_here(self._adapters, state.adapters[arm])
        ):
            read_instructions(self._adapters, state.adapters[arm])
        return text

    def fold(self) -> None:
        """Fold what a fork shares of the next training, which may have been decided with other settings."""
        if self._journal.shares_next:
            self._journal.fold_shared(*KINDS)

    def learn(
        self,
        part: Learn,
        owned: Owned | None,
        anchors: Sequence[str],
        *,
        parent: str,
        seed: int,
        readers: SourceReaders | None = None,
    ) -> AdapterTrained | None:
        """Carry out a training; None where there is no contest to look back at.

        Args:
            owned: which messages are the arm's own; None for all.
            anchors: ids of the epoch's.
            parent: id of the instructions that the arm has; empty for none.
            seed: of the training.
            readers: who of the members reads the source in the arm's contests, and so in its trials.
        """
        method = self.method_of(part.arm)
        assert method is not None
        arm, epoch, journal = part.arm, part.epoch, self._journal
        contests = collect(journal.log.read(), part.source.arm, epoch, self._society.arena, owned=owned)
        aside = method.validation_anchors(anchors, self._config.seed, epoch)
        seen = [each for each in contests.learnable if each.own_slots and _anchor(each) not in aside]
        if not seen:
            return None
        had = journal.state.instructions.get(arm, "") if parent else ""
        cause = contests.data_range[1]
        asked = [_retrospect(method, contests, seen, had, seed, i + 1) for i in range(method.proposals)]
        proposed = self._propose(method, part, asked, cause)
        trials, events = self._try(part, had, proposed, aside, cause, readers)
        kept = method.pick(trials, seed)
        text = next((each.instructions for each in proposed if each.proposal == kept), had)
        trained = AdapterTrained(
            cause=cause,
            adapter=instructions_id(text),
            arm=arm,
            epoch=epoch,
            method=self._inputs.arms[arm].method,
            repeat_of=self._inputs.arms[arm].repeat_of,
            repeat=self._inputs.arms[arm].repeat,
            parent=parent,
            data=content_id([each.prompt for each in asked]),
            data_range=list(contests.data_range),
            rows=len({contest for each in proposed for contest in each.looked_at}),
            tokens=0,
            over_long=sum(each.left_out for each in proposed),
            steps=method.proposals,
            seed=seed,
            loss_before=0.0,
            loss_after=0.0,
            settings=msgspec.to_builtins(method),
            figures=_figures(trials, kept),
            kind="instructions",
            instructions=text,
        )
        if self._adapters is not None:
            save_instructions(self._adapters, text, _lineage(trained, self._config.id))
        with journal.transaction():
            for event in (*events, trained):
                journal.emit(event)
        return trained

    def _propose(
        self, method: InstructionMethod, part: Learn, asked: Sequence[_Reflection], cause: int
    ) -> list[InstructionsProposed]:
        """Have the model reflect; return what it proposed, as the log holds it."""
        requests = {each.number: self._request(method, part, each) for each in asked if each.prompt}
        replies = (
            self._journal.ask(self._llm_of(part.arm), list(requests.values()), step=-1, cause=cause) if requests else []
        )
        answers = dict(zip(requests, replies, strict=True))
        events = [_proposed(method, part, each, answers.get(each.number), cause) for each in asked]
        with self._journal.transaction():
            for event in events:
                self._journal.emit(event)
        return events

    def _request(self, method: InstructionMethod, part: Learn, each: _Reflection) -> Request:
        sampling = Sampling(self._society.sampling.temperature, self._society.sampling.top_p, method.answer_tokens)
        return Request(
            site=f"reflect/{part.epoch}/{part.arm}/{each.number}",
            messages=each.prompt,
            sampling=sampling,
            seed=keyed.seed32(each.of.seed, "reflect", each.number),
            template=method.template,
            refs=(instructions_id(each.of.instructions), *(contest.id for contest in each.of.shown)),
        )

    def _try(
        self,
        part: Learn,
        had: str,
        proposed: Sequence[InstructionsProposed],
        aside: set[str],
        cause: int,
        readers: SourceReaders | None,
    ) -> tuple[list[Trial], list[InstructionsTried]]:
        """Try the proposals that could be read; return what came of each, and the events of it."""
        instructions = {each.proposal: each.instructions for each in proposed if not each.reason}
        if not instructions:
            return [], []
        anchors = [anchor for anchor in self._inputs.anchors.train if anchor.id in aside]
        place, society = TrialPlace(part.arm, part.epoch, self._config.seed), self._society
        texts = write_trials(
            self._journal,
            self._llm_of(part.arm),
            society.arena,
            society.sampling,
            place,
            anchors,
            {0: had} | instructions,
            cause,
        )
        voters = self._inputs.voters["train"]
        source = (readers, society.arena) if readers else None
        events = hold_trials(self._journal, society.audience, voters, place, anchors, texts, cause, source)
        return trials_of(events), events


class InstructionCalls(NamedTuple):
    """What arms that learn instructions will ask of the model that writes, where every proposal can be read.

    Attributes:
        reflections: calls, with ``prompt_tokens`` and ``answer_tokens`` in all of them together, at most.
        messages: by which proposals are tried.
        contests: in which the training members vote on them.
    """

    reflections: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    messages: int = 0
    contests: int = 0

    @property
    def calls(self) -> int:
        """All of them."""
        return self.reflections + self.messages

    def means(self, prompt: float, answer: int) -> tuple[float, int]:
        """Return the mean tokens of a prompt, and of an answer at most; of a message they are those given."""
        tokens_in = self.prompt_tokens + self.messages * prompt
        return tokens_in / max(1, self.calls), round((self.answer_tokens + self.messages * answer) / max(1, self.calls))

    @classmethod
    def by_model(cls, config: RunConfig, inputs: Inputs, parts: Iterable[Part]) -> dict[str, InstructionCalls]:
        """Return model -> those of a plan's arms for which it writes, where there are some."""
        models = {arm.name: arm.model or config.model for arm in inputs.arms.values()}
        trainings = [part for part in parts if isinstance(part, Learn)]
        found = {
            model: cls.of(inputs, (part for part in trainings if models[part.arm] == model))
            for model in dict.fromkeys(models[part.arm] for part in trainings)
        }
        return {model: calls for model, calls in found.items() if calls.calls}

    @classmethod
    def of(cls, inputs: Inputs, parts: Iterable[Part]) -> InstructionCalls:
        """Return those of some parts of a plan."""
        total = cls()
        for part in parts:
            method = instruction_method(inputs, part.arm) if isinstance(part, Learn) else None
            if method is not None:
                asked, tried = method.proposals, method.validation_size(inputs.train_anchors)
                tokens = asked * method.prompt_tokens, asked * method.answer_tokens
                more = cls(asked, *tokens, (asked + 1) * tried, asked * tried)
                total = cls(*(mine + its for mine, its in zip(total, more, strict=True)))
        return total


def instruction_method(inputs: Inputs, arm: str) -> InstructionMethod | None:
    """Return the method of an arm that learns instructions, with its settings; None for the others."""
    method = METHODS.get(inputs.arms[arm].method)
    return method.configured(inputs.lora[arm].for_methods) if issubclass(method, InstructionMethod) else None


def trials_of(events: Sequence[InstructionsTried]) -> list[Trial]:
    """Return how each proposal did, from the trials of one arm and epoch."""
    own, votes, anchors = Counter[int](), Counter[int](), Counter[int]()
    for event in events:
        own[event.proposal] += event.votes[0]
        votes[event.proposal] += event.votes[1]
        anchors[event.proposal] += all(event.texts)
    return [Trial(each, own[each], votes[each], anchors[each]) for each in sorted(anchors)]


def _retrospect(
    method: InstructionMethod, contests: Contests, seen: Sequence[DecidedContest], had: str, seed: int, number: int
) -> _Reflection:
    """Return a reflection with as many of its contests as fit into its prompt, each whole."""
    of = Retrospect(contests, (), had, seed)
    drawn, prompt = method.drawn_contests(seen, seed, number), list[Message]()
    for contest in drawn:
        more = msgspec.structs.replace(of, shown=(*of.shown, contest))
        longer = method.reflection(more)
        if messages_tokens(longer) <= method.prompt_tokens:
            of, prompt = more, longer
    return _Reflection(number, of, len(drawn) - len(of.shown), prompt)


def _proposed(
    method: InstructionMethod, part: Learn, each: _Reflection, answer: LLMReplied | None, cause: int
) -> InstructionsProposed:
    if answer is None:
        read = Rejection(f"no contest fits into {method.prompt_tokens} tokens")
    elif answer.finish != "stop":
        read = Rejection(f"the answer has no end: {answer.finish}")
    else:
        read = method.read(answer.text, each.of.instructions)
    text = "" if isinstance(read, Rejection) else read
    return InstructionsProposed(
        cause=cause if answer is None else answer.seq,
        arm=part.arm,
        epoch=part.epoch,
        proposal=each.number,
        looked_at=[contest.id for contest in each.of.shown],
        left_out=each.left_out,
        instructions=text,
        adapter=instructions_id(text) if text else "",
        reason=read.reason if isinstance(read, Rejection) else "",
    )


def _anchor(contest: DecidedContest) -> str:
    return contest.messages[contest.slots[0]].anchor


def _figures(trials: Sequence[Trial], kept: int) -> dict[str, float]:
    """Return what tables show: proposals that could be read, the one that was kept, and the largest share of votes."""
    best = max((trial.share for trial in trials), default=0.0)
    return {"readable": float(len(trials)), "kept": float(kept), "best_share": round(best, 6)}


def _lineage(trained: AdapterTrained, run: str) -> dict[str, Any]:
    names = ("arm", "epoch", "method", "parent", "data", "data_range", "seed", "settings")
    return {name: getattr(trained, name) for name in names} | {"run": run}
