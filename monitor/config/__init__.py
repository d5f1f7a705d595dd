"""
Configuration: YAML into one frozen Site, every problem at once with file and line.

``load`` may run in a thread: it touches files and the environment, keeps no state and
opens no connection, and returns a whole Site or raises.
"""

from pathlib import Path

from monitor.config.findings import ConfigError
from monitor.config.loading import Loading
from monitor.config.site import Site, describe

__all__ = ["ConfigError", "Site", "describe", "load"]


def load(path: Path, state: Path | None = None) -> Site:
    """
    Read a configuration with its rules and its plan.

    ``state``, if given, stands for ``daemon.state``. Raises ConfigError.
    """
    return Loading(path, state).site()
