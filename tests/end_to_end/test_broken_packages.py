"""Start the program where a package that an extra brought is there, but broken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.test_program import running
from tests.support.clients import Client
from threadchat.testing import DEADLINE


def broken(folder: Path, package: str, code: str) -> dict[str, str]:
    """Return the environment of a program that imports `package`, and runs `code` by that."""
    (folder / f"{package}.py").write_text(f"{code}\n", encoding="utf-8")
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return {"PYTHONPATH": path, "THREADCHAT_WEB_PORT": ""}


@pytest.mark.parametrize("package", ["h11", "wsproto"])
@pytest.mark.parametrize("code", ["raise ImportError('no X')", "1 / 0"])
def test_without_a_door_for_browsers_terminals_are_served(
    tmp_path: Path, package: str, code: str
) -> None:
    with running(
        *("--host", "127.0.0.1", "--port", "0", "--no-announce"), **broken(tmp_path, package, code)
    ) as program:
        line = program.read_until(r" problem ").string
        assert "browsers cannot join: what that needs is installed, but broken (" in line
        assert "pip install --force-reinstall 'threadchat[web]', or --web-port off" in line
        with Client(program, "al") as al:
            al.type("/quit")
            al.expect_end()


@pytest.mark.parametrize(
    ("package", "arguments", "words"),
    [
        ("h11", ["--web-port", "0"], "--web-port 0: browsers cannot join: what that needs"),
        ("redis", ["--link", "redis://127.0.0.1:1/0#x"], "no link: what that needs"),
        ("zeroconf", ["find"], "what that needs"),
    ],
)
def test_what_was_asked_for_and_cannot_be_had_is_one_line(
    tmp_path: Path, package: str, arguments: list[str], words: str
) -> None:
    server = ["--host", "127.0.0.1", "--port", "0", "--no-announce"]
    run = subprocess.run(
        [sys.executable, "-m", "threadchat", *arguments, *(server if len(arguments) > 1 else [])],
        env={**os.environ, **broken(tmp_path, package, "1 / 0")},
        capture_output=True,
        text=True,
        timeout=3 * DEADLINE,
    )
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1, run.stderr
    assert f": {words} is installed, but broken (ZeroDivisionError: " in run.stderr
    assert "pip install --force-reinstall" in run.stderr
