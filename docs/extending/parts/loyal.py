"""Members who take what they saw first, unless the audience would have them choose nothing."""

from abm.worlds import MEMBERS, Member


@MEMBERS.register("loyal")
class Loyal(Member):
    def react(self, offer):
        if super().react(offer) < 0:  # what the audience chooses for this member
            return -1
        return offer.order(self)[0]

    def explain(self, offer, choice):
        return "The first one was good enough." if choice >= 0 else "Not today."
