"""A method that learns the longest message of each contest, not the winner."""

from learning.methods import METHODS, Method


@METHODS.register("longest")
class Longest(Method, frozen=True):
    weight: float = 1.0  # a setting of its own: --set lora.options.weight=0.5

    def rows(self, contests, seed):
        rows = []
        for contest in contests.learnable:
            slot = max(contest.slots, key=lambda slot: len(contest.messages[slot].text))
            rows.append(contests.trajectory(contest, slot, weight=self.weight))
        return rows
