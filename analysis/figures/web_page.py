"""An interactive chart as one page that fetches nothing: what draws it stands inside, and it follows the reader's light or dark ground."""

from __future__ import annotations

import html
import json
import re
from functools import cache
from string import Template

from analysis.figures.figure import Chart
from analysis.figures.palette import GROUND, INK, QUIET, RULE, dark_of

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
_END = re.compile(r"</(?=script)|<(?=!--)", re.IGNORECASE)
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --ink: $ink; --quiet: $quiet; --ground: $ground }
@media (prefers-color-scheme: dark) { :root { --ink: $dark_ink; --quiet: $dark_quiet; --ground: $dark_ground } }
body { margin: 0 auto; padding: 1.2rem; max-width: 75rem; background: var(--ground); color: var(--ink); font: 15px/1.5 $font }
h1 { font-size: 1.2rem; margin: 0 0 .8rem }
figure { margin: 0; overflow-x: auto }
figcaption { color: var(--quiet); max-width: 48rem; margin-top: .8rem }
#chart { background: none }
#vg-tooltip-element { font-family: $font }
</style>
</head>
<body>
<main>
<h1>$title</h1>
<figure>
<div id="chart" role="img" aria-label="$title"></div>
<figcaption>$caption</figcaption>
</figure>
</main>
<script>$library</script>
<script type="application/json" id="spec">$spec</script>
<script>
const text = document.getElementById("spec").textContent, dark = $dark;
const scheme = matchMedia("(prefers-color-scheme: dark)");
async function show() {
  let spec = text;
  if (scheme.matches) spec = spec.replace(/#[0-9a-f]{6}/g, (colour) => dark[colour] ?? colour);
  await vegaEmbed("#chart", JSON.parse(spec), { actions: { export: true, source: false, compiled: false, editor: false }, renderer: "svg", tooltip: { theme: scheme.matches ? "dark" : "light" } });
  document.body.dataset.drawn = scheme.matches ? "dark" : "light";
}
scheme.addEventListener("change", show);
show();
</script>
</body>
</html>
""")


def web_page(title: str, caption: str, chart: Chart) -> str:
    """Return a chart of altair as a page, with its caption.

    Args:
        title, caption: text, no markup.
    """
    return _PAGE.substitute(
        title=html.escape(title),
        caption=html.escape(caption),
        library=library(),
        spec=_inside(json.dumps(specification(chart), sort_keys=True, ensure_ascii=False)),
        dark=json.dumps(dark_of()),
        font=FONT,
        ink=INK[0], dark_ink=INK[1], quiet=QUIET[0], dark_quiet=QUIET[1], ground=GROUND[0], dark_ground=GROUND[1],
    )  # fmt: skip


def specification(chart: Chart) -> dict[str, object]:
    """Return a chart in the house's style as a specification of Vega-Lite."""
    axis = {
        "gridColor": RULE[0],
        "gridOpacity": 0.5,
        "domainColor": QUIET[0],
        "tickColor": QUIET[0],
        "labelColor": INK[0],
        "titleColor": INK[0],
        "titleFontWeight": "normal",
    }
    styled = chart.configure(font=FONT, background="transparent").configure_view(stroke=None).configure_axis(**axis)
    styled = styled.configure_title(color=INK[0]).configure_legend(labelColor=INK[0], titleColor=INK[0])
    return styled.to_dict()


@cache
def library() -> str:
    """Return Vega, Vega-Lite and what embeds them, to stand in a script element."""
    import vl_convert

    return _inside(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def _inside(text: str) -> str:
    """Return a script or JSON so that it cannot end the element in which it stands."""
    return _END.sub(lambda found: found[0].replace("<", "\\u003c"), text)
