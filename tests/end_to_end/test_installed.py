"""The wheel, as it is installed: the program in it serves the whole page."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("websockets", reason="websockets is not installed (extra `test`)")

from websockets.sync.client import connect

from tests.end_to_end.test_program import running
from threadchat.testing import DEADLINE

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "threadchat" / "web" / "page"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Build the wheel from what a checkout has, and return a folder into which it is unpacked."""
    source = tmp_path / "source"
    shutil.copytree(
        ROOT / "threadchat", source / "threadchat", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("setup.py", "setup.cfg", "README.md"):
        shutil.copy(ROOT / name, source)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-cache-dir",
         "--wheel-dir", str(tmp_path), str(source)],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        files.extractall(tmp_path / "site")
    return tmp_path / "site"


@pytest.mark.slow
def test_the_program_of_the_wheel_serves_the_page_and_lets_people_in(installed: Path) -> None:
    where = {"PYTHONPATH": str(installed), "PYTHONSAFEPATH": "1"}
    imported = subprocess.run(
        [sys.executable, "-c", "import threadchat; print(threadchat.__file__)"],
        env={**os.environ, **where}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert imported.startswith(str(installed))
    with running("--host", "127.0.0.1", "--port", "0", "--web-port", "0", **where) as program:
        address = program.read_until(r"http://(127\.0\.0\.1:\d+)/")[1]
        for file in PAGE.iterdir():
            name = "" if file.name == "index.html" else file.name
            with urllib.request.urlopen(f"http://{address}/{name}", timeout=DEADLINE) as answer:
                got = answer.read()
            port = program.server_address[1]
            assert got == re.sub(rb"HOST PORT", b"127.0.0.1 %d" % port, file.read_bytes())
        with connect(f"ws://{address}/ws", proxy=None) as socket:
            socket.send(json.dumps({"kind": "name", "text": "al"}))
            while '"kind":"room"' not in str(socket.recv(DEADLINE)).replace(" ", ""):
                pass
