"""What Solara's server and Mesa's page look like around the parts: no banner, no telemetry, values beside sliders."""

# solara says of no name that it is public
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import sys

import solara

STYLE = """
.moloch-in-mesa:not(.moloch-rounds) .md-controls, .moloch-in-mesa .md-find { display: none !important } /* Mesa's own controls move it */
.v-tabs-bar:not(:has(.v-tab ~ .v-tab)) { display: none } /* a row of tabs with one tab */
.v-navigation-drawer .v-slider__thumb-container::after {
    content: attr(aria-valuenow); position: absolute; left: 0; top: -24px; transform: translateX(-50%); font-size: 11px; opacity: .75;
}
.moloch-evidence { background: none; color: inherit; text-decoration: underline 2px #b3261e }
.moloch-slip { text-decoration: underline dashed 2px #55606c }
.theme--dark .moloch-evidence { text-decoration-color: #ff9d94 }
.theme--dark .moloch-slip { text-decoration-color: #a9b5c0 }
.v-application.theme--dark { color-scheme: dark }
.v-application.theme--dark .moloch-on-light, .v-application.theme--light .moloch-on-dark { display: none }
.moloch-quiet { font-size: 12px; opacity: .75 }
/* cells of Mesa's grid have one height at any width: what does not fit scrolls, and where two are too narrow they stand below each other */
.vue-grid-item > div { height: 100%; overflow: hidden auto }
@media (max-width: 1279px) {
    .vue-grid-layout { height: auto !important }
    .vue-grid-item { position: static !important; transform: none !important; width: auto !important; height: auto !important; margin: 0 10px 16px }
    .vue-grid-item > .vue-resizable-handle { display: none }
}
"""


@solara.component
def Dressing():
    """The style of a page with these parts."""
    solara.Style(STYLE)


def settle() -> None:
    """Turn off what Solara's server, if it loads this page, would show and send by default."""
    if (settings := sys.modules.get("solara.server.settings")) is not None:
        settings.theme.show_banner = False
        settings.theme.title = "Moloch"
        settings.telemetry.mixpanel_enable = False


settle()  # the first page is laid out before any part is drawn
