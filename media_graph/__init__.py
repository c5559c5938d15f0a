"""Media graph: who sees what. networkx graphs for people, CSR arrays for machines, feeds and diffusion on them."""

from media_graph.csr import CSR, PERSONA, distinct, from_csr, from_ties, to_csr
from media_graph.files import read_graph, write_graph
from media_graph.layouts import layout, stored_layout
from media_graph.random_graphs import BUILDERS, build

__all__ = [
    "BUILDERS",
    "CSR",
    "PERSONA",
    "build",
    "distinct",
    "from_csr",
    "from_ties",
    "layout",
    "read_graph",
    "stored_layout",
    "to_csr",
    "write_graph",
]


def __dir__() -> list[str]:
    return sorted(__all__)
