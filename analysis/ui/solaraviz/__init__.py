"""Parts for Mesa's SolaraViz: a page's own run, its audience, one message's reach, its contests, its measures, and its status.

Each part is a function of a model, as SolaraViz wants its components, and shows :class:`abm.views.replay_model.ReplayModel` and
:class:`learning.LiveRun` alike. What models wrote is shown as text, never as markup.
"""

from analysis.ui.solaraviz.audience import Audience as Audience
from analysis.ui.solaraviz.contest import Contest as Contest
from analysis.ui.solaraviz.models import ShownReplay as ShownReplay
from analysis.ui.solaraviz.models import first_values as first_values
from analysis.ui.solaraviz.models import live_params as live_params
from analysis.ui.solaraviz.models import use_live as use_live
from analysis.ui.solaraviz.plots import opinion_axis as opinion_axis
from analysis.ui.solaraviz.plots import plot as plot
from analysis.ui.solaraviz.plots import share_axis as share_axis
from analysis.ui.solaraviz.reach import Reach as Reach
from analysis.ui.solaraviz.status import Status as Status
