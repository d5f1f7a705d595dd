"""Third-party test data outside the repository, found through ZHIBAN_SHARED."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def shared(name):
    """A folder of the shared data; a skip where it is not there and nobody said it is."""
    said = os.environ.get("ZHIBAN_SHARED")
    folder = Path(said or ROOT.parent / "shared")
    if folder.is_dir():
        return folder / name
    if said:
        pytest.fail(f"ZHIBAN_SHARED is set to {said}, which is not a folder")
    pytest.skip(f"no shared data at {folder}; set ZHIBAN_SHARED")
