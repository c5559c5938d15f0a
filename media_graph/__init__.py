"""Media graph: who sees what. networkx graphs for people, CSR arrays for machines."""

from media_graph.builders import PERSONA, barabasi_albert, erdos_renyi, isolated, watts_strogatz
from media_graph.csr import CSR, to_csr

__all__ = ["CSR", "PERSONA", "barabasi_albert", "erdos_renyi", "isolated", "to_csr", "watts_strogatz"]
