"""The widget in Chromium, with the real Python widget behind it and no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.browser

ASSETS = Path(__file__).parents[4] / "analysis" / "ui" / "assets"
PLACES = [[-1, -1], [-1, 1], [1, 1], [1, -1], [0, 0]]
TIES = [[0, 1], [1, 2], [2, 3], [3, 0], [0, 4]]
FRAMES = 6
RED, BLUE = "#d01010", "#1010d0"
HOSTILE = "<img src=x onerror=\"window.broken=1\"><script>window.broken=1</script>' onload='window.broken=1"


@pytest.fixture
def show(browser) -> Iterator[Callable[..., Any]]:
    """Show a widget on a page; at the end of the test there was no error on the console and no request."""
    from analysis.ui.graph import DiffusionGraph
    from tests.support.widget_page import WidgetPage

    pages: list[WidgetPage] = []

    def opened(places: Any = PLACES, ties: Any = TIES, page: dict[str, Any] | None = None, **given: Any) -> WidgetPage:
        n = len(places)
        fills = np.array([[(i + t) % 2 for i in range(n)] for t in range(FRAMES)]).reshape(FRAMES, n)
        palette = [{"label": "Red", "light": RED, "dark": RED}, {"label": "Blue", "light": BLUE, "dark": BLUE}]
        names = [f"Person {i}" for i in range(n)]
        widget = DiffusionGraph(places, ties, **({"fills": fills, "palette": palette, "names": names} | given))
        pages.append(WidgetPage(browser, widget, **({"color_scheme": "light"} | (page or {}))))
        return pages[-1]

    yield opened
    for page in pages:
        page.close()
        assert page.errors == []
        assert page.strays == []


class TestDrawing:
    """A frame is drawn as its arrays say."""

    def test_members_have_their_colours(self, show):
        """Each at its place, y upwards."""
        page = show()
        assert [page.colour(row) for row in range(5)] == [RED, BLUE, RED, BLUE, RED]

    def test_another_frame_has_other_colours(self, show):
        """Set from Python."""
        page = show()
        page.widget.t = 1
        page.wait_frame(1)
        assert [page.colour(row) for row in range(5)] == [BLUE, RED, BLUE, RED, BLUE]

    def test_the_legend_counts_members_at_the_frame(self, show):
        """And follows it."""
        page = show(outlines=np.full((FRAMES, 5), 1))
        counts = page.page.locator(".md-count")
        assert counts.all_inner_texts() == ["3", "2", "0", "5", "0"]
        page.widget.t = 1
        page.wait_frame(1)
        assert counts.all_inner_texts() == ["2", "3", "0", "5", "0"]

    def test_an_ordered_palette_has_a_histogram(self, show):
        """Over its ramp, with its ends."""
        page = show(ramp={"low": -1, "high": 1})
        assert page.page.locator(".md-bar").count() == 2
        assert page.page.locator(".md-ends").inner_text().split() == ["−1", "0", "+1"]

    def test_an_entry_can_be_singled_out(self, show):
        """The others step back; a second press brings them again."""
        page = show()
        entry = page.page.get_by_role("button", name="Red")
        entry.click()
        page.painted()
        assert page.colour(0) == RED and page.colour(1) != BLUE
        assert entry.get_attribute("aria-pressed") == "true"
        entry.click()
        page.painted()
        assert page.colour(1) == BLUE

    def test_ties_and_communities_are_drawn(self, show):
        """Between the members, and behind them."""
        page = show(communities=[0, 0, 0, 0, 0], community_names=["Town"])
        middle = """() => { const c = document.querySelector(".md-base"), g = c.getContext("2d");
            const d = g.getImageData(0, 0, c.width, c.height).data, seen = new Set();
            for (let i = 0; i < d.length; i += 4) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); return seen.size }"""
        before = page.js(middle)
        page.page.keyboard.press("Tab")
        page.page.keyboard.press("c")
        page.painted()
        assert page.js(middle) != before

    def test_one_way_ties_have_a_head(self, show):
        """At their end, where members are large enough; ties that go both ways, and crowds, have none."""
        page = show(ties=[[0, 1], [1, 0], [1, 2]], directed=True)
        seen = "([x, y]) => { const c = document.querySelector('.md-over'), k = c.width / c.clientWidth; return c.getContext('2d').getImageData(x * k, y * k, 1, 1).data[3] }"
        box = page.page.locator(".md-over").bounding_box()

        def near(to: int, away: int) -> bool:
            (x, y), (fx, fy) = page.at(to), page.at(away)
            long = ((fx - x) ** 2 + (fy - y) ** 2) ** 0.5
            return page.js(seen, [x + (fx - x) * 13 / long - box["x"], y + (fy - y) * 13 / long - box["y"]]) > 0

        assert near(2, 1) and not near(1, 2) and not near(1, 0) and not near(0, 1)
        page.page.mouse.click(*page.at(2))
        page.page.get_by_text("0 from it, 1 to it").wait_for()
        crowd = np.random.default_rng(0).uniform(-1, 1, (20_000, 2))
        page = show(
            crowd, [[i, i + 1] for i in range(19_999)], directed=True, fills=np.zeros((1, 20_000), int), names=None
        )
        assert page.js(
            "() => { const c = document.querySelector('.md-over'); return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.every((v) => !v) }"
        )

    @pytest.mark.parametrize(("n", "said"), [(0, "No members to show"), (1, "")])
    def test_few_or_no_members_are_no_error(self, show, n, said):
        """The page says so calmly."""
        page = show(places=np.zeros((n, 2)), ties=None)
        assert page.page.locator(".md-empty").text_content() == said

    def test_a_run_without_a_frame_waits(self, show):
        """And begins when the first comes."""
        page = show(fills=np.zeros((0, 5), int), live=True)
        assert "Waiting for the first step" in page.page.locator(".md-status").inner_text()
        page.widget.append([1, 1, 1, 1, 1])
        page.page.wait_for_function("() => document.querySelector('.md-number').textContent.includes('1 of 1')")
        page.painted()
        assert page.colour(4) == BLUE

    def test_data_that_do_not_fit_are_said(self, show):
        """In place of the graph, and a fixed update draws it."""
        page = show()
        page.js(
            "() => { keep = model.get('fills'); model.update({ fills: new DataView(new ArrayBuffer(3)) }) }".replace(
                "keep", "window.keep"
            )
        )
        page.page.wait_for_selector(".md-bad")
        assert "30" in page.page.locator(".md-bad").inner_text()
        page.js("() => model.update({ fills: window.keep })")
        page.page.wait_for_selector(".md-bad", state="hidden")
        page.painted()
        assert page.colour(0) == RED


class TestTime:
    """Time is scrubbed, stepped and played in the browser."""

    def test_scrubbing_draws_without_python(self, show):
        """Only the last position is sent, as one integer."""
        page = show()
        page.js(
            """() => { const s = document.querySelector(".md-slider"); for (const t of [1, 2, 3, 4, 5, 3]) { s.value = t; s.dispatchEvent(new Event("input")); } }"""
        )
        page.wait_frame(3)
        page.page.wait_for_function("() => model.saves.length > 0")
        assert page.js("() => model.saves") == [{"t": 3}]
        assert page.js("() => model.sent") == []
        assert page.widget.t == 3

    def test_buttons_step(self, show):
        """And stop at the ends."""
        page = show()
        page.page.get_by_role("button", name="Last frame").click()
        page.wait_frame(5)
        assert page.page.get_by_role("button", name="Forward one frame").is_disabled()
        page.page.get_by_role("button", name="Back one frame").click()
        page.wait_frame(4)

    def test_playing_goes_to_the_end_and_stops(self, show):
        """At its speed; Python receives it."""
        page = show(speed=30.0)
        page.page.get_by_role("button", name="Play").click()
        page.wait_frame(5)
        page.page.get_by_role("button", name="Play").wait_for()
        page.page.wait_for_function("() => model.get('t') === 5 && model.get('playing') === false")
        assert page.widget.t == 5 and page.widget.playing is False

    def test_python_can_play_and_pause(self, show):
        """By the trait."""
        page = show(speed=0.1)
        page.widget.playing = True
        page.page.get_by_role("button", name="Pause").wait_for()
        page.widget.playing = False
        page.page.get_by_role("button", name="Play").wait_for()

    def test_marks_lie_over_the_slider(self, show):
        """Each tells what it is, and is a way there; several at one frame share a place."""
        marks = [
            {"t": 2, "kind": "epoch", "label": "Epoch 1"},
            {"t": 2, "kind": "probe", "label": "Probe"},
            {"t": 4, "kind": "fork"},
        ]
        page = show(marks=marks)
        assert page.page.locator(".md-mark").count() == 2
        assert page.page.locator(".md-key").inner_text().split() == ["epoch", "probe", "fork"]
        mark = page.page.locator(".md-mark").first
        mark.hover()
        assert page.page.locator(".md-marktip").inner_text().splitlines() == ["Epoch 1", "Probe"]
        mark.click()
        page.wait_frame(2)

    def test_who_asked_for_less_motion_is_not_played_to(self, show):
        """A run that would start by itself does not."""
        page = show(playing=True, page={"reduced_motion": "reduce"})
        page.page.wait_for_function("() => model.get('playing') === false")
        assert page.frame == 0


class TestFollowing:
    """Frames come in while somebody looks."""

    def test_somebody_at_an_earlier_frame_stays(self, show):
        """With the slider grown."""
        page = show(live=True, t=2)
        page.widget.append([1] * 5)
        page.page.wait_for_function("() => document.querySelector('.md-slider').max === '6'")
        assert page.frame == 2

    def test_somebody_at_the_end_moves_along(self, show):
        """While the run is live."""
        page = show(live=True, t=-1)
        page.widget.append([1] * 5)
        page.wait_frame(6)
        assert [page.colour(row) for row in range(5)] == [BLUE] * 5

    def test_somebody_who_watches_a_finished_run_is_not_moved(self, show):
        """Appending is no following."""
        page = show(t=-1)
        page.widget.append([1] * 5)
        page.page.wait_for_function("() => document.querySelector('.md-slider').max === '6'")
        assert page.frame == 5

    def test_a_view_that_missed_frames_asks_for_them(self, show):
        """Such as one that was opened after them, or whose connection was away."""
        page = show()
        send, page.widget.send = page.widget.send, lambda *_, **__: None
        page.widget.append([1] * 5)
        page.widget.send = send
        page.widget.append([0] * 5)
        page.page.wait_for_function("() => document.querySelector('.md-slider').max === '7'")
        page.widget.t = 6
        page.wait_frame(6)
        assert page.colour(0) == BLUE

    def test_other_frames_can_be_shown_in_place(self, show):
        """Another arm's; the selection stays."""
        page = show(t=4, selected=3)
        page.widget.show([[1] * 5, [0] * 5], ["first", "second"], t=1)
        page.wait_frame(1)
        page.painted()
        assert page.colour(0) == RED and "Second" in page.page.locator(".md-where").inner_text()
        assert page.page.locator(".md-card h3").inner_text() == "Person 3"


