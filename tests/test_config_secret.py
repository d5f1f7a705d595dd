"""Secrets are fetched from where they are, and never shown."""

import os

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from monitor.secret import Secret, resolve

LITERAL = "hunter2-hunter2"


class Options(BaseModel):
    password: Secret
    token: Secret | None = None


@pytest.fixture
def private(tmp_path):
    """Write a file that only its owner reads."""

    def write(content, mode=0o600, name="secret"):
        path = tmp_path / name
        path.write_bytes(content)
        path.chmod(mode)
        return path

    return write


def test_file_loses_its_newline(private):
    path = private(b"s3cret pass\r\n")
    assert resolve(f"file:{path}").get_secret_value() == "s3cret pass"


def test_environment(monkeypatch):
    monkeypatch.setenv("ZHIBAN_TEST_SECRET", "from-env")
    assert resolve("env:ZHIBAN_TEST_SECRET").get_secret_value() == "from-env"


def test_credential_of_systemd(private, monkeypatch):
    """Credentials of systemd show a group's mode bits under ACLs; it guards the folder."""
    path = private(b"from-systemd\n", mode=0o440, name="wecom-url")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(path.parent))
    assert resolve("credential:wecom-url").get_secret_value() == "from-systemd"


def test_a_secret_already_fetched_passes():
    value = SecretStr("x")
    assert resolve(value) is value


SENTENCES = {
    "literal": (LITERAL, "stands here as itself; write file:/path, env:NAME or credential:NAME"),
    "url with a colon": (f"https://{LITERAL}", "stands here as itself"),
    "number": (20261002, "stands here as itself"),
    "relative file": (f"file:{LITERAL}", "not an absolute path; write file:/path"),
    "no file": ("file:/nonexistent/x", "secret file /nonexistent/x: no such file or directory"),
    "folder": ("file:/", "secret file /: is not a regular file"),
    "device": ("file:/dev/null", "secret file /dev/null: is not a regular file"),
    "no variable": ("env:ZHIBAN_UNSET", "environment variable ZHIBAN_UNSET is not set, or empty"),
    "bad variable": (f"env:{LITERAL} {LITERAL}", "no name of an environment variable"),
    "climbing credential": ("credential:../x", "no name of a systemd credential"),
    "no systemd": ("credential:x", "CREDENTIALS_DIRECTORY is not set; systemd sets it where"),
}


@pytest.mark.parametrize(("value", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_refused(value, sentence, monkeypatch):
    """Every refusal says where it looked, and never what it was given as the secret."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ValueError) as caught:
        resolve(value)
    assert sentence in str(caught.value)
    assert LITERAL not in str(caught.value)


FILES = {
    "group may read": (b"x", 0o640, "others than its owner may read it; chmod 600"),
    "world may read": (b"x", 0o604, "others than its owner may read it"),
    "empty": (b"\n", 0o600, "is empty"),
    "too large": (b"x" * (64 * 1024 + 1), 0o600, "larger than 64 KiB"),
    "binary": (b"\xff\xfe", 0o600, "is not UTF-8"),
}


@pytest.mark.parametrize(("content", "mode", "sentence"), FILES.values(), ids=FILES)
def test_refused_file(private, content, mode, sentence):
    with pytest.raises(ValueError, match=sentence):
        resolve(f"file:{private(content, mode)}")


def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ValueError, match="not a regular file"):
        resolve(f"file:{tmp_path / 'pipe'}")


def test_models_hide_it(monkeypatch):
    monkeypatch.setenv("ZHIBAN_TEST_SECRET", LITERAL)
    options = Options(password="env:ZHIBAN_TEST_SECRET")
    assert options.password.get_secret_value() == LITERAL
    assert LITERAL not in repr(options)
    assert LITERAL not in str(options)


def test_in_a_model_the_error_is_the_fields():
    with pytest.raises(ValidationError) as caught:
        Options(password="env:ZHIBAN_UNSET", token="env:ZHIBAN_UNSET2")
    assert [e["loc"] for e in caught.value.errors()] == [("password",), ("token",)]
