"""A plain page that shows a widget in headless Chromium: a minimal anywidget model in front, the real widget in Python behind.

Nothing is served: the page's few files are handed over in memory, and any other request is refused and remembered.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from analysis.ui.graph import bundle

ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-precise-memory-info --js-flags=--expose-gc"
).split()
NOT_OURS = ("GL Driver Message", "willReadFrequently")
"""Remarks on speed: of the software driver on itself, and on tests that read pixels back."""
ORIGIN = "http://widget.test"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Widget</title><link rel="stylesheet" href="/diffusion.css">
<style>html{background:Canvas;color-scheme:light dark}body{margin:16px}</style><div id="host"></div>
<script type="module" src="/harness.js"></script></html>"""
HARNESS = """
import widget from "/diffusion.js";

const decode = (text) => { const raw = atob(text), out = new Uint8Array(raw.length); for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i); return new DataView(out.buffer); };
const unpack = (state) => Object.fromEntries(Object.entries(state).map(([k, v]) => [k, v?.b64 != null ? decode(v.b64) : v]));

class Model {
  constructor(state) { this.state = unpack(state); this.heard = new Map(); this.unsaved = {}; this.sent = []; this.saves = []; }
  get(name) { return this.state[name]; }
  set(name, value) { if (this.state[name] === value) return; this.state[name] = value; this.unsaved[name] = value; this.emit("change:" + name); }
  save_changes() { const changed = this.unsaved; this.unsaved = {}; this.saves.push(changed); window.python_changed?.(changed); }
  on(event, callback) { if (!this.heard.has(event)) this.heard.set(event, new Set()); this.heard.get(event).add(callback); }
  off(event, callback) { if (callback) this.heard.get(event)?.delete(callback); else this.heard.delete(event); }
  emit(event, ...given) { for (const callback of [...(this.heard.get(event) ?? [])]) callback(...given); }
  send(content) { this.sent.push(content); window.python_said?.(content); }
  // what Python does to it
  update(state) { const fresh = unpack(state); Object.assign(this.state, fresh); for (const name of Object.keys(fresh)) this.emit("change:" + name); }
  receive(content, buffers) { this.emit("msg:custom", content, buffers.map(decode)); }
  listeners() { return [...this.heard.values()].reduce((sum, set) => sum + set.size, 0); }
}

window.model = new Model(await (await fetch("/state.json")).json());
window.open_view = () => widget.render({ model, el: document.getElementById("host") });
window.close_view = open_view();
"""


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield Debian's Chromium under playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        yield browser
        browser.close()


class WidgetPage:
    """One widget on one page.

    Attributes:
        page: playwright's.
        errors: what the console complained of, and exceptions.
        strays: addresses that were asked for beside the page's own.
    """

    def __init__(self, browser: Any, widget: Any, *, width: int = 1000, height: int = 720, **context: Any) -> None:
        self.widget = widget
        self.errors: list[str] = []
        self.strays: list[str] = []
        self._muted = False
        self.context = browser.new_context(viewport={"width": width, "height": height}, **context)
        self.page = self.context.new_page()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.route("**/*", self._serve)
        self.page.expose_function("python_changed", self._changed)
        self.page.expose_function("python_said", lambda content: widget._answer(widget, content, []))
        widget.send = self._send
        widget.observe(self._trait)
        self.page.goto(f"{ORIGIN}/")
        self.page.wait_for_selector(".moloch-diffusion[data-frame]")

    def close(self) -> None:
        """Close the page; the widget may go on another."""
        self.widget.unobserve(self._trait)
        self.context.close()

    @property
    def frame(self) -> int:
        """The frame that was painted last."""
        return int(self.page.get_attribute(".moloch-diffusion", "data-frame"))

    def wait_frame(self, t: int) -> None:
        """Wait until frame t is painted."""
        self.page.wait_for_selector(f'.moloch-diffusion[data-frame="{t}"]')

    def painted(self) -> None:
        """Wait until what was asked for is on the canvas."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))))"
        )

    def js(self, code: str, given: Any = None) -> Any:
        """Evaluate code on the page."""
        return self.page.evaluate(code, given)

    def at(self, row: int) -> tuple[float, float]:
        """Where a member lies on the page in pixels, for a graph that fits; the camera's own arithmetic."""
        import numpy as np

        places = np.frombuffer(self.widget.places, "<f4").reshape(-1, 2)
        box = self.page.locator(".md-stage").bounding_box()
        low, high = places.min(axis=0), places.max(axis=0)
        extent = np.maximum(high - low, 1e-3)
        pad = min(24, min(box["width"], box["height"]) * 0.08)
        scale = min((box["width"] - 2 * pad) / extent[0], (box["height"] - 2 * pad) / extent[1], 2000)
        dx, dy = (places[row] - (low + high) / 2) * scale
        return box["x"] + box["width"] / 2 + float(dx), box["y"] + box["height"] / 2 - float(dy)

    def colour(self, row: int) -> str:
        """The colour of the pixel in the middle of a member, as ``#rrggbb``."""
        box = self.page.locator(".md-base").bounding_box()
        x, y = self.at(row)
        code = """([x, y]) => { const c = document.querySelector(".md-base"), k = c.width / c.clientWidth;
            return [...c.getContext("2d").getImageData(Math.round(x * k), Math.round(y * k), 1, 1).data].slice(0, 3) }"""
        return "#{:02x}{:02x}{:02x}".format(*self.js(code, [x - box["x"], y - box["y"]]))

    def _heard(self, said: Any) -> None:
        if said.type in ("error", "warning") and not any(known in said.text for known in NOT_OURS):
            self.errors.append(said.text)

    def _serve(self, route: Any) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        files = {
            "/": ("text/html", PAGE),
            "/harness.js": ("text/javascript", HARNESS),
            "/diffusion.js": ("text/javascript", bundle.read("diffusion.js")),
            "/diffusion.css": ("text/css", bundle.read("diffusion.css")),
            "/favicon.ico": ("image/x-icon", ""),
        }
        if path == "/state.json":
            route.fulfill(content_type="application/json", body=json.dumps(self._state()))
        elif path in files:
            route.fulfill(content_type=files[path][0], body=files[path][1])
        else:
            self.strays.append(route.request.url)
            route.abort()

    def _state(self) -> dict[str, Any]:
        hidden = {"_esm", "_css", "layout", "tabbable", "tooltip"}
        state = {k: v for k, v in self.widget.get_state().items() if not (k in hidden or k.startswith("_"))}
        return {k: _packed(v) for k, v in state.items()}

    def _changed(self, state: dict[str, Any]) -> None:
        self._muted = True
        try:
            for name, value in state.items():
                setattr(self.widget, name, value)
        finally:
            self._muted = False

    def _trait(self, change: Any) -> None:
        if self._muted or self.widget._appending or change["name"] not in self.widget.keys:
            return
        self.page.evaluate("(state) => model.update(state)", {change["name"]: _packed(change["new"])})

    def _send(self, content: Any, buffers: Any = None) -> None:
        packed = [base64.b64encode(buffer).decode() for buffer in buffers or []]
        # asked for by the page or from Python: in both cases after the running call
        self.page.evaluate(
            "([content, buffers]) => { setTimeout(() => model.receive(content, buffers)) }", [content, packed]
        )


def _packed(value: Any) -> Any:
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
