"""What a run will ask of models, before it asks: calls, tokens, minutes and money of each role. Asks nothing itself.

Calls are those of the plan, which are known; retries of invalid reactions, and of messages that cannot be read, come on top. In a
networked world they are the most that personas can be asked: one to whom nothing comes is not asked. How long completions will be is not
known: ``likely`` takes those that the run's log holds already, else a usual length; ``most`` takes the bound on them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from abm.arenas import Message
from abm.events import CallsServed, LLMReplied, Repaired, Split
from abm.llm.backends import Serving
from abm.llm.budget import Price
from abm.llm.folders import local_folder, model_folder
from abm.llm.http.endpoint import Endpoint, is_server
from abm.llm.ledger import Cost, Ledger
from abm.llm.port import text_tokens
from abm.log import EventLog, open_log, read_events
from abm.log.salvage import kept
from abm.societies import arm_and_audience, before
from abm.worlds.networked.interventions import openings
from abm.worlds.networked.narrator import READ
from learning.methods import learn_weights
from learning.plan.counts import contests, held_before, messages, messages_by
from learning.plan.order import plan
from learning.plan.parts import AnswerTasks, Plan, Survey
from learning.runs.attempts import is_retry
from learning.runs.inputs import SPLITS, Inputs, gather
from learning.runs.own_data import at_hand
from learning.runs.parts import settled
from learning.runs.reflections import InstructionCalls
from learning.runs.rounds import memory_tokens
from learning.runs.surveys import SittingSize
from learning.settings.audiences import check_audiences
from learning.settings.config import LLM_AUDIENCE, RunConfig
from learning.training.trainer import TRAINERS
from moloch.errors import InputError, LogError

USUAL_TOKENS = 250
"""Of a completion, thinking and all, where none was seen yet."""
HERE = "this process"
SAMPLE = 64
"""Prompts that are rendered to learn how long they are."""


class RolePlan(msgspec.Struct, frozen=True):
    """What one role will ask.

    Attributes:
        role: ``writers``, ``readers``, ``readers (AUDIENCE)`` of an evaluation audience, ``reflections``: of arms that learn instructions,
            with the messages by which these are tried, ``surveys``: questionnaires to the personas, or ``tasks``: to the writers.
        place: a server's URL, or ``this process``.
        calls: of the whole run, and ``answered``: those that its log holds.
        tokens_in, tokens_out: likely, of the calls to come; ``most_out``: bound of the latter.
        usd, most_usd: of the calls to come, by the endpoint's prices; None where these are not known.
        minutes: of the calls to come, likely; None where no speed is known.
    """

    role: str
    model: str
    place: str
    calls: int
    answered: int
    tokens_in: int
    tokens_out: int
    most_out: int
    usd: float | None
    most_usd: float | None
    minutes: float | None

    @property
    def served(self) -> bool:
        """Whether a server is asked."""
        return self.place != HERE


class _Seen(NamedTuple):
    """What a run's log tells of one role."""

    answered: int = 0
    tokens_out: int = 0

    @property
    def usual(self) -> float:
        return self.tokens_out / self.answered if self.answered else USUAL_TOKENS


def check_places(config: RunConfig) -> None:
    """See that every model that a run would ask is where its settings say and can be paid, and that the one that learns is here.

    Raises:
        InputError: as :meth:`abm.llm.backends.Serving.check`; money is bounded and a price is not known; or the model that learns has no files here.
    """
    check_audiences(config.evaluation_audiences, config.serving, (config.model, config.reader_model))
    asked = asked_models(config)
    config.serving.check(asked)
    if config.budget.usd is not None:
        config.serving.check_prices(asked)
    learn = [arm.model or config.model for arm in config.all_arms.values() if learn_weights([arm.method])]
    for model in dict.fromkeys(learn):
        _check_files(config, model)


def asked_models(config: RunConfig) -> list[str]:
    """Return the models that a run asks, whoever serves them."""
    return list(dict.fromkeys([config.model, *config.asked_models, *config.other_writers.values()]))


