"""A graph builder: members stand in a ring, and each follows its next neighbours and a few members at random."""

import numpy as np

from media_graph import BUILDERS, from_ties
from moloch import keyed


@BUILDERS.register("ring")
def ring(n, *, neighbours=2, strangers=1, seed):
    members = np.arange(n)
    near = [(members, (members + step) % n) for step in range(1, neighbours + 1)]
    far = [(members, np.floor(keyed.uniforms(members, seed, "ring", i) * n).astype(int)) for i in range(strangers)]
    sources, targets = (np.concatenate(column) for column in zip(*near, *far, strict=True))
    others = sources != targets  # nobody follows itself
    return from_ties(n, sources[others], targets[others])
