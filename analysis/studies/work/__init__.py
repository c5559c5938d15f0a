"""Cells carried out: by a controller, in workers, under rules of what is tried again."""
