"""Where the files that come with zhiban are: in the wheel, or in the source tree."""

from pathlib import Path

import monitor


def rules() -> Path:
    """The folder of the shipped rule files; the plan is in its folder ``plan``."""
    package = Path(monitor.__file__).parent
    installed = package / "data" / "rules"  # where pyproject.toml puts it
    return installed if installed.is_dir() else package.parent / "rules"