class TestMembers:
    """A member can be pointed at, selected, found and walked to."""

    def test_a_click_selects(self, show):
        """Its row is sent; a click beside clears it."""
        page = show()
        page.page.mouse.click(*page.at(2))
        page.page.wait_for_selector(".md-card:not([hidden])")
        assert page.widget.selected == 2
        assert page.page.locator(".md-card").inner_text().splitlines()[0] == "Person 2"
        x, y = page.at(4)
        page.page.mouse.click(x + 60, y)
        page.page.wait_for_selector(".md-card", state="hidden")
        assert page.widget.selected == -1

    def test_hovering_tells_who_it_is(self, show):
        """And what they chose."""
        page = show()
        page.page.mouse.move(*page.at(1))
        assert page.page.locator(".md-tip").inner_text().split() == ["Person", "1", "Blue"]

    def test_names_that_stayed_in_python_come_when_looked_at(self, show):
        """One at a time."""
        n = 10_001
        places = np.zeros((n, 2))
        places[0], places[1:] = (-1, -1), np.random.default_rng(1).uniform(0, 1, (n - 1, 2))
        page = show(places=places, ties=None, fills=np.zeros((1, n), int))
        page.page.mouse.move(*page.at(0))
        page.page.wait_for_function("() => document.querySelector('.md-tip').innerText.startsWith('Person 0')")
        assert page.js("() => model.sent") == [{"type": "names", "rows": [0]}]

    @pytest.mark.parametrize("lazy", [False, True])
    def test_somebody_is_found_by_name(self, show, lazy):
        """In the browser where the names are there, else in Python."""
        page = show()
        if lazy:
            page.js("() => model.update({ names: [], lazy_names: true })")
        box = page.page.get_by_role("searchbox")
        box.fill("person 3")
        box.press("Enter")
        page.page.wait_for_selector(".md-card:not([hidden])")
        assert page.widget.selected == 3
        box.fill("nobody at all")
        box.press("Enter")
        page.page.get_by_text("Nobody found").wait_for()

    def test_python_selects_too(self, show):
        """By the trait; out of range is nobody."""
        page = show()
        page.widget.selected = 1
        page.page.wait_for_selector(".md-card:not([hidden])")