def _check_files(config: RunConfig, model: str) -> None:
    """See that a model that learns is here; one with a trainer of its own has no files."""
    if model in TRAINERS:
        return
    if config.serving.endpoint(model) is None or is_server(model):
        model_folder(model)
    elif local_folder(model) is None:
        raise InputError(
            f"no files of model {model!r} here",
            why="a model that writes is trained here, from its files; only models that read or judge may be elsewhere",
            fix="Give its folder, or fetch it once: moloch model add NAME, or hf download NAME.",
        )


def planned(config: RunConfig, folder: Path | None = None, inputs: Inputs | None = None) -> list[RolePlan]:
    """Return what each role will ask.

    Args:
        folder: of the run; if it has begun, what is answered is not planned again.
        inputs: what :func:`learning.runs.inputs.gather` read, if it was read already.

    Raises:
        InputError: settings, anchors or personas are not valid.
    """
    if inputs is None:
        begun = settled(config, folder)
        inputs = gather(at_hand(begun, folder) if folder is not None else begun)
    seen, speeds = _seen(folder)
    parts = plan(config, inputs)
    written = int(min(seen["write"].usual, config.sampling.max_tokens))
    others, by = config.other_writers, messages_by(parts)
    models: dict[str, int] = {config.model: 0}
    for name, count in by.items():
        model = others.get(name, config.model)
        models[model] = models.get(model, 0) + count
    written_prompts = [inputs.arena.write_prompt(anchor.text) for anchor in inputs.anchors.held_out[:SAMPLE]]
    roles = [
        _role(
            config,
            "writers",
            model,
            calls,
            seen.get(f"write/{model}", _Seen()) if others else seen["write"],
            speeds,
            _mean_tokens(written_prompts) + memory_tokens(inputs, parts) / max(1, messages(parts)),
            config.sampling.max_tokens,
            inputs.arena.attempts,
        )
        for model, calls in models.items()
    ]
    tried = InstructionCalls.by_model(config, inputs, parts)
    for model, asked in tried.items():
        prompt, bound = asked.means(_mean_tokens(written_prompts), config.sampling.max_tokens)
        known = seen.get(f"reflect/{model}", _Seen()) if others else seen["reflect"]
        attempts = inputs.arena.attempts
        roles.append(_role(config, "reflections", model, asked.calls, known, speeds, prompt, bound, attempts))
    played = {"": config.reader_model} if config.audience == LLM_AUDIENCE else {}
    for audience, model in (played | config.voting_models).items():
        networked = config.world == "networked"
        calls = sum(_readings(config, parts, split, audience) * len(inputs.split(split)) for split in SPLITS)
        if not audience:
            calls += sum(asked.contests for asked in tried.values()) * len(inputs.split("train"))
        calls *= 2 if config.reader.answer == "letters" else 1  # both orders
        options = config.network.feed.slots if networked else 2
        prompts = [_react(inputs, persona.text, options, written) for persona in inputs.people.held_out[:SAMPLE]]
        roles.append(
            _role(
                config,
                f"readers ({audience})" if audience else "readers",
                model,
                calls,
                seen.get(before("react", audience), _Seen()),
                speeds,
                _mean_tokens(prompts) + (_page_tokens(config) if networked else 0),
                1 if config.reader.answer == "letters" else config.reader.max_tokens,
            )
        )
    roles += _surveys(config, inputs, parts, seen["survey"], speeds)
    return roles + _tasks(config, inputs, parts, seen["task"], speeds)


def _tasks(config: RunConfig, inputs: Inputs, parts: Plan, seen: _Seen, speeds: dict[str, float]) -> list[RolePlan]:
    """Return what writers will be asked beside their contests."""
    calls = sum(part.answers for part in parts if isinstance(part, AnswerTasks))
    if not calls:
        return []
    prompts = [tasks.messages(task) for tasks in inputs.tasks.values() for task in tasks.tasks]
    bound = config.out_of_domain.answer_tokens or config.sampling.max_tokens
    return [_role(config, "tasks", config.model, calls, seen, speeds, _mean_tokens(prompts), bound)]


