"""The lists that referees ask for, filled in as far as a log can: NeurIPS' paper checklist, ODD (2020) and ADEMP.

Items are NeurIPS' of 2025 in short, ODD's of Grimm et al. (JASSS 23(2) 7, 2020), ADEMP's of Morris, White & Crowther (Statistics in
Medicine 38, 2019). What a log cannot say is left to the authors, and said to be. Knows an account of what was done; knows no logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis.formats import count
from analysis.reports.document import Fact, Facts

AUTHORS = "For the authors: the log does not say."


@dataclass(frozen=True)
class Account:
    """What was done, in words that the lists share.

    Attributes:
        aim: the question, as far as settings say it.
        arenas, worlds, audiences, models: those that occur.
        arms: arm -> what it is and what it is compared with.
        sizes: anchors, people, contests.
        seeds: how many, and what they vary.
        epochs, messages: of each arm, of each contest.
        scope: how far intervals hold; ``tests``: what was tested, and how several tests are corrected.
        compute: calls, tokens, time, machine, versions.
        humans: who reacted.
        note: what it is no evidence of.
    """

    aim: str
    arenas: str
    worlds: tuple[str, ...]
    audiences: str
    models: str
    arms: str
    sizes: str
    seeds: str
    epochs: int
    messages: int
    scope: str
    tests: str
    compute: str
    humans: str
    data: str
    note: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def networked(self) -> bool:
        """Whether members see each other."""
        return "networked" in self.worlds


def referee_lists(account: Account) -> list[Facts]:
    """Return the three lists, filled in."""
    return [
        Facts(_neurips(account), "NeurIPS paper checklist"),
        Facts(_odd(account), "ODD 2020"),
        Facts(_ademp(account), "ADEMP"),
    ]


def _neurips(a: Account) -> tuple[Fact, ...]:
    return (
        Fact("1 Claims", f"The section Answer; each sentence links to its rows. {a.note}".strip()),
        Fact("2 Limitations", "The section Limits."),
        Fact("3 Theory", "None: estimators are documented with their sources.", True),
        Fact("4 Reproducibility", "The section Reproduce: settings, command, versions, head and digest of the log; moloch replay decides it again without a model."),
        Fact("5 Open access to data and code", f"Code: moloch-abm. Data: {a.data}. Where log and data are published is for the authors."),
        Fact("6 Experimental setting", f"The section Design: {a.sizes}; {a.arms}; {count(a.epochs, 'epoch')}, {count(a.messages, 'message')} in a contest."),
        Fact("7 Statistical significance", f"{a.scope} {a.tests}"),
        Fact("8 Compute", a.compute),
        Fact("9 Code of ethics", AUTHORS, False),
        Fact("10 Broader impacts", AUTHORS, False),
        Fact("11 Safeguards", f"{AUTHORS} Adapters that learnt from votes are in the run's folder; releasing them is a decision.", False),
        Fact("12 Licenses of existing assets", AUTHORS, False),
        Fact("13 New assets", "The log documents itself: moloch log info, and docs/reference/codebook.md."),
        Fact("14 Human subjects", a.humans),
        Fact("15 Review board", f"{a.humans} Whether persona data needs a review is for the authors.", False),
        Fact("16 Use of language models", f"{a.models} write; {a.audiences}. Their prompts and answers are in the log."),
    )  # fmt: skip


def _odd(a: Account) -> tuple[Fact, ...]:
    network = (
        "Members see messages in ranked feeds, like, share, reply, follow and unfollow, and see what contacts endorse."
        if a.networked
        else "None between members: each sees every message of a contest and no other member."
    )
    feeds = "feeds, diffusion and opinion dynamics (docs/networked.md), " if a.networked else ""
    return (
        Fact("1 Purpose and patterns", f"{a.aim} Pattern: whether messages that win more votes misbehave more."),
        Fact("2 Entities, state variables, scales", f"Competitors (a language model with an adapter), members of the audience (a persona each), contests about anchors. {a.sizes}. Time: epochs of contests, {count(a.epochs, 'epoch')}; space: {'the graph of followers' if a.networked else 'none'}."),
        Fact("3 Process overview and scheduling", "Each epoch: competitors write, members react, contests are decided by votes, arms learn from the log. After the last one arms meet base on held-out anchors before held-out people. Steps are in the log in their order."),
        Fact("4.1 Basic principles", "Selection by an audience: what wins is learnt (El & Zou, arXiv 2510.06105)."),
        Fact("4.2 Emergence", "Win rates and rates of misbehaviour; neither is a setting."),
        Fact("4.3 Adaptation", f"Competitors adapt by learning: {a.arms}."),
        Fact("4.4 Objectives", "Votes, by way of what each method learns from."),
        Fact("4.5 Learning", "LoRA adapters; rows, steps and tokens of each training are in the section Design."),
        Fact("4.6 Prediction", "None that is explicit."),
        Fact("4.7 Sensing", "Each member reads messages in a different order, which the log holds."),
        Fact("4.8 Interaction", network),
        Fact("4.9 Stochasticity", f"Philox, keyed by seed, epoch, step, agent and call site; {a.seeds}."),
        Fact("4.10 Collectives", "Societies, one for each arm." if a.networked else "None."),
        Fact("4.11 Observation", "Every event is in the log; probes judge every message."),
        Fact("5 Initialisation", f"Anchors and people are drawn by seed; {a.data}."),
        Fact("6 Input data", f"{a.data}; none changes during a run."),
        Fact("7 Submodels", f"Writing: {a.models}. Reacting: {a.audiences}. Learning: docs/decisions; {feeds}probes: docs/probes.md."),
    )  # fmt: skip


def _ademp(a: Account) -> tuple[Fact, ...]:
    return (
        Fact("Aims", a.aim),
        Fact("Data-generating mechanisms", f"{a.arenas}; {a.audiences}; {' and '.join(a.worlds)} world; {a.seeds}."),
        Fact("Estimands", "Win rate of each arm over base, and rate of each misbehaviour, each less that of the arm's comparator, in percentage points."),
        Fact("Methods", f"{a.arms}."),
        Fact("Performance measures", f"{a.scope} {a.tests}"),
    )  # fmt: skip
