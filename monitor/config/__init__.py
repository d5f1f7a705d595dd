"""Configuration: YAML into frozen values, every problem at once with file and line."""