def _surveys(config: RunConfig, inputs: Inputs, parts: Plan, seen: _Seen, speeds: dict[str, float]) -> list[RolePlan]:
    """Return what questionnaires will ask; what will be remembered is taken for as long as it may be."""
    asked = [SittingSize.of(config, inputs, part) for part in parts if isinstance(part, Survey)]
    if not asked:
        return []
    calls = sum(each.calls for each in asked)
    prompt = sum(each.calls * each.tokens_in for each in asked) / max(1, calls)
    bound = round(sum(each.calls * each.tokens_out for each in asked) / max(1, calls))
    return [_role(config, "surveys", config.reader_model, calls, seen, speeds, prompt, bound)]


def _readings(config: RunConfig, parts: Plan, split: Split, audience: str) -> int:
    """Return how often each persona of a split is asked before an audience: once a contest; in a networked world at most once a round
    of each opening of the feeds, and once more where a model sums up what it remembers."""
    if config.world != "networked":
        return contests(parts, split, audience)
    network = config.network
    opened = (
        len(openings(len(part.anchors), part.batch, network.together)) for part in held_before(parts, split, audience)
    )
    return sum(opened) * (network.rounds + (network.memory.by == "model"))


def _page_tokens(config: RunConfig) -> int:
    """Return about how many tokens a page has beside its posts: what is common to all personas, the form, and what one remembers."""
    memory = config.network.memory
    remembered = 0 if memory.by == "off" else memory.characters // 4
    return sum(text_tokens(text) for text in (READ.system, READ.user)) + 60 * config.network.feed.slots + remembered


def endpoints(serving: Serving, roles: Iterable[RolePlan]) -> list[Endpoint]:
    """Return the servers that a plan's calls to come go to."""
    models = dict.fromkeys(role.model for role in roles if role.served and role.calls > role.answered)
    return [endpoint for model in models if (endpoint := serving.endpoint(model)) is not None]


def total(plans: Sequence[Sequence[RolePlan]]) -> list[RolePlan]:
    """Return the sums of several runs' plans, role by role; runs are one after the other."""
    totals: dict[tuple[str, str, str], RolePlan] = {}
    for each in (role for roles in plans for role in roles):
        key = (each.role, each.model, each.place)
        totals[key] = _plus(totals[key], each) if key in totals else each
    return list(totals.values())


def _plus(left: RolePlan, right: RolePlan) -> RolePlan:
    sums: dict[str, Any] = {
        name: getattr(left, name) + getattr(right, name)
        for name in ("calls", "answered", "tokens_in", "tokens_out", "most_out")
    }
    sums |= {name: _sum(getattr(left, name), getattr(right, name)) for name in ("usd", "most_usd", "minutes")}
    return msgspec.structs.replace(left, **sums)


