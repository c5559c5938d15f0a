"""The command: ``moloch`` and ``python -m moloch``."""

from __future__ import annotations

import sys
from importlib import import_module

from moloch.lazy import OURS, refuse_shadow


def main() -> None:
    """Run the command line."""
    try:
        for package in OURS:
            refuse_shadow(package)
    except ImportError as error:
        sys.exit(f"moloch: {error}")
    import_module("analysis.cli").main()


if __name__ == "__main__":
    main()
