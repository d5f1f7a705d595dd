"""Rule files, the pending/firing machine, annotation templates. Reads files at load, no clock."""
