"""Parts by name: where they come from, which name was meant, and that no name changes its meaning."""

from __future__ import annotations

import pytest

from moloch.errors import InputError
from moloch.registry import BUILT_IN, Registry


def make() -> Registry[object]:
    return Registry("ranker", {"newest": object(), "joined": "json:dumps"})


class TestLooking:
    """A part is found by its name."""

    def test_built_in_and_added(self):
        """A built-in part that is named by its place is imported when it is asked for."""
        import json

        parts, mine = make(), object()
        parts.add("mine", mine)
        assert (parts.get("mine"), parts.get("joined")) == (mine, json.dumps)
        assert parts.names() == ["newest", "joined", "mine"]
        assert "mine" in parts and "yours" not in parts

    def test_an_unknown_name_says_what_was_probably_meant(self):
        """And what there is."""
        with pytest.raises(
            InputError, match=r"unknown ranker 'newst'\. Did you mean 'newest'\? Choose one of newest, joined"
        ):
            make().get("newst")

    def test_where_a_part_comes_from(self):
        """Records name the module of a part that is not built in."""
        parts = make()
        parts.register("mine")(make)
        assert (parts.origin("newest"), parts.origin("mine")) == (BUILT_IN, make.__module__)

    def test_entry_points_of_this_distribution_are_built_in(self):
        """The probes of analysis come to abm that way."""
        from abm.probe import PROBES

        assert {"misrepresentation", "populism", "unparsed"} <= set(PROBES.names())
        assert PROBES.origin("populism") == BUILT_IN

    def test_a_package_that_offers_what_it_lacks(self, monkeypatch):
        """Its name and the reason are said."""
        from importlib.metadata import EntryPoint

        parts = make()
        entry = EntryPoint("theirs", "no_such_module:thing", "moloch.rankers")
        monkeypatch.setattr("moloch.registry.metadata.entry_points", lambda group: [entry])
        assert parts.names()[-1] == "theirs" and parts.origin("theirs") == "no_such_module"
        with pytest.raises(InputError, match="no_such_module: the ranker 'theirs' cannot be imported"):
            parts.get("theirs")


class TestAdding:
    """A name keeps its meaning."""

    @pytest.mark.parametrize("name", ["newest", "mine"])
    def test_no_part_takes_the_name_of_another(self, name):
        """Earlier runs would no longer mean what they say."""
        parts = make()
        parts.add("mine", object())
        with pytest.raises(InputError, match=f"the ranker '{name}' already exists"):
            parts.add(name, object())

    def test_the_same_part_may_come_again(self):
        """A module that is imported twice is no mistake."""
        parts = make()
        parts.add("mine", make)
        parts.add("mine", make)