class TestKeyboard:
    """All of it works without a pointer."""

    def test_time_by_keys(self, show):
        """Arrows, Home, End, marks, Space."""
        page = show(marks=[{"t": 3, "kind": "epoch"}], speed=0.1)
        press = page.page.keyboard.press
        press("Tab")
        for key, t in [("ArrowRight", 1), ("End", 5), ("ArrowLeft", 4), ("[", 3), ("Home", 0), ("]", 3)]:
            press(key)
            page.wait_frame(t)
        press("Space")
        page.page.get_by_role("button", name="Pause").wait_for()
        press("Space")
        page.page.get_by_role("button", name="Play").wait_for()

    def test_members_by_keys(self, show):
        """Enter steps in, arrows walk to the nearest in that direction, Escape leaves and then clears."""
        page = show()
        press = page.page.keyboard.press
        press("Tab")
        press("Enter")
        page.page.wait_for_function("() => model.get('selected') === 4")
        press("ArrowRight")
        page.page.wait_for_function("() => [2, 3].includes(model.get('selected'))")
        assert page.frame == 0
        press("Escape")
        press("ArrowRight")
        page.wait_frame(1)
        press("Escape")
        page.page.wait_for_function("() => model.get('selected') === -1")

    def test_zoom_by_keys(self, show):
        """In, and back to all of it."""
        page = show()
        page.page.keyboard.press("Tab")
        page.page.keyboard.press("+")
        page.page.keyboard.press("+")
        page.painted()
        assert page.colour(0) != RED and page.colour(4) == RED
        page.page.keyboard.press("0")
        page.painted()
        assert page.colour(0) == RED

    def test_nobody_is_trapped(self, show):
        """Tab goes through the widget and out of it."""
        page = show()
        page.js(
            "() => { const after = document.createElement('button'); after.id = 'after'; document.body.append(after) }"
        )
        for _ in range(30):
            page.page.keyboard.press("Tab")
            if page.js("() => document.activeElement.id") == "after":
                return
        pytest.fail("Tab never left the widget")

    def test_everything_that_acts_has_a_name(self, show):
        """For those who listen."""
        page = show(marks=[{"t": 3, "kind": "epoch"}], selected=1)
        nameless = """() => [...document.querySelectorAll(".moloch-diffusion button, .moloch-diffusion input, .moloch-diffusion select, .md-stage")]
            .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim())).length"""
        assert page.js(nameless) == 0
        assert page.page.get_by_role("slider").get_attribute("aria-valuetext").startswith("1 of 6")


