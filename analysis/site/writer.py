"""Writing a site: which folder it is of, how much room there is, and the files that all pages share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from abm.log.absent_run import no_run
from analysis.site.folder import SiteMade, check_target, write_folder
from analysis.site.run_pages import RunSite
from analysis.site.sources import read_source
from analysis.site.study_pages import StudySite
from analysis.studies.prereg.looks import look_at
from analysis.studies.record.layout import is_study
from analysis.ui.graph import bundle
from moloch.errors import InputError

_EXPORT = re.compile(r"export\s*\{\s*([\w$]+) as default\s*\};?\s*$")


def write_site(folder: Path | str, target: Path | str, *, most_mb: int = 24, look: bool = False) -> SiteMade:
    """Write a run or a study as a folder of pages that opens from disk; whole or not at all.

    The same log gives the same bytes. A site that is there already is replaced; a folder of anything else is not.

    Args:
        most_mb: megabytes that it takes, about; what has no room is left out, which its first page says.
        look: show the effects of a preregistered study before its end, or a cell of it; its log says so.

    Raises:
        InputError: neither a run nor a study, a target that is no site and not empty, or effects that are not to be seen yet.
        LogError, CorruptLog: a log cannot be read, or is damaged; nothing is written.
    """
    folder, target = Path(folder), Path(target)
    study = is_study(folder)
    if not folder.exists():
        raise no_run(folder)
    if not study and not (folder / "run.json").is_file():
        raise InputError("nothing to make a site from", where=str(folder), why="it is neither a run nor a study")
    if most_mb < 1:
        raise InputError("a site needs room", where="most_mb", why=f"{most_mb} MB were given", fix="Give 1 or more.")
    check_target(target)
    look_at([folder], "pack", look)
    name, most = folder.resolve().name, most_mb * 10**6
    made = StudySite(folder, name, most) if study else RunSite(read_source(folder, name), most)
    kind, head = ("study", made.head) if isinstance(made, StudySite) else ("run", made.source.info.head)
    mark = {"kind": kind, "name": name, "head": head}
    files, size = write_folder(target, _with_assets(made), mark)
    return SiteMade(str(target), kind, name, head, files, size, made.left_out)


def _with_assets(made: RunSite | StudySite) -> Iterator[tuple[str, bytes]]:
    yield from made.files()
    own = resources.files("analysis.site").joinpath("assets")
    pages = resources.files("analysis.ui").joinpath("assets")
    yield "assets/site.css", own.joinpath("site.css").read_bytes()
    yield "assets/site.js", own.joinpath("site.js").read_bytes()
    yield "assets/pages.css", pages.joinpath("custom.css").read_bytes()
    yield "assets/favicon.svg", pages.joinpath("favicon.svg").read_bytes()
    yield "assets/graph.css", bundle.read("diffusion.css").encode()
    yield "assets/graph.js", graph_script(own.joinpath("graph.js").read_text("utf-8")).encode()


def graph_script(host: str) -> str:
    """Return the widget and what mounts it as one classic script: pages that are opened from disk may not load modules.

    Args:
        host: code that uses ``widget``.

    Raises:
        ValueError: the widget's bundle does not end as it should.
    """
    text = bundle.read("diffusion.js")
    export = _EXPORT.search(text)
    if export is None:
        raise ValueError("the widget's bundle has no default export at its end")
    return f"(() => {{\n{text[: export.start()]}\nconst widget = {export[1]};\n{host}\n}})();\n"
