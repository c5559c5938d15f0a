"""What a run's models are doing at the moment, in words: the same for the terminal, for the lines of a log and for pages."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.formats import duration
from analysis.readings.progress import CellProgress
from learning.runs.traffic import Traffic


def calls_words(traffic: Traffic) -> str:
    """Return how many calls were answered, of how many; empty where none is planned."""
    known = traffic.planned is not None and traffic.planned >= traffic.answered
    if not (traffic.answered or traffic.planned):
        return ""
    of = f" of {'at most ' * traffic.at_most}{traffic.planned:,}" if known else ""
    again = f" (and {traffic.again:,} once more)" if traffic.again else ""
    return f"{traffic.answered:,}{of}{again}"


def speed_words(traffic: Traffic) -> str:
    """Return how fast models write; empty where they do not."""
    speed = traffic.tokens_per_s
    return "" if speed is None else f"{speed:,.0f} tokens/s" if speed >= 10 else f"{speed:,.1f} tokens/s"


def money_words(usd: float | None) -> str:
    """Return what was spent; empty for nothing."""
    return "price unknown" if usd is None else f"${usd:,.2f}" if usd >= 0.005 else f"${usd:.4f}" if usd > 0 else ""


def waiting_words(traffic: Traffic) -> str:
    """Return what waits for a server: calls to be sent again, with why, and how long none was answered; empty where all is well."""
    again = ", ".join(f"{why} x{calls:,}" for why, calls in traffic.waiting.items())
    parts = [f"waiting: {again}"] if again else []
    parts += [f"no answer for {duration(traffic.silent_s)}"] if traffic.is_silent else []
    return ", ".join(parts)


def left_words(progress: CellProgress | None, traffic: Traffic | None) -> str:
    """Return how long the rest will take, as steps and trainings took so far; where that is not known, the calls; else nothing."""
    if progress is not None and progress.ended:
        return ""
    if progress is not None and progress.eta_s is not None:
        return f"about {duration(progress.eta_s)} left"
    if traffic is not None and traffic.calls_left_s is not None:
        return f"about {duration(traffic.calls_left_s)} of calls left"
    return ""


def traffic_words(traffic: Traffic) -> list[str]:
    """Return all of it but the time that is left, in the order in which it is said."""
    calls = calls_words(traffic)
    said = [f"{calls} calls answered" if calls else "", speed_words(traffic), money_words(traffic.usd)]
    return [each for each in (*said, waiting_words(traffic)) if each]


def sum_of(parts: Iterable[Traffic]) -> Traffic:
    """Return the traffic of several runs that are carried out at the same time; those left to begin are in none."""
    each = list(parts)
    waiting = dict[str, int]()
    for one in each:
        for why, calls in one.waiting.items():
            waiting[why] = waiting.get(why, 0) + calls
    speeds = [one.tokens_per_s for one in each if one.tokens_per_s is not None]
    plans = [one.planned for one in each if one.planned is not None]
    prices = [one.usd for one in each if one.usd is not None]
    lefts = [one.calls_left_s for one in each if one.calls_left_s is not None]
    return Traffic(
        answered=sum(one.answered for one in each),
        again=sum(one.again for one in each),
        planned=sum(plans) if len(plans) == len(each) else None,
        at_most=any(one.at_most for one in each),
        tokens_in=sum(one.tokens_in for one in each),
        tokens_out=sum(one.tokens_out for one in each),
        tokens_per_s=sum(speeds) if speeds else None,
        usd=sum(prices) if len(prices) == len(each) else None,
        waiting=waiting,
        sent=sum(one.sent for one in each),
        silent_s=min((one.silent_s for one in each), default=0.0),
        calls_left_s=max(lefts) if len(lefts) == len(each) and lefts else None,
        at=max((one.at for one in each), default=0.0),
    )
