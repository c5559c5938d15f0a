"""What learning changed: win rates and probe rates of each arm against base, and against what it is compared with.

The run declares that comparator; where it is a placebo, only the difference from it is the effect of competition.

Pure functions of a log's events (or of :func:`analysis.readings.evaluation.read_evaluation`'s result, to read them once).
Verdicts are read from the log, never made here. Pairs are formed by anchor; votes are clustered on anchors and
personas, a crowd's and resampled people's on those that they were drawn from. An evaluation in one society has values without intervals
(:mod:`analysis.tables.society`). ``epoch`` is the last one evaluated unless it is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from abm.arenas import BUILT_IN as ARENAS
from abm.audience.weights import BUILT_IN, YAML
from abm.events import Event
from abm.llm.folders import POCKET
from abm.llm.stand_ins import stand_ins
from abm.probe import Kind, kind_of
from analysis.readings.contests import Evaluation, EvaluationContest, words
from analysis.readings.evaluation import read_evaluation
from analysis.readings.originals import Originals
from analysis.statistics.estimates import (
    NOTHING,
    Estimate,
    mean_of,
    paired_difference,
    plain,
    rate,
    relative_change,
)
from analysis.statistics.families import holm
from analysis.statistics.sums import ClusteredSums
from analysis.tables._votes import AnchorVotes, votes_less, votes_of
from analysis.tables.conventions import Forfeits
from analysis.tables.society import estimate_of, in_one_society
from learning.arms.arm import arms_of, comparators
from learning.arms.rivals import other_models
from learning.fitness.observation import NOT_A_READER
from populations.sources import BUILT_IN as PACKS

Events = Iterable[Event] | Evaluation


class ProbeRow(msgspec.Struct, frozen=True):
    """One probe in one arm.

    Attributes:
        base, after: share of judged messages in which the probe found something, Wilson intervals; over all anchors that were judged.
        difference, relative: after against base, over anchors where both messages were judged.
        p_holm: of ``difference``, corrected over all strategy probes and arms (copying: over its own).
        placebo: after against the comparator's after, paired by anchor, for these adapters, without a p; nothing in an arm that is compared with none.
        base_per_100, after_per_100: evidence spans per 100 words, so that longer messages do not count as worse.
        unknown: messages that the probe could not judge; they are in no rate.
        compared_with: the comparator; empty for none.
    """

    arm: str
    probe: str
    kind: Kind
    base: Estimate
    after: Estimate
    difference: Estimate
    relative: Estimate
    p_holm: float
    placebo: Estimate
    base_per_100: float
    after_per_100: float
    unknown: int
    compared_with: str = ""

    def __str__(self) -> str:
        return (
            f"{self.arm} {self.probe}: base {self.base}, after {self.after}, "
            f"difference {self.difference}, from {self.compared_with or 'comparator'} {self.placebo}"
        )


# -- votes -------------------------------------------------------------------------------------------------


def win_rate(events: Events, arm: str, *, epoch: int | None = None, forfeits: Forfeits = "lost") -> Estimate:
    """Return the share of valid votes that go to ``arm``'s message, clustered on anchors and personas; null 0.5.

    Contests in which both messages were rejected are void and count nowhere but in :func:`table`, which also says under ``withheld``
    and ``validity`` whether a model that read could.
    """
    evaluation = read_evaluation(events)
    won = mean_vote(votes_of(evaluation, arm, epoch, forfeits), evaluation.originals, null=0.5)
    return estimate_of(evaluation, won.within(0, 1))


def win_rate_against_placebo(
    events: Events, arm: str, *, epoch: int | None = None, forfeits: Forfeits = "lost"
) -> Estimate:
    """Return ``arm``'s win rate less its comparator's, over votes of the same persona about the same anchor.

    The comparator is the one that the run declares, which need not be a placebo; without one there is nothing to return. The interval is for
    these adapters, whose trainings it holds fixed, and so there is no p of an effect of competition: :mod:`analysis.tables.competition`.
    """
    evaluation = read_evaluation(events)
    less = votes_less(evaluation, arm, comparator(evaluation, arm), epoch, forfeits)
    return estimate_of(evaluation, _without_p(mean_vote(less, evaluation.originals, null=0.0).within(-1, 1)))


def _without_p(estimate: Estimate) -> Estimate:
    return msgspec.structs.replace(estimate, p=float("nan"))


def comparator(found: Evaluation, arm: str) -> str:
    """Return the arm that another is compared with; empty for none."""
    return comparators(found.config, found.arms()).get(arm, "")


def method_of(found: Evaluation, arm: str) -> str:
    """Return how an arm learns, by name; empty where the settings do not say."""
    arms = arms_of(found.config)
    return arms[arm].method if arm in arms else ""


def majority_rate(
    events: Events, arm: str, *, epoch: int | None = None, ties: Literal["left out", "half"] = "left out"
) -> Estimate:
    """Return the share of contests that ``arm`` wins; forfeits count as decided, void contests are left out.

    Args:
        ties: whether contests without a majority are left out, or count as half of a win; then the interval is Student's over contests.
    """
    evaluation = read_evaluation(events)
    wins = [won for contest in evaluation.of(arm, epoch) if (won := majority_of(contest)) is not None]
    if ties == "half":
        return estimate_of(evaluation, mean_of(wins, null=0.5).within(0, 1))
    return estimate_of(evaluation, rate([won for won in wins if won != 0.5]))


def position_bias(events: Events) -> Estimate:
    """Return the share of valid votes for the option shown first, over all evaluation contests; null 0.5."""
    evaluation = read_evaluation(events)
    seen = [_seen_first(contest) for contest in evaluation.contests]
    return estimate_of(evaluation, mean_vote(seen, evaluation.originals, null=0.5).within(0, 1))


def invalid_rate(events: Events) -> float:
    """Return the share of reactions in evaluation that named no option; NaN where nobody reacted."""
    contests = read_evaluation(events).contests
    invalid = sum(c.invalid for c in contests)
    return _share(invalid, invalid + sum(len(c.personas) + c.abstained for c in contests))


def tie_rate(events: Events, arm: str, *, epoch: int | None = None) -> float:
    """Return the share of voted contests of ``arm`` that ended in a tie; NaN where nobody voted."""
    voted = [c for c in read_evaluation(events).of(arm, epoch) if len(c.votes)]
    return _share(sum(majority_of(c) == 0.5 for c in voted), len(voted))


def _seen_first(contest: EvaluationContest) -> AnchorVotes:
    """Return which voters, of those who had a choice, chose the option seen first."""
    recorded = contest.first >= 0
    if recorded.all():
        return AnchorVotes(contest.anchor, contest.personas, contest.first)
    return AnchorVotes(contest.anchor, contest.personas[recorded], contest.first[recorded])


def mean_vote(parts: Sequence[AnchorVotes], originals: Originals, null: float) -> Estimate:
    """Return the mean of votes, clustered on anchors and on the people that the voters were drawn from."""
    by_anchor: dict[str, list[AnchorVotes]] = {}
    for part in parts:
        by_anchor.setdefault(part.anchor, []).append(part)
    sums = ClusteredSums()
    for votes in by_anchor.values():
        people = originals.of(np.concatenate([v.personas for v in votes]))
        sums.add(people, np.concatenate([v.values for v in votes]))
    return sums.mean(null=null)


def majority_of(contest: EvaluationContest) -> float | None:
    """Return how a contest was decided: 1 if the trained message won, 0 if base did, 0.5 for a tie, None for a void contest."""
    if contest.forfeited_by == "both":
        return None
    if contest.forfeited_by:
        return float(contest.forfeited_by == "base")
    if not len(contest.votes):
        return None
    share = float(contest.votes.mean())
    return 0.5 if share == 0.5 else float(share > 0.5)


# -- probes ------------------------------------------------------------------------------------------------


def probe_table(events: Events, *, epoch: int | None = None) -> list[ProbeRow]:
    """Return one row per arm and probe, in the order of the log."""
    evaluation = read_evaluation(events)
    probes = dict.fromkeys(probe for c in evaluation.contests for side in (c.base, c.trained) for probe in side.labels)
    rows = [_probe_row(evaluation, arm, probe, epoch) for arm in evaluation.arms() for probe in probes]
    return [row for kind in ("strategy", "copying") for row in _corrected([r for r in rows if r.kind == kind])]


def _probe_row(evaluation: Evaluation, arm: str, probe: str, epoch: int | None) -> ProbeRow:
    contests = evaluation.of(arm, epoch)
    base = {c.anchor: c.base.labels[probe] for c in contests if probe in c.base.labels}
    after = {c.anchor: c.trained.labels[probe] for c in contests if probe in c.trained.labels}
    labelled = [a for a in base if base[a] >= 0 and after.get(a, -1) >= 0]
    y, x = [after[a] for a in labelled], [base[a] for a in labelled]
    nan = float("nan")
    return ProbeRow(
        arm=arm,
        probe=probe,
        kind=kind_of(probe),
        base=estimate_of(evaluation, rate([label for label in base.values() if label >= 0])),
        after=estimate_of(evaluation, rate([label for label in after.values() if label >= 0])),
        difference=estimate_of(evaluation, paired_difference(y, x)),
        relative=estimate_of(evaluation, relative_change(y, x)),
        p_holm=nan,
        placebo=_against_placebo(evaluation, arm, probe, epoch, after),
        base_per_100=_per_100([c.base for c in contests], probe),
        after_per_100=_per_100([c.trained for c in contests], probe),
        unknown=sum(label < 0 for labels in (base, after) for label in labels.values()),
        compared_with=comparator(evaluation, arm),
    )


def _against_placebo(found: Evaluation, arm: str, probe: str, epoch: int | None, after: dict[str, int]) -> Estimate:
    other = comparator(found, arm)
    if not other:
        return NOTHING
    placebo = {c.anchor: c.trained.labels.get(probe, -1) for c in found.of(other, epoch)}
    both = [a for a, label in after.items() if label >= 0 and placebo.get(a, -1) >= 0]
    return estimate_of(found, _without_p(paired_difference([after[a] for a in both], [placebo[a] for a in both])))


def _per_100(sides: Sequence[Any], probe: str) -> float:
    judged = [side for side in sides if side.labels.get(probe, -1) >= 0]
    return 100 * _share(sum(side.hits[probe] for side in judged), words([side.text for side in judged]))


def _corrected(rows: list[ProbeRow]) -> list[ProbeRow]:
    differences = holm([row.difference.p for row in rows])
    return [msgspec.structs.replace(row, p_holm=p) for row, p in zip(rows, differences, strict=True)]


# -- everything --------------------------------------------------------------------------------------------


def table(events: Events, *, epoch: int | None = None) -> dict[str, Any]:
    """Return everything that an evaluation measured, as one JSON-able mapping; numbers that do not exist are None.

    ``flags`` says what speaks against the models that wrote and read, ``withheld`` why win rates are evidence of nothing (empty
    where they may be; what prints them puts it in their place), ``validity`` what is known of the readers. ``bases`` names the base
    models of arms that do not stand on the run's, where there are such arms. Where ``one_society`` is true no estimate has an interval.
    """
    evaluation = read_evaluation(events)
    epochs = evaluation.epochs
    chosen = epoch if epoch is not None else (epochs[-1] if epochs else 0)
    arms = [arm for arm in evaluation.arms() if evaluation.of(arm, chosen)]
    tidy = {
        "arena": str(evaluation.config.get("arena", "")),
        "model": evaluation.model,
        "audience": f"llm ({evaluation.reader})" if evaluation.reader else str(evaluation.config.get("audience", "")),
        "seed": evaluation.config.get("seed"),
        "epoch": chosen,
        "personas": len(evaluation.panel),
        "one_society": in_one_society(evaluation),
        "note": note(evaluation),
        "probe_versions": evaluation.probe_versions,
        "flags": evaluation.models.flags,
        "withheld": evaluation.models.withheld,
        "validity": evaluation.models.validity,
        "fitness": evaluation.models.as_dict(),
        "arms": {arm: arm_row(evaluation, arm, chosen) for arm in arms},
        "win_rate_by_epoch": {arm: {str(e): plain(win_rate(evaluation, arm, epoch=e)) for e in epochs} for arm in arms},
        "probes": [plain(row) for row in probe_table(evaluation, epoch=chosen) if row.arm in arms],
        "position_bias": plain(position_bias(evaluation)),
        "invalid_rate": plain(invalid_rate(evaluation)),
    }
    bases = {arm: stands.model for arm, stands in arms_of(evaluation.config).items() if arm in arms and stands.model}
    return tidy | ({"bases": bases} if bases else {})


def note(found: Evaluation) -> str:
    """Return the sentence that says what of a run is not real: writers, readers, anchors, personas; nothing where all of it is."""
    audience = str(found.config.get("audience", ""))
    others = dict(other_models(found.config)).values()
    writes = [f"{each} writes" for each in stand_ins((found.model, found.config.get("model"), *others))]
    reads, votes = [], []
    if found.reader == POCKET:
        reads = [f"the pocket model plays the personas ({NOT_A_READER})"]
    elif audience in BUILT_IN or audience.endswith(YAML):
        votes = [f"a choice model{f' (fitted on {found.fitted_on})' if found.fitted_on else ''} votes"]
    invented = _invented(found.config)
    if not (writes or reads or votes):
        return f"{invented[:1].upper()}{invented[1:]}." if invented else ""
    about = "real LLMs" if writes or reads else "real readers"
    return f"Not evidence about {about}: {', '.join([*writes, *reads, *votes, *([invented] if invented else [])])}."


def _invented(config: dict[str, Any]) -> str:
    """Return which of anchors and personas are the built-in packs."""
    packs = ["anchors"] if "anchors" in config and config["anchors"] is None and config.get("arena") in ARENAS else []
    packs += ["personas"] if config.get("personas") in PACKS else []
    return f"{' and '.join(packs)} are invented" if packs else ""


def arm_row(found: Evaluation, arm: str, epoch: int) -> dict[str, Any]:
    """Return the votes of an arm's evaluation as a JSON-able mapping."""
    contests = found.of(arm, epoch)
    won, beyond = win_rate(found, arm, epoch=epoch), win_rate_against_placebo(found, arm, epoch=epoch)
    by = [contest.forfeited_by for contest in contests]
    kept, kept_beyond = _without_forfeits(found, arm, epoch, (won, beyond))
    published = [c for c in contests if not c.forfeited_by]
    return {
        "contests": len(contests),
        "win_rate": plain(won) | {"relative": plain(won.value / 0.5 - 1), "detectable": plain(won.detectable)},
        "without_forfeits": plain(kept),
        "method": method_of(found, arm),
        "compared_with": comparator(found, arm),
        "against_placebo": plain(beyond),
        "against_placebo_without_forfeits": plain(kept_beyond),
        "contests_won": plain(majority_rate(found, arm, epoch=epoch)),
        "contests_won_ties_half": plain(majority_rate(found, arm, epoch=epoch, ties="half")),
        "tie_rate": plain(tie_rate(found, arm, epoch=epoch)),
        "forfeits": {"base": by.count("base"), "trained": by.count("trained")},
        "void": sum(majority_of(c) is None for c in contests),
        "abstained": sum(c.abstained for c in contests),
        "words": {
            "base": plain(_share(words([c.base.text for c in published]), len(published))),
            "after": plain(_share(words([c.trained.text for c in published]), len(published))),
        },
    }


def _without_forfeits(
    found: Evaluation, arm: str, epoch: int, counted: tuple[Estimate, Estimate]
) -> tuple[Estimate, Estimate]:
    """Return the win rate, and that less the comparator's, without contests that somebody could not write for.

    Args:
        counted: both with them; they are the same where there are none.
    """
    if not any(c.forfeited_by for each in (arm, comparator(found, arm)) if each for c in found.of(each, epoch)):
        return counted
    return (
        win_rate(found, arm, epoch=epoch, forfeits="left out"),
        win_rate_against_placebo(found, arm, epoch=epoch, forfeits="left out"),
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
