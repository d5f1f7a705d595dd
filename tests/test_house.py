"""The house rules that a linter does not know."""

import re
import tomllib
from pathlib import Path

from monitor.incidents.escalation import RECOVERED, TOLD

ROOT = Path(__file__).resolve().parents[1]


def locked(name):
    """Package names in a lock."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return {m.group(1).lower() for m in re.finditer(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


def test_the_core_install_stays_small_and_every_package_has_its_reason():
    core = locked("core.lock")
    assert len(core) <= 50
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    assert not {name for name in core if name not in reasons}


def test_locks_have_hashes_and_no_addresses():
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index" not in text
        assert text.count("--hash=sha256:") >= len(locked(lock.name))


def test_every_package_folder_is_in_the_wheel():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "setuptools"
    ]
    folders = {
        ".".join(p.parent.relative_to(ROOT).parts)
        for top in ("monitor", "exporters")
        for p in (ROOT / top).rglob("__init__.py")
    }
    assert folders == {p for p in setuptools["packages"] if not p.startswith("monitor.data")}


def test_files_stay_short():
    """
    At most about 300 lines: a longer file is two files.
    """
    long = {
        str(p.relative_to(ROOT)): n
        for top in ("monitor", "exporters")
        for p in (ROOT / top).rglob("*.py")
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > 320
    }
    assert not long


def test_on_call_explains_every_step():
    text = (ROOT / "docs" / "on-call.md").read_text(encoding="utf-8")
    for step in (TOLD, "director", "raised-", "t30m", "t6h", "t24h", RECOVERED):
        assert f"`{step}" in text
