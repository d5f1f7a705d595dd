"""PromQL with Prometheus 3 semantics over a Storage. Pure: no I/O and no clock."""
