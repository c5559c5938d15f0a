"""Every SolaraViz app shows a model that steps, and a page that a browser can drive."""

from __future__ import annotations

import importlib.util
import re
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from abm.events import MessagePublished, PersonasJoined, StepEnded
from abm.log import create, read_events
from learning import LiveRun
from tests.learning.test_loop import CONFIG, carry_out
from tests.support.ui_server import ROOT, Visit, solara_run

APPS = sorted((ROOT / "examples" / "apps").glob("*.py"))
LIVE = [path for path in APPS if path.stem != "replay"]
MARKUP = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
PATIENCE = 120_000
"""Milliseconds to wait for what a model has to write first, on a machine that has other things to do."""
STATUSES = """() => { window.statuses = []; new MutationObserver(() => statuses.push(document.querySelector(".moloch-status")?.innerText ?? ""))
    .observe(document.body, { subtree: true, childList: true, characterData: true }) }"""
"""Keeps every status that the page shows from now on."""
APART = """() => { const parts = [...document.querySelectorAll(".vue-grid-item")].filter((each) => each.offsetWidth);
    const boxes = parts.map((each) => each.getBoundingClientRect());
    return parts.length > 2 && parts.every((each) => each.scrollHeight <= each.clientHeight + 1) && boxes.every((a, i) => boxes.every((b, j) =>
        i === j || a.bottom <= b.top + 1 || b.bottom <= a.top + 1 || a.right <= b.left + 1 || b.right <= a.left + 1)); }"""
"""Whether no part of the page, nor the legend of a graph, lies over another part."""


def module_of(path: Path):
    """Return an app's module, as solara imports it."""
    pytest.importorskip("solara", reason="the ui extra is not installed")
    spec = importlib.util.spec_from_file_location(f"app_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", APPS, ids=lambda path: path.stem)
def test_an_app_says_how_it_is_run(path):
    """Its docstring holds the command, its page is on loopback, and it asks nothing of other hosts."""
    text = path.read_text().split('"""')[1]
    assert f"solara run examples/apps/{path.name} --host 127.0.0.1 --production" in text


@pytest.mark.system
@pytest.mark.parametrize("path", LIVE, ids=lambda path: path.stem)
def test_a_model_steps_without_a_browser(path):
    """The pocket model writes, members choose, and the measures that the page plots are there."""
    module = module_of(path)
    from analysis.ui.solaraviz import first_values

    values = first_values(module.PARAMS) | {"background": False, "batch": 2}
    with closing(LiveRun(**values)) as model:
        model.step()
        rows = model.datacollector.get_model_vars_dataframe()
        assert model.steps == 1 and rows.votes[0] > 0 and rows.contests[0] == 2  # a row is a step
        assert any(isinstance(event, MessagePublished) for event in model.events)
        assert {"win share base", "win share rft", "opinion of rft", "exposures"} <= set(rows.columns)


@pytest.mark.system
@pytest.mark.parametrize("path", LIVE, ids=lambda path: path.stem)
def test_every_choice_of_the_panel_is_a_setting(path):
    """No input of the parameter panel can ask for what a run refuses."""
    module = module_of(path)
    from analysis.ui.solaraviz import first_values
    from learning.runs.inputs import gather
    from learning.settings.sources import load_config

    first = first_values(module.PARAMS)
    for name, param in module.PARAMS.items():
        ends = param["values"] if isinstance(param, dict) and "values" in param else ()
        ends = (param.min, param.max) if hasattr(param, "max") else ends
        for value in ends:
            values = {key: v for key, v in (first | {name: value}).items() if key not in ("background", "probes")}
            within = [f"{key}={msgspec.json.encode(v).decode()}" for key, v in values.items() if "." in key]
            gather(load_config(None, {key: v for key, v in values.items() if "." not in key}, within, effects=False))


# -- in a browser ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The log of a run whose messages and names are markup."""
    folder = tmp_path_factory.mktemp("replay")
    carry_out(folder / "run", CONFIG)
    events = list(read_events(folder / "run"))
    ends = [i for i, event in enumerate(events) if isinstance(event, StepEnded)]
    changed = [
        msgspec.structs.replace(e, text=MARKUP + e.text)
        if isinstance(e, MessagePublished)
        else msgspec.structs.replace(e, names=[MARKUP + name for name in e.names])
        if isinstance(e, PersonasJoined)
        else e
        for e in events
    ]
    with create(folder / "hostile", CONFIG.model_dump(mode="json")) as log:
        log.append(changed[: ends[2] + 1])
    return folder / "hostile"


