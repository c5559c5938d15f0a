"""Competitors: the first has a model write, the others print the same leaflet about every anchor."""

from abm.arenas.completions import Completion
from abm.worlds import COMPETITORS, Competitor


@COMPETITORS.register("leaflet")
class Leaflet(Competitor):
    def write(self, assignment):
        if self.slot == 0:
            return super().write(assignment)  # the request to the model
        return Completion(thinking="", text=f"Now in your town: {assignment.anchor.text}")
