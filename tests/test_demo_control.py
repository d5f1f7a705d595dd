"""How a second terminal finds the demo and asks it, and every way that it cannot."""

import argparse
import asyncio
import json
import os
import socket
import stat
from pathlib import Path

import pytest

from monitor.demo import cli, control, words
from monitor.demo.control import Control, Note, RefusedError


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """A home, a runtime folder and a current folder of the test's own."""
    for name in ("home", "runtime", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.chdir(tmp_path / "here")


async def answers(do, asked):
    """A demo that knows one device."""
    if do in ("break", "mend"):
        if asked["name"] != "core-switch-1":
            raise RefusedError(f"no device is called {asked['name']!r}")
        return {"text": f"{do} {asked['name']}"}
    if do == "phone":
        return {"mode": "normal", "messages": []}
    raise RefusedError("unknown")


@pytest.fixture
async def demo(tmp_path):
    """A control socket in the state folder .demo of the current folder, announced."""
    state = tmp_path / "here" / ".demo"
    state.mkdir()
    opened = Control(state, answers)
    await opened.open()
    opened.announce(Note(str(opened.path), os.getpid(), 1, "c", "s", str(state)))
    yield opened
    await opened.close()


def parsed(*words):
    parser = argparse.ArgumentParser(prog="zhiban")
    cli.add_parser(parser.add_subparsers(required=True))
    return parser.parse_args(words)


async def run(*words):
    """One command in a thread, as another terminal would run it; the exit code."""
    args = parsed("demo", *words)
    return await asyncio.to_thread(args.run, args)


# where the command stands and what it says -> found
SEARCHES = {
    "in the same folder": ("here", []),
    "elsewhere, by the well-known note": ("home", []),
    "by --state after the command": ("home", ["--state", "../here/.demo"]),
}


@pytest.mark.parametrize(("folder", "more"), SEARCHES.values(), ids=SEARCHES)
async def test_found(demo, tmp_path, monkeypatch, capsys, folder, more):
    monkeypatch.chdir(tmp_path / folder)
    assert await run("break", "core-switch-1", *more) == 0
    assert capsys.readouterr().out == "break core-switch-1\n"


async def test_state_may_stand_before_the_command(demo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path / "home")
    assert await run("--state", "../here/.demo", "mend", "core-switch-1") == 0
    assert capsys.readouterr().out == "mend core-switch-1\n"


async def test_unknown_name_is_exit_2_in_one_line(demo, capsys):
    assert await run("break", "corr") == 2
    assert capsys.readouterr().err == "zhiban demo: no device is called 'corr'\n"


async def test_not_running_is_exit_1_in_one_line(capsys):
    assert await run("status") == 1
    said = capsys.readouterr().err
    assert said == "zhiban demo: no demo is running; start one with: zhiban demo\n"


async def test_another_state_folder_is_not_answered_by_the_running_one(demo, tmp_path, capsys):
    """
    --state means that demo and no other, even when one is running next to it.
    """
    assert await run("phone", "--state", str(tmp_path / "other")) == 1
    assert f"no demo is running in {tmp_path / 'other'}" in capsys.readouterr().err


async def test_a_killed_demo_leaves_a_note_and_a_socket_and_nothing_answers(tmp_path, capsys):
    state = tmp_path / "here" / ".demo"
    state.mkdir()
    path = state / "control.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    note = Note(str(path), 1, 1, "c", "s", str(state))
    (state / "demo.json").write_text(json.dumps({n: getattr(note, n) for n in Note.__slots__}))
    assert await run("phone") == 1
    assert "no demo is running" in capsys.readouterr().err
    # And the next demo on this folder takes the place over.
    fresh = Control(state, answers)
    await fresh.open()
    assert await run("phone") == 0
    await fresh.close()
    assert not path.exists()


async def test_the_socket_is_the_owners_only(demo):
    assert stat.S_IMODE(demo.path.stat().st_mode) == 0o600


async def test_close_takes_its_own_notes_away_and_leaves_anothers(demo, tmp_path):
    theirs = tmp_path / "runtime" / "zhiban-demo.json"
    note = json.loads(theirs.read_text()) | {"control": "/elsewhere/control.sock"}
    theirs.write_text(json.dumps(note))
    await demo.close()
    assert theirs.exists()
    assert not (demo.path.parent / "demo.json").exists()


async def test_a_deep_state_folder_gets_a_short_socket(tmp_path, monkeypatch):
    """
    The kernel takes 107 bytes of path; the note says where the socket is instead.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path.parent))
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    opened = Control(deep, answers)
    await opened.open()
    opened.announce(Note(str(opened.path), 1, 1, "c", "s", str(deep)))
    assert await run("phone", "--state", str(deep)) == 0
    await opened.close()
    assert not opened.path.parent.exists()


@pytest.mark.parametrize("line", [b"{\n", b"[]\n", b"\n", b'{"do": 7}\n', b"x" * 100])
async def test_garbage_on_the_socket_is_answered_and_survived(demo, line):
    reader, writer = await asyncio.open_unix_connection(demo.path)
    writer.write(line)
    writer.write_eof()
    answer = json.loads(await asyncio.wait_for(reader.readline(), 2))
    assert (answer["ok"], answer["code"]) == (False, 2)
    writer.close()
    assert await run("phone") == 0


# command line -> what argparse must refuse
WRONG = {
    "speed below 1": ["--speed", "0.5"],
    "speed that is no number": ["--speed", "fast"],
    "speed nan": ["--speed", "nan"],
    "port too high": ["--port", "65536"],
    "break without a name": ["break"],
    "unknown command": ["explode"],
}


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
def test_wrong_words_are_exit_2(given, capsys):
    with pytest.raises(SystemExit) as caught:
        parsed("demo", *given)
    assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_status_aligns_chinese_titles():
    rows = [
        {"name": "a", "title": "核心", "condition": "well", "by": [], "depth": 0, "address": "x"},
        {
            "name": "b",
            "title": "HIS",
            "condition": "isolated",
            "by": ["核心"],
            "depth": 1,
            "address": "y",
        },
    ]
    lines = words.status({"devices": rows, "daemon_pid": None}).splitlines()
    assert lines[1] == "a     核心   well              x"
    assert lines[2] == "  b   HIS    isolated by 核心  y"
    assert lines[3] == "daemon: not running (demo restart-daemon)"


def test_phone_prints_oldest_first_in_shanghai_time():
    messages = [
        {
            "person": "王芳",
            "title": "第二条",
            "text": "两\n行",
            "received_at": "2026-10-01T19:15:00.000Z",
            "repeated": True,
        },
        {
            "person": "张伟",
            "title": "第一条",
            "text": "",
            "received_at": "2026-10-01T19:10:00.000Z",
            "repeated": False,
        },
    ]
    assert words.phone({"mode": "refuse", "messages": messages}).splitlines() == [
        "10-02 03:10:00  张伟  第一条",
        "10-02 03:15:00  王芳  第二条  (delivered again)",
        "    两",
        "    行",
        "(the phones are in mode refuse: nothing arrives)",
    ]


def test_a_hint_can_be_pasted(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/usr/lib/python3/dist-packages/monitor/__main__.py"])
    assert cli.program().endswith(" -m monitor")
    monkeypatch.setattr("sys.argv", [".venv/bin/zhiban"])
    monkeypatch.setenv("PATH", "/nonexistent")
    assert cli.program() == ".venv/bin/zhiban"


def test_home_is_the_last_place(tmp_path):
    assert control.home_state() == Path(tmp_path / "home/.local/state/zhiban-demo")
