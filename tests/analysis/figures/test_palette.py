"""An arm looks alike in every figure, and like no other."""

from __future__ import annotations

import pytest

from analysis.figures.palette import BASE, MISBEHAVING, arm_looks, dark_of


class TestLooks:
    """By name, else by method."""

    def test_an_arm_called_as_its_method_is_the_same_in_every_run(self):
        """With any other arms beside it."""
        one, other = arm_looks({"rft": "rft"}), arm_looks({"gated": "rft", "tfb": "tfb", "rft": "rft"})
        assert one["rft"] == other["rft"] and other["gated"] != other["rft"]

    def test_an_arm_of_another_name_has_its_methods_look_where_it_is_free(self):
        """Such as a twin its placebo's."""
        assert arm_looks({"twin": "placebo"})["twin"] == arm_looks({"placebo": "placebo"})["placebo"]

    def test_ten_arms_are_all_different(self):
        """In colour and in mark, base too; none is red."""
        looks = arm_looks({f"arm{i}": "rft" for i in range(6)} | {"tfb": "tfb", "dpo": "dpo", "grpo": "grpo"})
        assert len({look.light for look in looks.values()}) == len(looks) == 10
        assert len({(look.mark, look.shape) for look in looks.values()}) == 9, "base and rft share the disc"
        assert MISBEHAVING[0] not in {look.light for look in looks.values()}

    def test_a_further_training_looks_as_its_arm(self):
        """It is the same arm."""
        looks = arm_looks({"rft": "rft", "rft_2": "rft"}, {"rft_2": "rft"})
        assert looks["rft_2"] == looks["rft"]

    def test_more_arms_than_looks(self):
        """Repeat looks rather than fail."""
        assert len(arm_looks({f"arm{i}": "mine" for i in range(30)})) == 31

    @pytest.mark.parametrize(("grounds", "place"), [("#ffffff", 0), ("#12161b", 1)])
    def test_colours_stand_out_from_both_grounds(self, grounds, place):
        """At least 3 : 1 (WCAG 2.2, 1.4.11), base's grey too."""
        for look in arm_looks(
            {name: name for name in ("rft", "tfb", "dpo", "grpo", "placebo")}
            | {"a": "x", "b": "x", "c": "x", "d": "x", "e": "x"}
        ).values():
            assert _contrast(look[place], grounds) >= 3, look

    def test_each_light_colour_has_its_dark_one(self):
        """That a page puts in its place."""
        looks = arm_looks({"rft": "rft"})
        assert dark_of()[looks[BASE].light] == looks[BASE].dark and dark_of()[looks["rft"].light] == looks["rft"].dark


def _contrast(one: str, other: str) -> float:
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
