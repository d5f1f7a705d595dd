"""The shell around probes: when a target is visited, under which bounds, and what came of it."""
