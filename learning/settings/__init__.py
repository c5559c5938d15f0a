"""The settings of a run as a list: what each means, where its value came from, their JSON Schema, a file to begin with."""
