"""What can be imported from `threadchat` itself, which is all that the README uses."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import threadchat

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")

EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

PUBLIC = """
    Acted Allowed Announcement Bound CameBack Chat ChatServer Command Connected Connection
    Console Detail Disconnected Emote Event EventLog Format Found Goodbye History Joined
    JsonLines LastAnswer Left LeftTogether Limits Member Message Misuse Muted Named Notice
    OperatorError Person PersonError Private Problem Reason Records Refused Registry Renamed
    RoomMessage RoomsAnswer RulesFiles Say SearchAnswer ServerConfig Snapshot Spoken
    StopAnnounced Stopped Stopping StoredHistory TopicSet Trouble Unmuted Watcher Welcome
    WentAway WhoAnswer WhoisAnswer __version__ make_context parse_allowed
""".split()


def test_the_list() -> None:
    assert sorted(threadchat.__all__) == sorted(PUBLIC)
    assert threadchat.__all__ == sorted(threadchat.__all__)


@pytest.mark.parametrize("name", PUBLIC)
def test_each_is_there(name: str) -> None:
    assert getattr(threadchat, name) is not None


def test_the_readme_uses_nothing_deeper() -> None:
    assert EXAMPLES
    for example in EXAMPLES:
        for node in ast.walk(ast.parse(example)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("threadchat"):
                assert node.module in ("threadchat", "threadchat.testing")
            if isinstance(node, ast.Import):
                assert not any("threadchat." in alias.name for alias in node.names)
    # Nor in its text, but for the names of what is run with -m.
    deeper = re.findall(r"threadchat\.[a-z]\w*(?:\.\w+)*", README)
    assert set(deeper) <= {"threadchat.testing", "threadchat.db"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_runs(example: str) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stderr) == (0, "")
