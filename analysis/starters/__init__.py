"""Starting points: files that run as they are and say in comments what each line does.

``KINDS`` names them, ``write_starter`` writes one into a folder. Knows files, not what a study, a probe or a persona is.
"""

from analysis.starters.starter import KINDS, Starter, write_starter

__all__ = ["KINDS", "Starter", "write_starter"]


def __dir__() -> list[str]:
    return sorted(__all__)
