"""The audience graph over time as an anywidget. All frames are sent once; the browser scrubs, and one integer comes back.

Knows arrays and labels; knows nothing of logs or runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from analysis.ui.graph import buffers, bundle
from analysis.ui.graph.palettes import categories, check_palette
from moloch.errors import InputError
from moloch.extras import how_to_get

try:
    import anywidget  # pyright: ignore[reportMissingImports]
    import traitlets  # pyright: ignore[reportMissingImports]
except ImportError as error:  # the extra is not installed
    raise InputError("no audience graph here", why="the ui extra is not installed", fix=how_to_get("ui")) from error

OUTLINES = ("Not exposed", "Exposed", "Shared or engaged")
NAMES_SENT = 10_000
"""Members up to which all names are sent; of more, those that are looked at."""
NAMES_AT_ONCE = 1_000
KEPT = ("fills", "outlines", "frames", "marks")
"""Traits that :meth:`DiffusionGraph.append` changes without sending them again."""


class DiffusionGraph(anywidget.AnyWidget):
    """An audience graph whose members change colour over time, in a browser.

    Traits (N members, T frames, M ties drawn; buffers are little-endian, in C order):

    ================== ============================================================================================
    ``places``         bytes, float32 (N, 2): x and y, each in -1 .. 1, y upwards
    ``ties``           bytes, uint32 (M, 2): rows of both ends
    ``one_way``        bytes, uint8 (M,) or empty: 1 for a tie that runs from its first end to its second alone
    ``fills``          bytes, uint8 (T, N): index into ``palette``
    ``outlines``       bytes, uint8 (T, N) or empty: 0 not exposed, 1 exposed, 2 shared or engaged
    ``sizes``          bytes, uint8 (N,) or empty: step of size, 0 .. 7; each is drawn 1.2 times as wide as the one before
    ``arrows``         bytes, uint32 (K, 3): rows of both ends, and the frame from which on the arrow is there
    ``communities``    bytes, uint16 (N,) or empty: a community's id, 65,535 for none
    ``palette``        list of ``{label, light, dark}``, at most 255
    ``ramp``           ``{}`` for categories; ``{low, high}`` for an ordered palette: the legend is then a histogram
    ``frames``         list of T labels ``{step, epoch, phase, arm, round, label}``, any of which may be missing
    ``marks``          list of ``{t, kind, label}`` over the slider; epoch, training, probe and fork have own shapes
    ``total``          int: T as Python knows it; a view that has fewer frames asks for the rest
    ``t``              int, both ways: the frame shown, 0 .. T - 1
    ``playing``        bool, both ways
    ``speed``          float, both ways: frames per second, 0.1 .. 60
    ``selected``       int, both ways: the row of the selected member, -1 for none
    ``live``           bool: more frames are to come; a view at the last frame then moves along
    ``names``          list of N texts, or empty
    ``lazy_names``     bool: names stay in Python and are asked for one by one
    ``theme``          "auto" (what the page or the system says), "light" or "dark"
    ``renderer``       "auto" (WebGL from 50,000 members, on a graphics card), "canvas" or "webgl"
    ``note``           text below the time slider
    ``title``          text: its name for assistive technology
    ``fills_title``, ``outlines_title``, ``outline_labels`` (3 texts), ``community_names`` (list, by id), ``height`` (pixels)
    ================== ============================================================================================

    Messages: the browser sends ``{type: "frames", from}``, ``{type: "names", rows}``, ``{type: "find", text}`` and
    ``{type: "module", name}``; Python sends ``{type: "frames", from, frames, marks}`` with two buffers (fills and outlines of the
    new frames), ``{type: "names", names: [[row, name]]}``, ``{type: "found", row}`` and ``{type: "module", name, text}``.

    Args:
        graph: places as an array (N, 2); or a networkx graph, such as :func:`analysis.audience_graph` returns; or a
            :class:`media_graph.CSR`, which is laid out.
        ties: rows (M, 2) or a CSR; by default the graph's own. Of more than ``most_ties`` a sample keyed by ``seed`` is drawn,
            and the note says so.
        directed: whether it matters which way a tie runs: those that run one way alone then have an arrow, as soon as members are
            drawn large enough. By default where ``graph`` is a directed networkx graph.
        fills: whole numbers (T, N), or (N,) for one frame: index into the palette. By default one frame of zeros.
        palette: colours; see :func:`analysis.ui.graph.categories` and :func:`analysis.ui.graph.opinions`.
        sizes: N numbers, such as followers: the larger, the wider a member is drawn; by default all alike.
        arrows: whole numbers (K, 3): from, to, and the frame from which on it is drawn; that frame's own are emphasised.
        frames: T labels: mappings, texts or step numbers; by default 0 .. T - 1.
        t: the frame to show first; -1 is the last.

    Raises:
        InputError: the arguments do not fit together; the message says which, where and why.
    """

    _esm = bundle.read("diffusion.js")
    _css = bundle.read("diffusion.css")

    places = traitlets.Bytes().tag(sync=True)
    ties = traitlets.Bytes().tag(sync=True)
    one_way = traitlets.Bytes().tag(sync=True)
    fills = traitlets.Bytes().tag(sync=True)
    outlines = traitlets.Bytes().tag(sync=True)
    communities = traitlets.Bytes().tag(sync=True)
    sizes = traitlets.Bytes().tag(sync=True)
    arrows = traitlets.Bytes().tag(sync=True)
    palette = traitlets.List(traitlets.Dict()).tag(sync=True)
    ramp = traitlets.Dict().tag(sync=True)
    frames = traitlets.List(traitlets.Dict()).tag(sync=True)
    marks = traitlets.List(traitlets.Dict()).tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    t = traitlets.Int(0).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Float(4.0).tag(sync=True)
    selected = traitlets.Int(-1).tag(sync=True)
    live = traitlets.Bool(False).tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    lazy_names = traitlets.Bool(False).tag(sync=True)
    theme = traitlets.Enum(["auto", "light", "dark"], "auto").tag(sync=True)
    renderer = traitlets.Enum(["auto", "canvas", "webgl"], "auto").tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)
    title = traitlets.Unicode("Audience over time").tag(sync=True)
    fills_title = traitlets.Unicode("Choice").tag(sync=True)
    outlines_title = traitlets.Unicode("Exposure").tag(sync=True)
    outline_labels = traitlets.List(traitlets.Unicode(), list(OUTLINES), minlen=3, maxlen=3).tag(sync=True)
    community_names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    height = traitlets.Int(480).tag(sync=True)

    def __init__(
        self,
        graph: Any = (),
        ties: Any = None,
        fills: ArrayLike | None = None,
        *,
        directed: bool | None = None,
        outlines: ArrayLike | None = None,
        palette: Iterable[Mapping[str, object]] | None = None,
        frames: Iterable[Any] | None = None,
        marks: Iterable[Mapping[str, Any]] = (),
        names: Sequence[str] | None = None,
        communities: ArrayLike | None = None,
        sizes: ArrayLike | None = None,
        arrows: ArrayLike | None = None,
        most_ties: int = buffers.MOST_TIES,
        seed: int = 0,
        t: int = 0,
        note: str = "",
        **traits: Any,
    ) -> None:
        drawing = buffers.read_graph(graph, ties)
        n = len(drawing.places)
        all_ties, one_way = [] if drawing.ties is None else drawing.ties, b""
        drawn, there = buffers.sample_ties(all_ties, n, limit=most_ties, seed=seed)
        if drawing.directed if directed is None else directed:
            drawn, alone = buffers.oriented(drawn, all_ties, n)
            one_way = alone.astype(np.uint8).tobytes() if alone.any() else b""
        sampled = f"Showing {len(drawn):,} of {there:,} ties" if there > len(drawn) else ""
        self._n = n
        self._names = buffers.check_names(drawing.names if names is None else names, n)
        self._appending = False
        swatches = check_palette(palette if palette is not None else categories(["Member"]))
        fills = np.zeros((1, n), dtype=np.uint8) if fills is None else fills
        state = self._frames(fills, outlines, frames, len(swatches))
        total = len(state["frames"])
        sent = self._names if n <= NAMES_SENT else []
        super().__init__(
            places=drawing.places.tobytes(),
            ties=np.ascontiguousarray(drawn).tobytes(),
            one_way=one_way,
            communities=buffers.check_communities(communities, n).tobytes(),
            sizes=buffers.size_steps(sizes, n).tobytes(),
            arrows=buffers.check_arrows(arrows, n).tobytes(),
            palette=swatches,
            marks=buffers.check_marks(marks),
            names=sent,
            lazy_names=bool(self._names) and not sent,
            note=" · ".join(part for part in (note, sampled) if part),
            total=total,
            t=self._at(t, total),
            **state,
            **traits,
        )
        self.on_msg(self._answer)

    def append(
        self,
        fills: ArrayLike,
        frames: Iterable[Any] | None = None,
        *,
        outlines: ArrayLike | None = None,
        marks: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Add frames at the end, and marks; only these are sent, and a view of an earlier frame stays there.

        Args:
            fills: whole numbers (T', N), or (N,) for one frame.
            frames: their labels, by default the frames' indices.

        Raises:
            InputError: they do not fit the members, the palette, or the outlines there are.
        """
        begun = self.total
        labels = frames
        if frames is None:
            array = np.asarray(fills)
            labels = range(begun, begun + (1 if array.ndim == 1 else len(array)))
        state = self._frames(fills, outlines, labels, len(self.palette))
        if begun and state["frames"] and bool(state["outlines"]) != bool(self.outlines):
            raise InputError("some frames with outlines and some without", where="outlines")
        new = buffers.check_marks(marks)
        self._appending = True
        try:
            self.fills += state["fills"]
            self.outlines += state["outlines"]
            self.frames = [*self.frames, *state["frames"]]
            self.marks = [*self.marks, *new]
        finally:
            self._appending = False
        self._send_frames(begun)
        self.total = len(self.frames)

    def close(self) -> None:
        """Close it, and release what it draws and its listeners: some hosts keep closed widgets."""
        self.unobserve_all()
        if self.comm is not None:
            with self.hold_sync():
                self.places = self.ties = self.one_way = self.fills = self.outlines = self.communities = self.sizes = (
                    self.arrows
                ) = b""
                self.frames, self.marks, self.names, self.total = [], [], [], 0
        self._names, self._n = [], 0
        super().close()
        if self.layout is not None:
            self.layout.close()  # made with it and closed nowhere else; in a browser it keeps the view alive

    def show(
        self,
        fills: ArrayLike,
        frames: Iterable[Any] | None = None,
        *,
        outlines: ArrayLike | None = None,
        marks: Iterable[Mapping[str, Any]] = (),
        palette: Iterable[Mapping[str, object]] | None = None,
        ramp: Mapping[str, float] | None = None,
        arrows: ArrayLike | None = None,
        t: int = 0,
    ) -> None:
        """Show other frames on the same graph, such as another arm's; zoom and selection stay.

        Args:
            palette: other colours; by default the same, with the same ``ramp``.
            arrows: by default none.

        Raises:
            InputError: they do not fit the members or the palette.
        """
        swatches = self.palette if palette is None else check_palette(palette)
        state = self._frames(fills, outlines, frames, len(swatches))
        total = len(state["frames"])
        with self.hold_sync(), self.hold_trait_notifications():
            if palette is not None:
                self.palette, self.ramp = swatches, dict(ramp or {})
            self.fills, self.outlines, self.frames = state["fills"], state["outlines"], state["frames"]
            self.arrows = buffers.check_arrows(arrows, self._n).tobytes()
            self.marks, self.total, self.t = buffers.check_marks(marks), total, self._at(t, total)

    def send_state(self, key: Any = None) -> None:
        """Send traits to the browser; not those that :meth:`append` sends the new part of."""
        if not (self._appending and key in KEPT):
            super().send_state(key)

    @traitlets.validate("t")
    def _within(self, proposal: Any) -> int:
        t = proposal["value"]
        if not 0 <= t <= max(0, self.total - 1):
            raise traitlets.TraitError(f"t is {t}, and frames are 0 .. {self.total - 1}")
        return t

    @traitlets.validate("selected")
    def _somebody(self, proposal: Any) -> int:
        if not -1 <= proposal["value"] < self._n:
            raise traitlets.TraitError(f"selected is {proposal['value']}, and members are 0 .. {self._n - 1}, or -1")
        return proposal["value"]

    @traitlets.validate("speed")
    def _pace(self, proposal: Any) -> float:
        if not 0.1 <= proposal["value"] <= 60:
            raise traitlets.TraitError(f"speed is {proposal['value']}, and may be 0.1 .. 60 frames per second")
        return proposal["value"]

    def _frames(
        self, fills: ArrayLike, outlines: ArrayLike | None, frames: Iterable[Any] | None, entries: int
    ) -> dict[str, Any]:
        codes = buffers.check_codes(fills, self._n, entries, "fills")
        rings = buffers.check_codes(outlines, self._n, len(OUTLINES), "outlines")
        if outlines is not None and rings.shape != codes.shape:
            raise InputError(f"outlines of {len(rings)} frames, fills of {len(codes)}", where="outlines")
        labels = buffers.check_frames(frames, len(codes))
        return {"fills": codes.tobytes(), "outlines": rings.tobytes(), "frames": labels}

    @staticmethod
    def _at(t: int, total: int) -> int:
        at = t + total if t < 0 else t
        if not 0 <= at <= max(0, total - 1):
            raise InputError(f"no frame {t}", where="t", why=f"there are {total}")
        return at

    def _send_frames(self, begun: int) -> None:
        start = begun * self._n
        content = {"type": "frames", "from": begun, "frames": self.frames[begun:], "marks": self.marks}
        self.send(content, buffers=[self.fills[start:], self.outlines[start:]])

    def _answer(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Answer a view's messages; any other message is ignored."""
        match content:
            case {"type": "frames", "from": int(begun)} if 0 <= begun < len(self.frames):
                self._send_frames(begun)
            case {"type": "names", "rows": [*rows]}:
                asked = [row for row in rows[:NAMES_AT_ONCE] if isinstance(row, int) and 0 <= row < len(self._names)]
                self.send({"type": "names", "names": [[row, self._names[row]] for row in asked]})
            case {"type": "find", "text": str(text)}:
                self.send({"type": "found", "row": find(self._names, text)})
            case {"type": "module", "name": "webgl"}:
                self.send({"type": "module", "name": "webgl", "text": bundle.read("webgl.js")})


def find(names: Sequence[str], text: str) -> int:
    """Return the first row whose name is the text, or else holds it, in any case; -1 for none."""
    wanted = text.strip().lower()
    lower = [name.lower() for name in names]
    if not wanted:
        return -1
    if wanted in lower:
        return lower.index(wanted)
    return next((row for row, name in enumerate(lower) if wanted in name), -1)
