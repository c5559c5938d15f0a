"""A ranker to begin with: it shows what is liked, less the longer ago it arrived.

A run of the networked world takes it by two settings, on the command line or in a file::

    world: networked
    extensions: [my_ranker]                        # this module, as an import statement would name it
    network: {feed: {ranker: liked_and_fresh}}
"""

import numpy as np

from media_graph.feeds import RANKERS, Feed, Scores

HALF_LIFE = 2.0
"""Rounds after which a message counts half."""


@RANKERS.register("liked_and_fresh")  # the name in settings and in the log
class LikedAndFresh:
    """A ranker scores candidates, each a pair of a member and a message; the highest of a member's are seen.

    It keeps nothing between rounds and draws nothing: ``feed.lots`` holds a random number for each candidate, and equal
    scores are ordered at random.
    """

    name = "liked_and_fresh"
    needs_tastes = False  # whether the platform keeps what each member engaged with before, for ``feed.tastes``

    def score(self, feed: Feed) -> Scores:
        """Return a finite number for each candidate, shape (c,)."""
        liked = np.log1p(feed.popularity)[feed.items]  # likes, shares and replies so far
        return (1.0 + liked) * 0.5 ** (feed.age / HALF_LIFE)
