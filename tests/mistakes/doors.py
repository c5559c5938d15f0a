"""Who makes which mistakes."""

from __future__ import annotations

from tests.mistakes.mistake import Mistake
from tests.mistakes.newcomer import NEWCOMER
from tests.mistakes.owner import OWNER
from tests.mistakes.researcher import RESEARCHER
from tests.mistakes.server_user import SERVER
from tests.mistakes.viewer import VIEWER

DOORS: dict[str, tuple[Mistake, ...]] = {
    "newcomer": NEWCOMER,
    "researcher": RESEARCHER,
    "viewer": VIEWER,
    "owner": OWNER,
    "server": SERVER,
}
