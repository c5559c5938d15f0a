"""A backend without a model: it writes messages that quote one line of what they are about."""

import re

from abm.llm import BACKENDS, Reply
from moloch.content import digest


@BACKENDS.register("quoting")
class Quoting:
    unit = "batch"  # what is committed, and made again after a crash, as a whole

    def __init__(self, opening):
        self.name = opening.model
        self.praise = opening.serving.options.get("praise", "Look at this:")
        self.digest = digest(f"quoting {self.praise}".encode())

    def complete(self, requests):
        for request in requests:
            prompt = request.messages[-1]["content"]
            lines = [line for line in prompt.splitlines() if ": " in line] or [prompt]
            tag = re.findall(r"</(\w+)>", prompt)[-1:] or ["text"]
            line = lines[request.seed % len(lines)]
            words = f"<think>Quote.</think>\n<{tag[0]}>{self.praise} {line}</{tag[0]}>".split(" ")
            bound = request.sampling.max_tokens
            finish = "length" if len(words) >= bound else "stop"
            yield Reply(request.site, " ".join(words[:bound]), finish, len(prompt.split()), min(len(words), bound))