def _sum(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left + right


def sentence(roles: Sequence[RolePlan]) -> str:
    """Return the plan of calls that are still to come in one line; time only where speeds are known."""
    calls = sum(role.calls - role.answered for role in roles)
    read, written, most = (
        sum(getattr(role, name) for role in roles) for name in ("tokens_in", "tokens_out", "most_out")
    )
    usd, most_usd = (reduce(_sum, (getattr(role, name) for role in roles), 0.0) for name in ("usd", "most_usd"))
    minutes = [role.minutes for role in roles]
    parts = [
        f"{calls:,} calls to {', '.join(dict.fromkeys(role.place for role in roles))}",
        f"about {read:,} tokens read and {written:,} written (at most {most:,})",
    ]
    parts += ["price unknown"] if usd is None else [f"${usd:,.2f} (at most ${most_usd:,.2f})"] if most_usd else []
    parts += [f"about {sum(m for m in minutes if m):,.1f} min"] if None not in minutes else []
    return ", ".join(parts)


def spent(folder: Path, config: RunConfig) -> Cost:
    """Return what a run has spent so far, not counting the one that it was forked from; nothing if it has not begun."""
    if not (folder / "run.json").exists():
        return Cost()
    return Ledger(folder).read().or_more(answered(open_log(folder, write=False), config))


def answered(log: EventLog, config: RunConfig) -> Cost:
    """Return what the answers in a run's own log cost, and those that a repair kept beside it, by the prices in the settings."""
    cost, beside = Cost(), dict[tuple[str, str], Cost]()
    for event in log.read(log.fork.seq if log.fork else 0):
        if isinstance(event, LLMReplied):
            beside.pop((event.site, event.key), None)  # it was taken from there
            cost = cost.plus(_cost(event, config))
        elif isinstance(event, Repaired) and event.answers:
            with contextlib.suppress(LogError):  # a resumed run says so, and asks for them again
                beside |= {(answer.site, answer.key): _cost(answer, config) for answer in kept(log.path, event)}
    for each in beside.values():
        cost = cost.plus(each)
    return cost


def _cost(answer: LLMReplied, config: RunConfig) -> Cost:
    if config.serving.is_free(answer.model):
        return Cost()
    price = _price(config, answer.model) or Price()
    return Cost(1, answer.tokens_in + answer.tokens_out, price.of(answer.tokens_in, answer.tokens_out))


def plan_dicts(roles: Sequence[RolePlan]) -> list[dict[str, Any]]:
    """Return the plan as JSON-able mappings."""
    return [msgspec.to_builtins(role) for role in roles]


def _role(
    config: RunConfig,
    role: str,
    model: str,
    calls: int,
    seen: _Seen,
    speeds: dict[str, float],
    prompt: float,
    bound: int,
    attempts: int = 1,
) -> RolePlan:
    endpoint, price = config.serving.endpoint(model), _price(config, model)
    speed = (endpoint.tokens_per_s if endpoint else config.serving.tokens_per_s) or speeds.get(model, 0.0)
    coming = max(0, calls - seen.answered)
    bound += endpoint.room if endpoint else 0
    tokens_in, tokens_out = round(coming * prompt), round(coming * min(seen.usual, bound))
    return RolePlan(
        role=role,
        model=model,
        place=endpoint.url if endpoint else HERE,
        calls=calls,
        answered=seen.answered,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        most_out=coming * bound * attempts,
        usd=price.of(tokens_in, tokens_out) if price else None,
        most_usd=price.of(tokens_in * attempts, coming * bound * attempts) if price else None,
        minutes=tokens_out / speed / 60 if speed else None,
    )


def _price(config: RunConfig, model: str) -> Price | None:
    """Return what a model's tokens cost, nothing in this process; None where that is not known."""
    endpoint = config.serving.endpoint(model)
    return endpoint.price if endpoint else Price()


_ROLES = {
    "write": "write",
    "react": "react",
    "read": "react",
    "remember": "react",
    "survey": "survey",
    "reflect": "reflect",
    "try": "reflect",
    "task": "task",
}
"""What the site of a call begins with -> its role."""


def _seen(folder: Path | None) -> tuple[dict[str, _Seen], dict[str, float]]:
    """Return role -> what the log holds of it, of writers for each model and of readers for each evaluation audience, too; and model ->
    tokens that its server wrote per second."""
    roles, served = {role: _Seen() for role in _ROLES.values()}, {}
    if folder is None or not (folder / "run.json").exists():
        return roles, {}
    for event in read_events(folder):
        if isinstance(event, LLMReplied) and (role := _ROLES.get(event.site.partition("/")[0])):
            role = before(role, _voting(event.site))
            for key in (role, f"{role}/{event.model}"):
                known = roles.get(key, _Seen())
                roles[key] = _Seen(known.answered + (not is_retry(event.site)), known.tokens_out + event.tokens_out)
        elif isinstance(event, CallsServed):
            tokens, seconds = served.get(event.model, (0, 0.0))
            served[event.model] = (tokens + event.tokens_out, seconds + event.seconds)
    return roles, {model: tokens / seconds for model, (tokens, seconds) in served.items() if tokens and seconds}


def _voting(site: str) -> str:
    """Return the evaluation audience that is asked at a call's site; empty for the run's own."""
    return next((audience for part in site.split("/") if (audience := arm_and_audience(part)[1])), "")


def _react(inputs: Inputs, persona: str, options: int, tokens: int) -> list[Message]:
    return inputs.arena.react_prompt(persona, ["word" * tokens] * options)


def _mean_tokens(prompts: Sequence[list[Message]]) -> float:
    lengths = [sum(text_tokens(message["content"]) + 4 for message in prompt) for prompt in prompts]
    return sum(lengths) / max(1, len(lengths))
