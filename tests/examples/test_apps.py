"""Every SolaraViz app shows a model that steps, and a page that a browser can drive."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from abm.events import MessagePublished, StepEnded
from abm.log import create, read_events
from learning import LiveRun
from tests.learning.test_loop import CONFIG, carry_out

ROOT = Path(__file__).parents[2]
APPS = sorted((ROOT / "examples" / "apps").glob("*.py"))
LIVE = [path for path in APPS if path.stem != "replay"]
MARKUP = "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"


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
    """Its docstring holds the command, and its page is on loopback."""
    text = path.read_text().split('"""')[1]
    assert f"solara run examples/apps/{path.name} --host 127.0.0.1" in text


@pytest.mark.parametrize("path", LIVE, ids=lambda path: path.stem)
def test_a_model_steps_without_a_browser(path):
    """The pocket model writes, members choose, and the measures that the page plots are there."""
    module = module_of(path)
    from analysis.ui.solaraviz import first_values

    values = first_values(module.PARAMS) | {"background": False, "batch": 2}
    with closing(LiveRun(**values)) as model:
        model.step()
        rows = model.datacollector.get_model_vars_dataframe()
        assert model.steps == 1 and rows.votes[1] > 0 and rows.contests[1] == 2
        assert any(isinstance(event, MessagePublished) for event in model.events)
        assert {"win share base", "win share rft", "opinion of rft", "exposures"} <= set(rows.columns)


@pytest.mark.parametrize("path", LIVE, ids=lambda path: path.stem)
def test_every_choice_of_the_panel_is_a_setting(path):
    """No input of the parameter panel can ask for what a run refuses."""
    module = module_of(path)
    from analysis.ui.solaraviz import first_values
    from learning.config import load_config
    from learning.inputs import gather

    first = first_values(module.PARAMS)
    for name, param in module.PARAMS.items():
        ends = param["values"] if isinstance(param, dict) and "values" in param else ()
        ends = (param.min, param.max) if hasattr(param, "max") else ends
        for value in ends:
            values = {key: v for key, v in (first | {name: value}).items() if key not in ("background", "probes")}
            within = [f"{key}={msgspec.json.encode(v).decode()}" for key, v in values.items() if "." in key]
            gather(load_config(None, {key: v for key, v in values.items() if "." not in key}, within))


# -- in a browser ------------------------------------------------------------------------------------------


@contextmanager
def served(path: Path, **environment: str):
    """Serve an app on loopback and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "solara",
        "run",
        str(path),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-open",
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    server = subprocess.Popen(
        [*command, "--production"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    address = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, "the server ended"
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def opened(browser, address: str):
    """Yield a page; in the end nothing may have complained, nor asked for anything beyond the server."""
    complaints, strays = [], []
    page = browser.new_page(viewport={"width": 1500, "height": 1050})
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    here = (address, "data:", "blob:")
    page.on("request", lambda asked: None if asked.url.startswith(here) else strays.append(asked.url))
    page.set_default_timeout(120_000)
    with closing(page):
        page.goto(address)
        yield page
    assert not complaints and not strays


def step(page, number: int) -> None:
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_selector(f"text=Step: {number}")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("path", LIVE, ids=lambda path: path.stem)
def test_a_live_page_steps_plays_and_resets(path, browser):
    """Step, and there is a message, a vote and a plot; the page answers meanwhile; ▶ goes on; Reset begins anew."""
    with served(path) as address, opened(browser, address) as page:
        page.wait_for_selector("text=Before the first step")
        began = time.perf_counter()
        page.get_by_role("button", name="Step", exact=True).click()
        page.wait_for_selector(".moloch-status:has-text('…')")
        assert time.perf_counter() - began < 2  # the page is not blocked by what takes seconds
        page.wait_for_selector("text=Step: 1")
        assert page.locator(".moloch-message").first.inner_text().strip()
        assert page.locator("text=/\\d+ votes, \\d+%/").count() == 2
        page.wait_for_selector("img[src^='data:image/png'], img[src^='blob:']")
        page.wait_for_selector(".moloch-in-mesa .moloch-diffusion[data-frame]")
        page.get_by_label("Previous contest").click()
        page.wait_for_selector("text=Contest 3 of 4 in step 1")
        page.get_by_role("button", name="▶").click()
        page.wait_for_selector("text=/^Step: ([2-9]|1[0-9])$/")
        page.get_by_role("button", name="❚❚").click()
        page.get_by_role("button", name="Reset").click()
        page.wait_for_selector("text=Before the first step")
        page.wait_for_selector("text=Step: 0")
        step(page, 1)


@pytest.mark.slow
@pytest.mark.browser
def test_a_replay_steps_through_a_hostile_log(tmp_path, browser):
    """Markup in messages and names is text; what is wrong with a run is one sentence on the page, not a trace."""
    carry_out(tmp_path / "run", CONFIG)
    events = list(read_events(tmp_path / "run"))
    ends = [i for i, event in enumerate(events) if isinstance(event, StepEnded)]
    hostile = [
        msgspec.structs.replace(e, text=MARKUP + e.text) if isinstance(e, MessagePublished) else e for e in events
    ]
    with create(tmp_path / "hostile", CONFIG.model_dump(mode="json")) as log:
        log.append(hostile[: ends[2] + 1])
    app = ROOT / "examples" / "apps" / "replay.py"
    with served(app, MOLOCH_RUN=str(tmp_path / "hostile")) as address, opened(browser, address) as page:
        for number in (1, 2, 3):
            step(page, number)
        assert MARKUP in page.locator(".moloch-message").first.inner_text()
        page.get_by_role("button", name="Step", exact=True).click()
        page.wait_for_selector("text=holds no further complete step")
        assert "owned" not in page.title()
        page.get_by_label("Run", exact=True).fill(str(tmp_path / "nothing"))
        page.get_by_label("Run", exact=True).press("Enter")
        page.get_by_role("button", name="Reset").click()
        page.wait_for_selector("text=no run here")
        assert page.locator("text=Traceback").count() == 0
