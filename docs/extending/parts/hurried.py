"""An audience that follows its first impression: most members choose the message that they saw first."""

import numpy as np

from abm.audience import AUDIENCES, Reactions
from moloch import keyed


@AUDIENCES.register("hurried")
class Hurried:
    patience = 0.2  # share of members who look further, and then choose at random

    def react(self, texts, shown, voters, key):
        looks = keyed.uniforms(voters.ids, *key, "looks") < self.patience
        drawn = keyed.uniforms(voters.ids, *key, "draws")
        choices = np.where(looks, np.floor(drawn * len(texts)), shown[:, 0]).astype(np.int16)
        thoughts = ["I compared them." if look else "The first will do." for look in looks]
        return Reactions(choices, thoughts)
