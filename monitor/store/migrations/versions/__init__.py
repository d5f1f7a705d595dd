"""One script per schema revision. Once released, a script is never changed."""
