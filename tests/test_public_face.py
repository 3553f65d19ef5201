"""What can be imported from `threadchat` itself, which is all that the README uses."""

import ast
import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import threadchat
from threadchat import ChatServer, ServerConfig
from threadchat.testing import UNLIMITED, Client, run_server

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")

EXAMPLES: list[str] = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

PUBLIC = """
    Acted Allowed AnnouncedOnLan Announcement ApartBegins ApartEnds BadName Bound CameBack
    Certificate Chat ChatServer Command Connected Connection Console Detail Disconnected Emote Event
    EventLog Format Found FoundWaysIn Gap Goodbye History Joined JsonLines LastAnswer Left
    LeftTogether LeftWithServer Limits LinesMissed LinkAddress LinkBack LinkLost Linked Member
    Message Misuse Muted Named Notice OperatorError Person PersonError Place Private Problem
    ProgramMember Reason Records Refused Registry Renamed ReplayBegins ReplayEnds RoomMessage
    RoomsAnswer RulesFiles Say SearchAnswer ServerConfig Snapshot Spoken StopAnnounced Stopped
    Stopping StoredHistory TakenBack TopicSet Trouble Unlinked Unmuted Watcher Welcome WentAway
    WhoAnswer WhoisAnswer __version__ parse_allowed parse_link
""".split()


def test_the_list() -> None:
    assert sorted(threadchat.__all__) == sorted(PUBLIC)
    assert threadchat.__all__ == sorted(threadchat.__all__)


def test_each_is_there() -> None:
    assert [name for name in PUBLIC if getattr(threadchat, name, None) is None] == []


def test_it_is_read_only_when_a_name_is_asked_for() -> None:
    program = (
        "import sys, threadchat\n"
        "print(threadchat.__version__, sum(it.startswith('threadchat.') for it in sys.modules))\n"
        "from threadchat import *\n"
        "print(ChatServer.__name__, parse_allowed.__name__, __version__)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    version = threadchat.__version__
    assert run.stdout == f"{version} 0\nChatServer parse_allowed {version}\n"


def test_what_else_is_asked_for_is_not_there() -> None:
    assert set(PUBLIC) < set(dir(threadchat))
    assert not hasattr(threadchat, "nonsense")
    with pytest.raises(ImportError, match="nonsense"):
        exec("from threadchat import nonsense")


def test_the_readme_uses_nothing_deeper() -> None:
    assert EXAMPLES
    for example in EXAMPLES:
        for node in ast.walk(ast.parse(example)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("threadchat"):
                assert node.module in ("threadchat", "threadchat.testing")
            if isinstance(node, ast.Import):
                assert not any("threadchat." in alias.name for alias in node.names)
    # Nor in its text, but for the names of files and of a host.
    deeper = set(re.findall(r"threadchat\.[a-z]\w*(?:\.\w+)*", README))
    files = {
        f"threadchat.{ending}" for ending in ("db", "local", "plist", "service", "toml", "xml")
    }
    assert deeper - files <= {"threadchat.testing"}


@pytest.mark.parametrize("example", [it for it in EXAMPLES if "threadchat" in it])
def test_each_example_runs(example: str) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stderr) == (0, "")


def run_with(example: str, use: Callable[[ChatServer], None]) -> None:
    """Run an example of the README, and call `use` with its server at the dots."""
    assert example.count("    ...\n") == 1
    exec(example.replace("    ...\n", "    use(server)\n"), {"use": use})


def example_with(word: str) -> str:
    """Return the one example of the README that has `word` in it."""
    (example,) = (example for example in EXAMPLES if word in example)
    return example


def lines_of(example: str) -> list[str]:
    """Return the lines that are not blank."""
    return [line for line in example.splitlines() if line]


def test_the_command_of_the_readme_can_be_typed() -> None:
    example = example_with("Command(")

    def use(server: ChatServer) -> None:
        with Client(server, "al") as al, Client(server, "bo") as bo:
            al.type("/roll")
            rolled = re.search(r"=== You rolled a ([1-6])\.\r\n$", al.expect(".\r\n"))
            assert rolled
            bo.expect(f"* al rolls a {rolled[1]}\r\n")
            al.type("/roll 20")
            al.expect("!!! Use it like this: /roll - roll a die.\r\n")
            al.type("/help more")
            al.expect("===   /roll  roll a die\r\n")

    run_with(example, use)
    assert len(lines_of(example)) <= 10


def test_the_program_of_the_readme_speaks_the_protocol() -> None:
    example = example_with("websockets")
    config = ServerConfig(limits=UNLIMITED, web_address=("127.0.0.1", 0))
    with run_server(config) as server, Client(server, "al") as al:
        al.type("before it came")
        assert server.web_listener is not None
        port = server.web_listener.server_address[1]
        program = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", example.replace(":8080", f":{port}")],
            stderr=subprocess.PIPE,
            text=True,
        )
        with program:
            expect_a_parrot(al)
            server.stop()
            assert program.stderr is not None
            assert program.stderr.read() == ""
            assert program.wait(60) == 0


(IN_JAVASCRIPT,) = re.findall(r"^```javascript\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@contextlib.contextmanager
def served_for_javascript() -> Iterator[tuple[ChatServer, Client, str, int]]:
    """Run a server with al at a terminal; yield the README's program for it, and its port."""
    config = ServerConfig(limits=UNLIMITED, web_address=("127.0.0.1", 0))
    with run_server(config) as server, Client(server, "al") as al:
        al.type("before it came")
        assert server.web_listener is not None
        port = server.web_listener.server_address[1]
        yield server, al, IN_JAVASCRIPT.replace(":8080", f":{port}"), port


def expect_a_parrot(al: Client) -> None:
    al.expect("--> parrot joined")
    for words in ("hi", "hi é again"):
        al.type(words)
        assert "before it came" not in al.expect(f"parrot: {words}\r\n")


def test_so_does_the_one_in_javascript_in_node() -> None:
    node = shutil.which("node")
    flags = (["--no-warnings"], ["--no-warnings", "--experimental-websocket"])
    works = [
        [node, *them]
        for them in flags
        if node
        and not subprocess.run([node, *them, "-e", "WebSocket"], capture_output=True).returncode
    ]
    if not works:
        pytest.skip("no node that has WebSocket")
    with served_for_javascript() as (server, al, program, _):
        run = subprocess.Popen([*works[0], "-e", program], stderr=subprocess.PIPE, text=True)
        with run:
            expect_a_parrot(al)
            server.stop()
            assert run.stderr is not None
            assert run.stderr.read() == ""
            assert run.wait(60) == 0


@pytest.mark.slow
def test_and_in_a_browser() -> None:
    browser = pytest.importorskip("tests.web.browser", reason="selenium is not installed")
    with served_for_javascript() as (_, al, program, port), browser.open_browser() as driver:
        driver.get(f"http://127.0.0.1:{port}/health")
        driver.execute_script(program)
        expect_a_parrot(al)


def test_the_member_of_the_readme_answers() -> None:
    example = example_with("add_member(")

    def use(server: ChatServer) -> None:
        with Client(server, "al") as al, Client(server, "bo") as bo:
            al.type("hi")
            al.expect("echo: al said hi\r\n")
            bo.expect("al: hi\r\necho: al said hi\r\n")
            al.type("/msg echo hi")
            al.expect("[echo -> you] You said hi\r\n")

    run_with(example, use)
    assert len(lines_of(example)) <= 10
