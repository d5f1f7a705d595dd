"""The only writer of incidents: evaluate, correlate, advance, one transaction, wake the outbox."""
