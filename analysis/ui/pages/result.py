"""What a run came to: the page on which it opens."""

from __future__ import annotations

from analysis.ui import results
from analysis.ui.address import PageAddress
from analysis.ui.data.questions import questions
from analysis.ui.data.result import nothing_yet, run_result
from analysis.ui.data.runs import RunInfo
from analysis.ui.framework import solara
from analysis.ui.library import Follower, library
from analysis.ui.pages import background, vue
from analysis.ui.pages.diffusion import Rest
from analysis.ui.pages.study import nearest_cell


@solara.component
def Result(follower: Follower, address: PageAddress, go: vue.Go, rest: Rest) -> None:
    """The answer, the forest plot, alarms, where to look closer, health, and what to do next."""
    found = background.use_reading(lambda: results.result(follower), follower) or results.latest(follower)
    if found is None:
        vue.Notice(title="Reading the log", text="Counting every vote and verdict of the evaluations.", busy=True)
    elif not found.tables["arms"]:
        state = follower.state()
        vue.NoResult(found=follower.read(lambda book: nothing_yet(book, state, address)), event_go=go)
    else:
        info = follower.info()
        closer = questions(found.tables, info.config, address, *_other(follower, info))
        vue.ResultView(found=run_result(*found, address, info) | {"questions": closer}, event_go=go)


def _other(follower: Follower, info: RunInfo) -> tuple[str, str]:
    """Return the run that a comparison begins with, and the study that both are cells of; empty for none.

    It is the run that this one was forked from, the nearest cell of the same study, or the only other run.
    """
    others = [key for key in library().paths() if key != follower.key]
    if info.forked and info.forked[0] in others:
        return info.forked[0], ""
    study = library().study_of(follower.path)
    if study and (beside := nearest_cell(library(), follower.path)):
        return beside, study
    return (others[0] if len(others) == 1 else ""), ""
