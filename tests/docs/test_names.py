"""No page, docstring, comment or error message names an object or a file that does not exist."""

from __future__ import annotations

import re

import pytest

from tests.docs import names


@pytest.mark.system
def test_dotted_names_exist():
    """What is named as ``abm.state.apply`` can be imported from there."""
    groups = names.entry_points()
    wrong = [
        f"{where}: {name}"
        for where, text in names.texts()
        for name in names.dotted_names(text)
        if name not in groups and not names.exists(name)
    ]
    assert wrong == []


def test_what_moved_is_where_the_changelog_says():
    """In the table of moved imports, the right column can be imported and the modules of the left cannot."""
    rows = re.findall(r"^\| (`.+) \| (`.+) \|$", (names.ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) > 20
    now = [name for _, new in rows for name in [*names.dotted_names(new), *names.imported(new)]]
    assert [name for name in now if not names.exists(name)] == []
    gone = [old for old, _ in rows if all(map(names.exists, [*names.dotted_names(old), *names.imported(old)]))]
    assert [old for old in gone if "[" not in old] == ["`from abm.journal import Journal` (to write a run)"]


@pytest.mark.system
def test_members_of_classes_exist():
    """A page that names ``Model.step()`` in backticks names a class of ours that has it."""
    wrong = [
        f"{where}: {name}.{attribute}"
        for where, text in names.texts()
        if where.partition(":")[0].endswith(".md")
        for name, attribute in names.members(text)
        if not names.has_member(name, attribute)
    ]
    assert wrong == []


def test_paths_exist():
    """What is named as ``docs/models.md`` is a file or folder of the repository."""
    wrong = [
        f"{where}: {path}" for where, text in names.texts() for path in names.paths(text) if not names.path_exists(path)
    ]
    assert wrong == []


def test_links_lead_to_files():
    """Also in the pages that are no part of the site."""
    wrong = [
        f"{where}: {link}"
        for where, text in names.texts()
        if (page := where.rsplit(":", 1)[0]).endswith(".md")
        for link in names.links(text)
        if not (names.ROOT / page).parent.joinpath(link).exists()
    ]
    assert wrong == []


def test_make_targets_exist():
    """A page that names ``make faults`` names a target of the Makefile."""
    targets = set(re.findall(r"^([\w-]+):", (names.ROOT / "Makefile").read_text(), re.MULTILINE))
    wrong = [
        f"{where}: make {target}"
        for where, text in names.texts()
        for target in re.findall(r"(?:`|^)make ([a-z-]+)(?:`|\s+#)", text)
        if target not in targets
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "there", "missing"),
    [
        ("see :func:`~abm.state.apply` and ``abm.state.aply``.", "abm.state.apply", "abm.state.aply"),
        ("implement abm.events.Event.seq or abm.events.Event.sequence", "abm.events.Event.seq", "abm.events.Event.sequence"),
        ("the settings learning.RunConfig.arms and learning.RunConfig.arm", "learning.RunConfig.arms", "learning.RunConfig.arm"),
        ("modules analysis.cli.app, analysis.cli.application", "analysis.cli.app", "analysis.cli.application"),
    ],
)  # fmt: skip
def test_a_name_that_does_not_exist_is_seen(text, there, missing):
    """Functions, fields of events, settings, modules: the checks above can fail on each."""
    assert names.dotted_names(text) == [there, missing]
    assert names.exists(there) and not names.exists(missing)


def test_a_path_that_does_not_exist_is_seen():
    """Paths end at a placeholder; a pattern has to match something."""
    assert names.paths("in docs/models.md, benchmarks/NAME.py and learning/profiles/*.yaml.") == [
        "docs/models.md", "benchmarks/", "learning/profiles/*.yaml",
    ]  # fmt: skip
    assert names.path_exists("learning/profiles/*.yaml") and not names.path_exists("learning/profiles/*.toml")
    assert not names.path_exists("docs/model.md")


def test_a_member_that_a_class_does_not_have_is_seen():
    """Own and inherited ones are known; classes of other libraries are not judged."""
    assert names.members("`Model.step()` calls `EventLog.append`") == [("Model", "step"), ("EventLog", "append")]
    assert names.has_member("EventLog", "append") and not names.has_member("EventLog", "prepend")
    assert names.has_member("ReplayModel", "agents") and names.has_member("DataFrame", "anything")
