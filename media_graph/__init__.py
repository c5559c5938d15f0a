"""Media graph: who sees what. networkx graphs for people, CSR arrays for machines, feeds and diffusion on them."""

from media_graph.builders import PERSONA, barabasi_albert, erdos_renyi, isolated, watts_strogatz
from media_graph.csr import CSR, distinct, from_csr, from_ties, to_csr
from media_graph.files import read_graph, write_graph
from media_graph.layouts import layout, stored_layout
from media_graph.random_graphs import KINDS, build

__all__ = [
    "CSR",
    "KINDS",
    "PERSONA",
    "barabasi_albert",
    "build",
    "distinct",
    "erdos_renyi",
    "from_csr",
    "from_ties",
    "isolated",
    "layout",
    "read_graph",
    "stored_layout",
    "to_csr",
    "watts_strogatz",
    "write_graph",
]
