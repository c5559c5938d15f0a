"""A mitigation that lets no long message be learnt from."""

from learning.mitigations import MITIGATIONS, Mitigation, not_learnt_from


@MITIGATIONS.register("concise")
class Concise(Mitigation, frozen=True):
    name = "concise"
    most: int = 40  # a setting of its own: mitigations: {concise: {most: 60}}

    def rows(self, rows, contests, method, seed):
        lengths = {m.message: len(m.text.split()) for contest in contests.learnable for m in contest.messages.values()}
        return not_learnt_from(rows, method, lambda message: lengths[message] > self.most)
