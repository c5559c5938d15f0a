"""What carries out the cells of a study: processes of this machine, a Ray cluster. Each is an :class:`analysis.studies.tasks.Engine`."""
