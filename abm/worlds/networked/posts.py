"""What members wrote, as messages in the feeds, and what probes say of it. Pure functions; they append nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from abm.arenas import Arena
from abm.columns import Int16s, Int32s, unpack
from abm.events import MembersPosted, PostJudged
from abm.probe import Probe
from abm.worlds.networked.scene import Said
from moloch.texts import whole


def written(event: MembersPosted, seq: int, said: Sequence[Said]) -> list[Said]:
    """Return what members wrote in a round as messages in the feeds.

    Args:
        seq: of the event.
        said: what was in the feeds before.
    """
    authors, items = unpack(event.personas, Int32s).tolist(), unpack(event.items, Int16s).tolist()
    posts = []
    for message, text, kind, author, item in zip(event.messages, event.texts, event.kinds, authors, items, strict=True):
        about = said[item]
        place = (*about.place, "said", author, event.round)
        posts.append(Said(message, about.contest, text, about.anchor, place, seq, author, item, kind == "share"))
    return posts


def judged(posts: Sequence[Said], probes: Sequence[Probe], arena: Arena, step: int) -> Iterator[PostJudged]:
    """Yield what each probe says of each text that a member wrote, against the anchor that it is about."""
    for post in posts:
        for probe in probes:
            verdict = probe.judge(post.text, post.anchor, arena)
            yield PostJudged(
                step=step,
                cause=post.seq,
                message=post.message,
                persona=post.author,
                probe=probe.name,
                judge=probe.judge_name,
                label=verdict.label,
                evidence=[whole(span) for span in verdict.evidence],
            )
