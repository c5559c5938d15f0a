"""The pages: they lay out what :mod:`analysis.ui.data` says, and do no arithmetic. Needs the ``ui`` extra."""
