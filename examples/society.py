"""Personas that a language model plays read feeds, reply, follow, remember, and choose: a small society, told from its log.

Covers: audience "llm" in the networked world, what members write, memory, invalid answers.
Scenario: posts about news before eight personas. The pocket model plays them unless another reader is named: it writes words
without sense and chooses at random, so that nothing here is evidence of anything. With smollm2 (moloch model add smollm2), the folder
of a model or the URL of a server instead, it is what that model does.
Run: python examples/society.py [OUT] [READER]; about a minute on two cores with the pocket model; again: the same from the log.
"""

import sys

from abm.events import FeedAnswerInvalid, MembersPosted, Reacted
from abm.log import read_events
from abm.state.recall import remembered
from abm.state.snapshots import state_at
from analysis import battery, win_rate
from learning import run

out, reader = [*sys.argv[1:], *["runs/example-society", "pocket"][len(sys.argv) - 1 :]]
size = {"epochs": 1, "train_anchors": 3, "held_out_anchors": 2, "train_personas": 8, "held_out_personas": 4}
people = {"audience": "llm", "reader": {"model": reader, "temperature": 0.7, "max_tokens": 700}}
network = {"rounds": 2, "followers": 0.7, "posts": {"characters": 80}}
done = run(
    arena="social",
    world="networked",
    network=network,
    arms=("rft",),
    ties="random",
    out=out,
    probes=battery,
    **people,
    **size,
)
events = list(read_events(done.path))
for event in events:
    if isinstance(event, MembersPosted):
        print(*(f"{kind}: {text}" for kind, text in zip(event.kinds, event.texts, strict=True)), sep="\n")
    elif isinstance(event, Reacted):
        print(f"persona {event.persona} chose message {event.choice} of {event.contest}: {event.thought}")
print("answers that could not be read:", sum(isinstance(event, FeedAnswerInvalid) for event in events))
print("what a persona remembers at the end:", remembered(state_at(done.path), 8), sep="\n")
print(win_rate(events, "rft"))