class TestView:
    """The view is panned and zoomed by pointer and wheel."""

    def test_dragging_moves_and_does_not_select(self, show):
        """The graph follows the pointer."""
        page = show()
        x, y = page.at(4)
        page.page.mouse.move(x, y)
        page.page.mouse.down()
        page.page.mouse.move(x + 80, y, steps=4)
        page.page.mouse.up()
        page.painted()
        assert page.widget.selected == -1 and page.colour(4) != RED

    def test_the_wheel_scrolls_the_page_until_the_graph_is_entered(self, show):
        """A long notebook stays scrollable."""
        page = show(page={"height": 300})
        page.page.mouse.move(*page.at(4))
        page.page.mouse.wheel(0, 60)
        page.page.wait_for_function("() => window.scrollY > 0")
        page.js("() => window.scrollTo(0, 0)")
        page.page.locator(".md-stage").focus()
        page.js("() => window.scrollTo(0, 0)")
        page.page.mouse.wheel(0, -400)
        page.page.wait_for_function("() => true")
        page.painted()
        assert page.js("() => window.scrollY") == 0

    @pytest.mark.parametrize("width", [400, 1000])
    def test_it_fits_its_width(self, show, width):
        """Without scrolling sideways."""
        page = show(page={"width": width})
        assert page.js("() => document.documentElement.scrollWidth") <= width


