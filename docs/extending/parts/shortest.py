"""A ranker that shows short messages first."""

from media_graph.feeds import RANKERS


@RANKERS.register("shortest")
class Shortest:
    name, needs_tastes = "shortest", False

    def score(self, feed):  # shape (candidates,): the highest of a member's are seen
        return -feed.topics[feed.items, 0]  # column 0 of the topics: length
