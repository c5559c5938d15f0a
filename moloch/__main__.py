"""The command: ``moloch`` and ``python -m moloch``."""

from __future__ import annotations

from importlib import import_module


def main() -> None:
    """Run the command line."""
    import_module("analysis.cli").main()


if __name__ == "__main__":
    main()