class TestTheme:
    """Dark and light, by the system, the page, or the trait."""

    @pytest.mark.parametrize(
        ("system", "theme", "dark"),
        [("light", "auto", False), ("dark", "auto", True), ("dark", "light", False), ("light", "dark", True)],
    )
    def test_the_theme_is_what_was_asked(self, show, system, theme, dark):
        """The ground tells."""
        page = show(theme=theme, page={"color_scheme": system})
        page.painted()
        x, y = page.at(4)
        box = page.page.locator(".md-base").bounding_box()
        ground = page.js(
            "([x, y]) => document.querySelector('.md-base').getContext('2d').getImageData(x, y, 1, 1).data[0]",
            [x - box["x"] + 70, y - box["y"] + 10],
        )
        assert (ground < 60) is dark

    def test_it_follows_the_page_while_it_is_shown(self, show):
        """Jupyter and Vuetify say it by an attribute or a class."""
        page = show()
        page.js("() => document.body.setAttribute('data-jp-theme-light', 'false')")
        page.page.wait_for_selector(".moloch-diffusion.md-dark")
        page.js("() => document.body.setAttribute('data-jp-theme-light', 'true')")
        page.page.wait_for_selector(".moloch-diffusion:not(.md-dark)")


class TestHostileText:
    """Whatever a model wrote is text."""

    def test_markup_is_shown_as_written(self, show):
        """In every place where text of a log can stand."""
        page = show(
            palette=[{"label": HOSTILE, "light": RED, "dark": RED}, {"label": HOSTILE, "light": BLUE, "dark": BLUE}],
            names=[HOSTILE] * 5,
            frames=[{"label": HOSTILE, "arm": HOSTILE, "phase": HOSTILE}] * FRAMES,
            marks=[{"t": 1, "kind": HOSTILE, "label": HOSTILE}, {"t": 2, "kind": "__proto__", "label": "constructor"}],
            note=HOSTILE,
            title=HOSTILE,
            fills_title=HOSTILE,
            outlines=np.ones((FRAMES, 5), int),
            outline_labels=[HOSTILE] * 3,
            communities=[0] * 5,
            community_names=[HOSTILE],
            selected=1,
        )
        page.page.mouse.move(*page.at(4))
        page.page.locator(".md-mark").first.hover()
        page.page.locator(".md-stage").focus()
        page.page.keyboard.press("c")
        page.painted()
        assert page.js("() => window.broken") is None
        assert page.js("() => document.querySelectorAll('.moloch-diffusion img, .moloch-diffusion script').length") == 0
        assert page.page.locator(".md-note").inner_text() == HOSTILE
        assert page.page.locator(".md-card h3").inner_text() == HOSTILE

    def test_a_megabyte_is_no_harm(self, show):
        """It is cut by the layout, not by luck."""
        page = show(names=["x" * 1_000_000] + ["y"] * 4, note="z" * 1_000_000, selected=0)
        stage = page.page.locator(".md-stage").bounding_box()
        card, note = (page.page.locator(part).bounding_box() for part in (".md-card", ".md-note"))
        assert card["height"] < stage["height"] and note["height"] < stage["height"]


