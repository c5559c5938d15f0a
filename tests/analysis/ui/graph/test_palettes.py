"""Colours can be distinguished, by colour-blind readers too, on light and on dark."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from analysis.ui import server
from analysis.ui.graph.palettes import GROUNDS, HUES, KINDS, NEUTRAL, categories, check_palette, opinions, sequential
from moloch.errors import InputError

# Machado, Oliveira & Fernandes (2009), severity 1.0, on linear RGB
BLIND = {
    "nobody": np.eye(3),
    "protan": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deutan": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
}  # fmt: skip
TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def oklab(colour: str, sight: str = "nobody") -> np.ndarray:
    return TO_LAB @ np.cbrt(TO_LMS @ np.clip(BLIND[sight] @ linear(colour), 0, 1))


def contrast(a: str, b: str) -> float:
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (a, b))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
class TestSight:
    """Both forms of each colour do their work."""

    def test_every_colour_stands_out_from_the_ground(self, theme):
        """At least 3 : 1, WCAG's bound for what is not text; who chose nothing is paler, and is seen all the same."""
        for swatch in [*categories("abcdefgh"), *opinions(), *sequential("abcde"), *sequential("abcde", of="strategy")]:
            assert contrast(swatch[theme], GROUNDS[theme]) >= 3, swatch
        assert 1.5 < contrast(categories((), neutral="none")[0][theme], GROUNDS[theme]) < 3

    @pytest.mark.parametrize("sight", BLIND)
    def test_categories_differ_to_everybody(self, theme, sight):
        """The first four and grey, which is what a contest needs, by more than twice a just noticeable difference (0.02)."""
        labs = [oklab(swatch[theme], sight) for swatch in categories("abcd", neutral="none")]
        assert min(float(np.linalg.norm(a - b)) for a, b in combinations(labs, 2)) > 0.04

    @pytest.mark.parametrize("sight", BLIND)
    def test_a_ramp_has_two_arms_that_differ_to_everybody(self, theme, sight):
        """Steps are even, and the ends are far apart."""
        labs = np.array([oklab(swatch[theme], sight) for swatch in opinions()])
        assert np.linalg.norm(labs[0] - labs[-1]) > 0.15
        if sight == "nobody":
            steps = np.linalg.norm(np.diff(labs, axis=0), axis=1)
            assert steps.max() < 1.25 * steps.min()

    @pytest.mark.parametrize("sight", BLIND)
    def test_a_sequence_goes_one_way_and_is_never_the_grey_of_nobody(self, theme, sight):
        """Each of five steps is farther from the ground than the one before, and all differ from grey."""
        for of in ("reach", "strategy"):
            none, *steps = (oklab(swatch[theme], sight) for swatch in sequential("abcde", neutral="none", of=of))
            away = np.abs([step[0] - oklab(GROUNDS[theme], sight)[0] for step in steps])
            assert (np.diff(away) > 0.02).all() and min(np.linalg.norm(step - none) for step in steps) > 0.04


def page_colours(theme: str) -> dict[str, str]:
    """Return the colours that the pages' style sheet declares for a theme, by name."""
    style = (Path(server.__file__).parent / "assets" / "custom.css").read_text("utf-8")
    selector = ".v-application {" if theme == "light" else ".v-application.theme--dark {"
    block = style.partition(f"\n{selector}")[2].partition("}")[0]
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))


@pytest.mark.parametrize("theme", ["light", "dark"])
class TestPages:
    """The pages' own colours: a failure of skill does not look like misbehaviour."""

    def test_they_are_those_of_the_palettes(self, theme):
        """One set of colours: grounds, hues, and the two kinds of what probes find."""
        colours, dark = page_colours(theme), theme == "dark"
        assert colours["ground"] == GROUNDS[theme]
        assert [colours[f"hue-{i}"] for i in range(9)] == [hue[dark] for hue in (NEUTRAL, *HUES)]
        assert (colours["bad"], colours["skill"]) == (KINDS["strategy"][dark], KINDS["copying"][dark])

    def test_they_can_be_read(self, theme):
        """Small letters stand at least 4.5 : 1 on everything that they stand on (WCAG 2.2, 1.4.3)."""
        colours = page_colours(theme)
        for letters in ("bad", "skill", "good", "soft"):
            assert min(contrast(colours[letters], colours[ground]) for ground in ("ground", "panel", "sunk")) >= 4.5
        assert contrast(colours["mark-ink"], colours["mark"]) >= 4.5
        assert contrast(colours["skill-ink"], colours["skill-mark"]) >= 4.5

    @pytest.mark.parametrize("sight", BLIND)
    def test_skill_differs_from_its_neighbours_to_everybody(self, theme, sight):
        """From misbehaviour, a win and a link, and as marked text, by more than twice a just noticeable difference."""
        colours = page_colours(theme)
        for one, others in {"skill": ("bad", "good", "accent"), "skill-mark": ("mark",)}.items():
            mine = oklab(colours[one], sight)
            for other in others:
                assert np.linalg.norm(mine - oklab(colours[other], sight)) > 0.04, (one, other)


class TestPalettes:
    """Palettes are lists of entries with a label and two colours."""

    def test_categories_go_on_after_the_hues(self):
        """Paler, and still no two alike."""
        made = categories([str(i) for i in range(2 * len(HUES))])
        assert len({entry["light"] for entry in made}) == len({entry["dark"] for entry in made}) == 2 * len(HUES)

    @pytest.mark.parametrize("bins", [2, 4, 256])
    def test_a_ramp_has_a_middle(self, bins):
        """An even number has none."""
        with pytest.raises(InputError):
            opinions(bins)

    @pytest.mark.parametrize(
        "entry", [{"label": "a"}, {"label": "a", "light": "red"}, {"label": "a", "light": "#ff00000"}, "red"]
    )
    def test_what_is_no_colour_is_refused(self, entry):
        """Colours reach a style sheet: they are six hexadecimal digits and nothing else."""
        with pytest.raises(InputError, match=r"palette\[0\]"):
            check_palette([entry])
