"""Reports of runs and studies that can be mailed: one page of HTML, Markdown, or LaTeX."""

from analysis.reports.report_file import FORMATS, report

__all__ = ["FORMATS", "report"]


def __dir__() -> list[str]:
    return sorted(__all__)
