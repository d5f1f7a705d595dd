"""The nouns, frozen. Pure: no I/O, no clock, nothing of ours imported from above."""