@pytest.fixture(scope="module")
def served(hostile):
    """The address at which one server has all apps, each a page."""
    with solara_run(ROOT / "examples" / "apps", MOLOCH_RUN=str(hostile)) as address:
        yield address


@contextmanager
def visited(browser, address: str, search: str = ""):
    """Yield a page; in the end nothing may have complained, nor asked for anything beyond the server."""
    visit = Visit(browser, address, width=1500, height=1050)
    visit.page.set_default_timeout(PATIENCE)
    with closing(visit):
        try:
            yield visit.open(search, "text=Step: 0")
        except BaseException as error:
            error.add_note(f"The page showed:\n{visit.page.locator('body').inner_text()}\n{visit.errors}")
            raise
    assert not visit.errors and not visit.strays


def step(page, number: int) -> None:
    """Ask for a step and wait until it is there."""
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_selector(f"text=/^Step: {number}$/")


def shows_a_contest(page) -> None:
    """Check that a message, the votes for both, a plot and the audience can be seen."""
    assert page.locator(".moloch-message").first.inner_text().strip()
    assert all(re.match(r"\d+ votes?\b", votes) for votes in page.locator(".moloch-votes").all_inner_texts())
    assert page.locator(".moloch-votes").count() == 2
    page.wait_for_selector("img[src^='data:image/png'], img[src^='blob:']")
    page.wait_for_selector(".moloch-in-mesa .moloch-diffusion[data-frame]")


@pytest.mark.browser
def test_a_page_steps_plays_and_resets(browser):
    """It answers while a step is held; ▶ goes on; Reset begins anew; no temporary log is left when the server is ended."""
    with solara_run(ROOT / "examples" / "apps" / "elections.py") as address:
        with visited(browser, address) as page:
            is_ready(page)
            page.evaluate(STATUSES)
            step(page, 1)
            assert any(status.endswith("…") for status in page.evaluate("statuses"))
            shows_a_contest(page)
            page.get_by_label("Previous contest").click()
            page.wait_for_selector("text=Contest 3 of 4 in step 1")
            page.get_by_role("button", name="▶").click()
            page.wait_for_selector("text=/^Step: ([2-9]|1[0-9])$/")
            page.get_by_role("button", name="❚❚").click()
            logs = [log_of(page)]
            page.get_by_role("button", name="Reset").click()
            page.wait_for_selector("text=Step: 0")
            is_ready(page)
            step(page, 1)
            logs.append(log_of(page))
        looking = Visit(browser, address)  # and goes on looking while the server is ended
        is_ready(looking.open("", ".moloch-status"))
        logs.append(log_of(looking.page))
        assert logs[2].is_dir() and len(set(logs)) == 3
    looking.close()
    assert not [folder for folder in logs if folder.exists()]


def is_ready(page) -> None:
    """Wait until a live page knows who takes part; what went wrong instead is shown."""
    found = page.wait_for_selector(".moloch-status:has-text('Before the first step'), .v-alert", timeout=PATIENCE)
    assert found.inner_text() == "Before the first step"


def log_of(page) -> Path:
    """Return the folder that a page names."""
    found = re.search(r"Log: (\S+)", page.locator("text=/^Log: /").inner_text())
    assert found is not None
    return Path(found[1])


@pytest.mark.browser
@pytest.mark.parametrize("name", ["sales", "social"])
def test_a_live_page_holds_a_step(name, served, browser):
    """Step, and there is a message, a vote and a plot; on a narrow page nothing lies over anything else."""
    with visited(browser, served, name) as page:
        step(page, 1)
        shows_a_contest(page)
        page.set_viewport_size({"width": 1024, "height": 900})
        page.wait_for_function(APART)


@pytest.mark.browser
def test_a_replay_steps_through_a_hostile_log(served, browser, tmp_path):
    """Markup in messages and names is text; what is wrong with a run is one sentence on the page, not a trace."""
    with visited(browser, served, "replay") as page:
        for number in (1, 2, 3):
            step(page, number)
        assert MARKUP in page.locator(".moloch-message").first.inner_text()
        assert page.get_by_text(MARKUP).count() > 2  # the messages, and those who thought
        page.get_by_role("button", name="Step", exact=True).click()
        page.wait_for_selector("text=holds no further complete step")
        assert "owned" not in page.title()
        page.get_by_label("Run", exact=True).fill(str(tmp_path / "nothing"))
        page.get_by_label("Run", exact=True).press("Enter")
        page.get_by_role("button", name="Reset").click()
        page.wait_for_selector("text=no run here")
        assert page.locator("text=Traceback").count() == 0
