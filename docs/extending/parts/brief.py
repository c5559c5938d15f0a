"""A reader that prefers few words."""

import numpy as np

from abm.audience import AUDIENCES
from moloch import keyed


@AUDIENCES.register("brief")
class Brief:
    """Utility of a message: 1 for no words, falling by 0.02 for each; a member's choice adds Gumbel noise."""

    outside = -1.0  # utility of choosing nothing

    def topics(self, texts):
        return np.array([[len(text.split())] for text in texts], dtype=np.float32)

    def _utility(self, texts):
        return 1 - 0.02 * self.topics(texts)[:, 0].astype(np.float64)

    def _noise(self, ids, option, key):
        return -np.log(-np.log(keyed.uniforms(ids, *key, option)))

    def appeal(self, texts, voters, rows, items):
        return self._utility(texts)[items]

    def choose(self, texts, voters, seen, key):
        ids = voters.ids[seen.rows]
        noise = np.stack([self._noise(ids, option, key) for option in range(len(texts))], axis=1)
        noisy = np.where(seen.offered, self._utility(texts) + seen.social + seen.source + noise, -np.inf)
        nothing = self.outside + self._noise(ids, -1, key)
        return np.where(noisy.max(axis=1) > nothing, noisy.argmax(axis=1), -1)

    def thoughts(self, texts, voters, seen, chosen, shown, key):
        return ["It is short." if option >= 0 else "All too long." for option in chosen]
