"""The thresholds of the crash tests, in milliseconds: the worker and the verdict share them."""

STEPS = {"t30m": 300, "t6h": 500, "t24h": 700}