class TestRenderers:
    """Canvas always works; WebGL is fetched when it is chosen."""

    def test_webgl_draws_the_same_graph(self, show):
        """By its own module, which Python hands over; frames and clicks work as before."""
        page = show(renderer="webgl")
        page.page.wait_for_selector(".moloch-diffusion[data-renderer=webgl]")
        page.page.get_by_text("WebGL runs on the processor here").wait_for()
        page.widget.t = 1
        page.wait_frame(1)
        page.page.mouse.click(*page.at(2))
        page.page.wait_for_selector(".md-card:not([hidden])")
        assert page.widget.selected == 2

    @pytest.mark.parametrize("renderer", ["webgl", "canvas"])
    def test_a_picture_of_it_can_be_taken(self, show, renderer):
        """The PNG shows members in their colours, though a graphics card may forget what it drew."""
        page = show(renderer=renderer)
        page.page.wait_for_selector(f".moloch-diffusion[data-renderer={renderer}]")
        page.page.wait_for_timeout(300)  # some frames of the screen later
        page.js("() => { window.Vue = { component() {} } }")
        page.page.add_script_tag(content=(ASSETS / "custom.js").read_text("utf-8"))
        taken = page.js(
            """async () => { const image = await createImageBitmap(await moloch.png(document.querySelector(".md-stage")));
            const c = new OffscreenCanvas(image.width, image.height), pen = c.getContext("2d"); pen.drawImage(image, 0, 0);
            const data = pen.getImageData(0, 0, c.width, c.height).data, seen = {};
            for (let i = 0; i < data.length; i += 4) { const k = data.slice(i, i + 4).join(); seen[k] = (seen[k] ?? 0) + 1; } return seen; }"""
        )
        assert all(taken.get(colour, 0) > 100 for colour in ("208,16,16,255", "16,16,208,255"))

    def test_without_webgl_canvas_draws_and_says_why(self, show):
        """The module is not even asked for."""
        page = show()
        page.js(
            "() => { HTMLCanvasElement.prototype.getContext = ((own) => function (kind, ...more) { return kind === 'webgl2' ? null : own.call(this, kind, ...more) })(HTMLCanvasElement.prototype.getContext) }"
        )
        page.widget.renderer = "webgl"
        page.page.get_by_text("Drawn with Canvas: this browser has no WebGL 2").wait_for()
        assert page.js("() => model.sent") == [] and page.colour(0) == RED

    def test_a_module_that_fails_leaves_canvas(self, show):
        """With a note."""
        page = show()
        page.widget._answer = lambda *_: None
        page.js("() => { model.send = () => model.receive({ type: 'module', text: 'throw new Error(`broken`)' }, []) }")
        page.widget.renderer = "webgl"
        page.page.get_by_text("Drawn with Canvas: broken").wait_for()
        assert page.colour(0) == RED

    def test_auto_stays_on_canvas_without_a_graphics_card(self, show):
        """Software GL is slower than our own loops."""
        n = 50_001
        page = show(
            places=np.random.default_rng(1).uniform(-1, 1, (n, 2)), ties=None, fills=np.zeros((1, n), int), names=None
        )
        assert page.page.get_attribute(".moloch-diffusion", "data-renderer") == "canvas"
        assert page.js("() => model.sent") == []


class TestLeaving:
    """A view takes everything with it."""

    def test_a_closed_view_leaves_nothing(self, show):
        """No element, no listener on the model, no timer that paints."""
        page = show(playing=True, speed=30.0)
        page.js("() => close_view()")
        assert page.js("() => [document.getElementById('host').childElementCount, model.listeners()]") == [0, 0]
        page.js("() => { close_view = open_view() }".replace("close_view =", "window.close_view ="))
        page.page.wait_for_selector(".moloch-diffusion[data-frame]")

    def test_memory_is_flat_over_a_thousand_frames(self, show):
        """Within a megabyte, after collection."""
        rng = np.random.default_rng(1)
        n = 2_000
        page = show(
            places=rng.uniform(-1, 1, (n, 2)),
            ties=rng.integers(0, n, (4_000, 2)),
            fills=rng.integers(0, 2, (50, n)),
            names=None,
        )
        scrub = """async (times) => { const s = document.querySelector(".md-slider");
            for (let i = 0; i < times; i++) { s.value = i % 50; s.dispatchEvent(new Event("input")); await new Promise(requestAnimationFrame); }
            gc(); return performance.memory.usedJSHeapSize }"""
        before = page.js(scrub, 100)
        assert page.js(scrub, 1_000) - before < 2**20
