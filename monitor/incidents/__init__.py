"""Root causes, lifecycles, clocks. Pure: no I/O and no clock; ``now`` is an argument."""
